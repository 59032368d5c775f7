"""STiDi-BP: every layer learns from the displacement between its spikes and desired spikes.

After Mirsadeghi, Shalchian, Kheradpisheh and Masquelier, "Spike time displacement based error
backpropagation in convolutional spiking neural networks" (arXiv 2108.13621), whose exact constants
are not public; what follows is this project's definition from its abstract and from the group's
S4NN. Non-leaky neurons that fire once; V_j(t) = sum of w_ji eps(t - t_i) with the piecewise-linear
PSP eps(s) = s / rise up to s = rise, then 1 - (s - rise) / fall down to 0 (without a fall it
stays at 1); an arrival counts from its own step on, so there s = t - t_i + 1. With d_j = t_j* - t_j
the displacement of neuron j:

    dw_ji = -rate * d_j * eps(t_j - t_i)                      (dt_j/dV_j is a negative constant)
    d_i = sum over j of w_ji d_j [t_i <= t_j] / sum over j of |w_ji|       (what reaches a layer)

So a neuron's desired time follows from those of the neurons that it helped to fire, weighed by its
own weights to them (in thresholds of theirs, where each has its own), and no slope, PSP or weight
update of another layer goes into it. An output neuron's time is the interpolated crossing; one that
stays silent counts as crossing 2 (theta - V) / theta steps after its last one.

Two additions keep hidden layers firing. The mask [t_i <= t_j] lets neurons hear more often of late
neurons than of early ones, and silence could not be left again: each layer drifted into it. So of
the displacements of an image's neurons that fired their mean is taken off, which leaves the order
of their spikes and no drift; and a neuron that stayed silent is displaced too, by 1/128 of what the
formula gives without its mask, if that is earlier (by 1/32, so many fire that fully connected
networks lose 0.8 points). A layer that is silent for a whole batch draws all its V towards theta.

In autograd the gradient by a spike time stands for -d_j, and all of the above for a derivative.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import torch
from torch import Tensor
from torch.nn.grad import conv2d_input

from train.crossing import NEVER, first_crossing
from train.marks import Mark, by_bias_current
from train.psp import Taps, psp
from train.quantize import by_row, step_gradient
from train.stepped import SteppedDense
from train.stepped_conv import SteppedConv
from train.stepped_layer import Response, SteppedLayer

__all__ = ["StidiConv", "StidiDense", "StidiOutput", "psp_taps"]

_SILENT_SHARE = 1 / 128  # of a displacement, that a silent neuron feels
_LEAST_SHARE = 1e-9  # thresholds: an input without any weight is not divided by 0
_SILENT_STEPS = 2.0  # that a silent output neuron is late, per threshold of missing V


def psp_taps(rise: int, fall: int | None = None) -> Taps:
    """The piecewise-linear PSP as delayed integer gains on the current.

    Args:
        rise: Steps in which it rises.
        fall: Steps in which it falls back to 0; None if it stays.
    """
    if fall is None:
        return ((0, 1), (rise, -1))
    common = gcd(rise, fall)
    up, down = fall // common, rise // common
    return ((0, up), (rise, -up - down), (rise + fall, down))


class _Displaced(torch.autograd.Function):
    """Integers forward; backward the definition above."""

    @staticmethod
    def forward(
        ctx: Any, times: Tensor, weight: Tensor, bias: Tensor, log_step: Tensor,
        log_threshold: Tensor, layer: SteppedLayer,
    ) -> Tensor:  # fmt: skip
        grid, bias_lsb, theta = layer.grids(layer.rounding, bias, log_threshold)
        response = layer.response(times)
        v = response.potentials(grid, bias_lsb)
        at, fired = first_crossing(v, theta)
        ctx.layer, ctx.response, ctx.any_fired = layer, response, bool(fired.any())
        ctx.save_for_backward(times, weight, grid, log_step.exp(), theta, at)
        if not layer.extrapolates:
            return torch.where(fired, at.to(v.dtype), NEVER)
        here = v.gather(0, at[None])[0]
        before = v.gather(0, (at - 1).clamp_(min=0)[None])[0].mul_(at > 0)
        missing = (theta - here) / theta
        early = ((theta - here) / (here - before).clamp_(min=1e-9)).clamp_(-1, 0)
        return torch.where(fired, at + early, layer.steps - 1 + _SILENT_STEPS * missing)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        times, weight, grid, step, theta, at = ctx.saved_tensors
        layer, response, by_time = ctx.layer, ctx.response, gradients[0]
        by_times, scale = None, 1.0 / max(psp(layer.taps, 512))  # of eps to the integers of V
        if ctx.needs_input_grad[0]:
            share = grid / by_row(theta, grid)
            by_times = _passed_on(Mark(at, by_time), times, share, layer, response)
        by_theta = by_time * scale
        by_v = -by_theta
        if not ctx.any_fired and not layer.extrapolates:
            by_v -= scale / len(by_time)
        marks = (Mark(at, by_v),)
        by_bias = by_bias_current(marks) if ctx.needs_input_grad[2] else None
        by_weight, by_log_step = step_gradient(
            weight, grid, step, layer.weight_bits, response.by_weight(marks)
        )
        by_log_threshold = (by_theta * theta * step).sum(0)
        if theta.numel() == 1:
            by_log_threshold = by_log_threshold.sum(0, keepdim=True)
        return by_times, by_weight, by_bias, by_log_step, by_log_threshold, None


def _passed_on(
    mark: Mark, times: Tensor, weight: Tensor, layer: SteppedLayer, response: Response
) -> Tensor:  # fmt: skip
    """The displacements of a layer's inputs from its own, shape (B, inputs); signs as by_time's.

    Args:
        mark: Of the layer's own, at the steps of its spikes.
        times: Steps of the inputs, shape (B, inputs).
        weight: The weights, in thresholds.
        layer: The layer.
        response: What the inputs did.
    """
    fired = times < NEVER
    asked = _over_all(mark.value, weight, layer).clamp_(min=0).mul_(_SILENT_SHARE)
    found = torch.where(fired, response.by_times(mark, weight), asked)
    found = _shared(found, weight.abs().sum(0), layer)
    mean = (found * fired).sum(1, keepdim=True) / fired.sum(1, keepdim=True).clamp_(min=1)
    return found - mean * fired


def _over_all(by_time: Tensor, weight: Tensor, layer: SteppedLayer) -> Tensor:
    """Sums of w_ji by_j over all neurons j that read i, whenever they fired; shape (B, inputs)."""
    if isinstance(layer, SteppedConv):
        channels, height, width = layer.map
        maps = by_time.view(-1, height, width, channels).permute(0, 3, 1, 2)
        size = (len(maps), *layer.shape)
        by_maps: Tensor = conv2d_input(size, weight, maps, layer.stride, layer.padding)
        return by_maps.flatten(1)
    return by_time @ weight


def _shared(by_times: Tensor, shares: Tensor, layer: SteppedLayer) -> Tensor:
    """Divide by the sums of |w| that leave each input (dense) or input channel (convolution)."""
    if isinstance(layer, SteppedConv):
        channels = shares.flatten(1).sum(1).clamp_(min=_LEAST_SHARE)
        return (by_times.view(len(by_times), len(channels), -1) / channels.view(-1, 1)).flatten(1)
    return by_times / shares.clamp(min=_LEAST_SHARE)


class StidiDense(SteppedDense):
    """A hidden layer: steps of spikes in, steps of spikes out, shapes (B, inputs), (B, outputs)."""

    rule = _Displaced
    by_statistics = False  # a displacement has no scale that theirs could be compared with


class StidiConv(SteppedConv):
    """A hidden convolution, shapes (B, channels * height * width) in and out."""

    rule = _Displaced
    by_statistics = False


class StidiOutput(StidiDense):
    """The output layer: real crossing times in training mode.

    From the membranes of evaluation mode :func:`train.stepped.decide` reads the class.
    """

    extrapolates = True
