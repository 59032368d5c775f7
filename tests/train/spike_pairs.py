"""Slow transcriptions of the spike-train rules: sums over pairs of spikes, one neuron at a time."""

from __future__ import annotations

import torch

from train.spiking.neuron import Neuron

SILENT_PSP = 0.1


def kernel(d, g, neuron):
    """V at a spike, d steps after an arrival, g steps after V was last held at zero.

    The definition has exponentials of -x / tau; on the grid they are powers of what a state keeps,
    and an arrival acts in its own step: d + 1 steps of V have passed when d steps have.
    """
    fast, slow = neuron.current_keeps, neuron.membrane_keeps
    waited, n = max(d - g, 0), min(d, g) + 1
    if fast == slow:
        return fast**waited * n * fast ** (n - 1)
    return fast**waited * (slow**n - fast**n) / (slow - fast)


def psp(pre, post, neuron: Neuron):
    """e_{j|i}: the sum over pairs of a presynaptic and a postsynaptic train, each (steps,)."""
    total, since = 0.0, 0  # the first step in which V moves
    for t_post in torch.nonzero(post).flatten().tolist():
        for t_pre in torch.nonzero(pre).flatten().tolist():
            if t_pre <= t_post:
                total += kernel(t_post - t_pre, t_post - since, neuron)
        since = t_post + 1 + neuron.refractory
    return total


def psp_matrix(pre, post, u, neuron):
    """e of all pairs of one image, (post, pre); silent ``post`` as 0.1 spikes where u is largest.

    Args:
        pre: Trains, shape (steps, inputs).
        post: Trains, shape (steps, neurons).
        u: Membranes of ``post``, same shape.
        neuron: What they do.
    """
    e = torch.zeros(post.shape[1], pre.shape[1], dtype=torch.float64)
    for j in range(post.shape[1]):
        train, worth = post[:, j], 1.0
        if not train.any():
            train = torch.zeros_like(train)
            train[u[:, j].argmax()] = 1
            worth = SILENT_PSP
        for i in range(pre.shape[1]):
            e[j, i] = worth * psp(pre[:, i], train, neuron)
    return e


def marked(trains, u):
    """Trains (steps, neurons), with one spike where u is largest in each silent one."""
    result = trains.clone()
    for i in range(trains.shape[1]):
        if not trains[:, i].any():
            result[u[:, i].argmax(), i] = 1
    return result
