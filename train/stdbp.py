"""STDBP with ReL-PSP on the step grid: gradients of spike times.

After Zhang et al., "Rectified Linear Postsynaptic Potential Function for Backpropagation in Deep
Spiking Neural Networks" (arXiv 2003.11837): V_j(t) = sum of w_ji (t - t_i) over the inputs that
spiked before t, and with A_j the sum of their weights (the slope of V at the crossing)

    t_j = (theta + sum of w_ji t_i) / A_j,  dt_j/dw_ji = (t_i - t_j) / A_j,  dt_j/dt_i = w_ji / A_j.

On the step grid V is the same broken line, read at the end of each step only. So the crossing
inside a step follows by interpolation, exactly, and so do its gradients. An output neuron speaks
that real time to the loss; a hidden one spikes in the whole step, and rounding up to it counts as
the identity. Of this project's own making: the slope counts as at least 0.05 theta; an output
neuron that stays silent counts as crossing 2 (theta - V) / theta steps after its last one, so it
keeps a gradient; a silent hidden neuron has none, but one (or a channel of a convolution) that is
silent for a whole batch draws its V gently towards theta: else half of a deep network dies on the
way.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from train.crossing import NEVER, first_crossing
from train.marks import Mark, by_bias_current
from train.quantize import step_gradient
from train.stepped import SteppedDense
from train.stepped_conv import SteppedConv
from train.stepped_layer import SteppedLayer

__all__ = ["StdbpConv", "StdbpDense", "StdbpOutput"]

_LEAST_SLOPE = 0.05  # in thresholds per step
_SILENT_STEPS = 2.0  # that a silent output neuron is late, per threshold of missing V
_WAKING = 0.01  # of a silent neuron's missing V: more of it drowns what the layer's scale learns


class _SpikeTimes(torch.autograd.Function):
    """Integers forward; backward the gradients of the crossing inside its step."""

    @staticmethod
    def forward(
        ctx: Any, times: Tensor, weight: Tensor, bias: Tensor, log_step: Tensor,
        log_threshold: Tensor, layer: SteppedLayer,
    ) -> Tensor:  # fmt: skip
        grid, bias_lsb, theta = layer.grids(layer.rounding, bias, log_threshold)
        steps, response = layer.steps, layer.response(times)
        v = response.potentials(grid, bias_lsb)
        at, fired = first_crossing(v, theta)
        here = v.gather(0, at[None])[0]
        before = v.gather(0, (at - 1).clamp_(min=0)[None])[0].mul_(at > 0)
        slope = torch.maximum(here - before, _LEAST_SLOPE * theta)
        back = ((here - theta) / slope).clamp_(0, 1)  # of a step, from its end to the crossing
        if layer.extrapolates:
            missing = steps - 1 + _SILENT_STEPS * (theta - here) / theta
            result = torch.where(fired, at - back, missing)
        else:
            result = torch.where(fired, at.to(v.dtype), NEVER)
        ctx.bits, ctx.extrapolates = layer.weight_bits, layer.extrapolates
        ctx.response = response
        ctx.save_for_backward(weight, grid, log_step.exp(), theta, at, fired, slope, back, here)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, grid, step, theta, at, fired, slope, back, here = ctx.saved_tensors
        by_time = gradients[0]
        # V at the crossing lies between its values at the ends of two steps.
        crossing = (by_time * fired).div_(slope)
        by_theta = crossing.clone()
        by_before, by_here = -(crossing * back).mul_(at > 0), crossing * (back - 1)
        if ctx.extrapolates:
            late = (by_time * ~fired).mul_(_SILENT_STEPS).div_(theta)
            by_here -= late
            by_theta += late * (here / theta)
        else:
            by_here -= _wakened(fired) / theta
        by_times = None
        if ctx.needs_input_grad[0]:
            # Every spike up to that step is in the causal set, that step's own as a whole. A spike
            # one step later lowers V by its weight at every step from its own on.
            by_times = ctx.response.by_times(Mark(at, by_before + by_here), grid).neg_()
        marks = Mark((at - 1).clamp_(min=0), by_before / step), Mark(at, by_here / step)
        by_bias = by_bias_current(marks) if ctx.needs_input_grad[2] else None
        by_weight, by_log_step = step_gradient(
            weight, grid, step, ctx.bits, ctx.response.by_weight(marks)
        )
        by_log_threshold = (by_theta * theta).sum(0)
        if theta.numel() == 1:
            by_log_threshold = by_log_threshold.sum(0, keepdim=True)
        return by_times, by_weight, by_bias, by_log_step, by_log_threshold, None


def _wakened(fired: Tensor) -> Tensor:
    """By how much, in thresholds, V of neurons that stay silent for a whole batch is drawn up.

    Args:
        fired: Who fired, bool, shape (rows, neurons); in a convolution a channel is one neuron.

    Returns:
        0.01 / rows for each silent neuron, else 0; shape (neurons,).
    """
    return (~fired.any(0)).to(torch.float32) * (_WAKING / len(fired))


class StdbpDense(SteppedDense):
    """A hidden layer: steps of spikes in, steps of spikes out, shapes (B, inputs), (B, outputs)."""

    rule = _SpikeTimes


class StdbpConv(SteppedConv):
    """A hidden convolution, shapes (B, channels * height * width) in and out.

    All positions of a channel share weights, and so add up their gradients; nothing else differs.
    """

    rule = _SpikeTimes


class StdbpOutput(StdbpDense):
    """The output layer: in training mode real crossing times, none of them missing.

    From the membranes of evaluation mode :func:`train.stepped.decide` reads the class.
    """

    extrapolates = True
