"""STDBP in continuous time: exact spike times of ReL-PSP neurons, and their gradients.

After Zhang et al. (arXiv 2003.11837): V_j(t) = sum of w_ji (t - t_i) over the inputs that spiked
before t, so with the causal set C of inputs before the spike

    t_j = (theta + sum over C of w_ji t_i) / A_j,  A_j = sum over C of w_ji,
    dt_j/dw_ji = (t_i - t_j) / A_j,  dt_j/dt_i = w_ji / A_j,  dt_j/dtheta = 1 / A_j.

The mode for checks: :mod:`train.stdbp` trains the same neuron on the step grid.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["continuous_spike_times"]


def continuous_spike_times(times: Tensor, weight: Tensor, theta: Tensor) -> Tensor:
    """First threshold crossings of ramp neurons, differentiable in all arguments.

    Args:
        times: Input spike times, infinite for silence, shape (B, inputs).
        weight: Shape (neurons, inputs).
        theta: Thresholds above 0, shape (neurons,).

    Returns:
        Shape (B, neurons); infinite, without a gradient, where there is no crossing.
    """
    result: Tensor = _Continuous.apply(times, weight, theta)
    return result


class _Continuous(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, times: Tensor, weight: Tensor, theta: Tensor) -> Tensor:
        sorted_times, order = times.sort(1)
        starts = torch.where(sorted_times.isfinite(), sorted_times, 0.0)
        # By causal sets of growing size, shapes (B, neurons, inputs).
        weights = weight[:, order].transpose(0, 1) * sorted_times.isfinite()[:, None]
        slopes = weights.cumsum(2)
        crossings = (theta[:, None] + (weights * starts[:, None]).cumsum(2)) / slopes
        ends = torch.cat([sorted_times[:, 1:], torch.full_like(times[:, :1], torch.inf)], 1)
        valid = (slopes > 0) & (crossings > sorted_times[:, None]) & (crossings <= ends[:, None])
        size = valid.to(torch.uint8).argmax(2, keepdim=True)
        fired = valid.any(2)
        result = torch.where(fired, crossings.gather(2, size)[:, :, 0], torch.inf)
        ctx.save_for_backward(times, weight, result, slopes.gather(2, size)[:, :, 0])
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        times, weight, result, slope = ctx.saved_tensors
        fired = result.isfinite()
        share = torch.where(fired, gradients[0] / slope, 0.0)
        spike = torch.where(fired, result, -torch.inf)
        causal = times[:, None] < spike[:, :, None]
        lag = torch.where(causal, times[:, None] - spike[:, :, None], 0.0)
        by_weight = (share[:, :, None] * lag).sum(0)
        by_times = (share[:, :, None] * weight * causal).sum(1)
        return by_times, by_weight, share.sum(0)
