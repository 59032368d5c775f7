from __future__ import annotations

import pytest
import torch

from spikeforge.errors import SpikeforgeError
from spikeforge.schema import Leak, LeakKind
from train.count_effect import CountEffect, mean_psp
from train.recipe import Recipe
from train.rules import build_network
from train.spiking.neuron import Neuron
from train.st_rsbp import StRsbpLayer

SHIFT = [Leak(kind=LeakKind.SHIFT, shift=places) for places in range(5)]
NEURONS = [
    Neuron(current_leak=SHIFT[1], membrane_leak=SHIFT[3]),
    Neuron(current_leak=SHIFT[2], membrane_leak=SHIFT[4], refractory=1),
    Neuron(membrane_leak=SHIFT[3]),
]


def recurrent(inputs, outputs, neuron):
    torch.manual_seed(2)
    made = StRsbpLayer(inputs, outputs, neuron=neuron, rule=None, steps=12, weight_bits=8)
    made.rounding = False
    made.log_step.data.fill_(-2.0)  # far from clipping
    made.weight.data.mul_(3)
    made.recurrent.data.mul_(2)
    made.most_sweeps, made.tolerance = 300, 1e-12
    return made.double()


def by_hand(x, layer):
    """The forward pass, one step at a time: spikes and membranes in thresholds, (steps, B, N)."""
    neuron, shape = layer.neuron, (x.shape[1], layer.outputs)
    spikes, u = [], []
    current, v, wait, before = (torch.zeros(shape, dtype=x.dtype) for _ in range(4))
    for arriving in x:
        drive = arriving @ layer.weight.T + before @ layer.recurrent.T
        current = neuron.current_keeps * current + drive
        v = (neuron.membrane_keeps * v + current) * (wait <= 0)
        u.append(v)
        before = (v >= 1).to(x.dtype)
        spikes.append(before)
        v = v * (1 - before)
        wait = torch.where(before > 0, float(neuron.refractory), wait - 1)
    return torch.stack(spikes), torch.stack(u)


@torch.no_grad()
def transcribed(x, by_spikes, layer, pairs):
    """Gradients by W, R and the inputs' counts: matrices Omega and Phi of one image at a time."""
    spikes, u = by_hand(x, layer)
    w, r, neuron = layer.weight, layer.recurrent, layer.neuron
    by_w, by_r, by_counts = torch.zeros_like(w), torch.zeros_like(r), []
    for image in range(x.shape[1]):
        pre, post, height = x[:, image], spikes[:, image], u[:, image]
        ends = pairs.marked(post, height)
        late = torch.cat([torch.zeros_like(ends[:1]), ends[:-1]])  # peers hear it one step later
        truly_late = torch.cat([torch.zeros_like(post[:1]), post[:-1]])
        e_in = pairs.psp_matrix(pre, post, height, neuron)
        e_own = pairs.psp_matrix(late, post, height, neuron)
        count, silent = ends.sum(0), ~post.any(0)
        diagonal = torch.ones(layer.outputs, dtype=x.dtype)
        for j in torch.nonzero(~silent).flatten().tolist():
            slopes = [
                layer.effect.slope(int(n), int(count[j])) for n in (*pre.sum(0), *post.sum(0))
            ]
            total = (torch.cat([w[j], r[j]]) * torch.tensor(slopes, dtype=x.dtype)).sum()
            diagonal[j] = max(0.25, 1 - float(total))
        omega = torch.diag(diagonal) - r * e_own / count
        phi = w * e_in / pre.sum(0).clamp(min=1)
        delta = (ends * by_spikes[:, image]).sum(0) / count
        delta = delta / ((height * post).sum(0) / post.sum(0).clamp(min=1)).clamp(min=1)
        full = post.sum(0) == -(-len(post) // (neuron.refractory + 1))
        delta = torch.where(full & (delta < 0), 0.0, delta)
        by_counts.append(delta @ torch.linalg.solve(omega, phi))
        adjoint = torch.linalg.solve(omega.T, delta)
        by_w += adjoint[:, None] * e_in
        by_r += adjoint[:, None] * pairs.psp_matrix(truly_late, post, height, neuron)
    return by_w, by_r, torch.stack(by_counts)


@pytest.mark.parametrize("neuron", NEURONS)
def test_gradients_are_those_of_the_implicit_equations(neuron, spike_pairs):
    layer = recurrent(5, 6, neuron)
    x = (torch.rand(12, 3, 5) < 0.4).double().requires_grad_()
    spikes = layer(x)
    assert torch.equal(spikes, by_hand(x, layer)[0])
    assert 0 < (spikes.sum(0) == 0).sum() < 16
    assert (spikes.sum(0) > 1).any()
    by_spikes = torch.randn_like(spikes)
    spikes.backward(by_spikes)
    by_w, by_r, by_counts = transcribed(x.detach(), by_spikes, layer, spike_pairs)
    assert torch.allclose(layer.weight.grad, by_w, atol=1e-5, rtol=1e-5)
    assert torch.allclose(layer.recurrent.grad, by_r, atol=1e-5, rtol=1e-5)
    count = x.detach().sum(0)
    found = (x.grad * x.detach()).sum(0) / count.clamp(min=1)
    assert torch.allclose(found, by_counts, atol=1e-5, rtol=1e-5)
    assert by_r.abs().max() > 1e-2


def test_a_potential_grows_with_the_receivers_count_ever_more_slowly(spike_pairs):
    neuron = NEURONS[0]
    e = mean_psp(8, neuron)
    assert e.shape == (9, 9)
    assert torch.allclose(e[0], torch.zeros(9, dtype=e.dtype))
    every = torch.ones(8)
    assert float(e[8, 8]) == pytest.approx(float(spike_pairs.psp(every, every, neuron)))
    assert mean_psp(8, NEURONS[1]).shape == (9, 5)  # one refractory step: every other step at most
    effect = CountEffect(8, neuron)
    slopes = [effect.slope(4, count) for count in range(1, 9)]
    rises = e[4, 2:] - e[4, 1:-1]
    assert slopes[0] > slopes[3] > 0
    assert sum(slopes[:7]) == pytest.approx(float(rises.sum()), rel=0.2)


def test_an_evaluated_layer_hears_its_own_spikes():
    layer = recurrent(5, 6, NEURONS[0])
    x = (torch.rand(12, 3, 5) < 0.4).double()
    with torch.no_grad():
        layer.recurrent.mul_(5)
        heard = layer.run(x).spikes
        assert torch.equal(heard, by_hand(x, layer)[0])
        layer.recurrent.zero_()
    assert not torch.equal(layer.run(x).spikes, heard)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({}, r"network\.recurrent must be true for rule st-rsbp, not false; or take rule hm2-bp"),
        (
            {"recurrent": True, "batch_norm": True},
            r"network\.batch_norm must be false for rule st-rsbp, not true: its thresholds",
        ),
    ],
)
def test_what_the_rule_cannot_do_is_refused(network, message):
    asked = {"name": "r", "rule": "st-rsbp", "network": {"hidden": [9], **network}}
    with pytest.raises(SpikeforgeError, match=message):
        build_network(Recipe.model_validate({**asked, "training": {"epochs": 1}}))


@pytest.mark.parametrize("neuron", NEURONS)
def test_sweeps_end_close_to_where_they_would_converge(neuron):
    found = {}
    for kind in ("default", "converged"):
        layer = recurrent(14, 9, neuron)
        if kind == "default":
            fresh = StRsbpLayer(14, 9, neuron=neuron, rule=None, steps=12)
            layer.most_sweeps, layer.tolerance = fresh.most_sweeps, fresh.tolerance
        torch.manual_seed(3)
        x = (torch.rand(12, 8, 14) < 0.3).double()
        (layer(x) * torch.randn(12, 8, 9).double()).sum().backward()
        found[kind] = layer.recurrent.grad
    distance = (found["default"] - found["converged"]).norm() / found["converged"].norm()
    assert 0 < distance < 0.01
