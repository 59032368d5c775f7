"""A windowed layer's arithmetic as one autograd function: integers forward, reals backward.

The layer brings its own sum over inputs (a matrix product, a convolution) as a :class:`Synapses`;
rounding, threshold and clipping are the same for all.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from train.quantize import bias_grid, step_gradient, threshold_grid, weight_grid, window_gradient

__all__ = ["StraightThrough", "Synapses"]


class Synapses(Protocol):
    """The sum over inputs, linear in inputs and in weights.

    "Rows" are all (image, position) pairs of a layer whose neurons share weights, in a dense layer
    simply the images.
    """

    def sums(self, k: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """``bias + sum w * k``, shape (rows, neurons with weights of their own)."""

    def gradients(
        self, by_sums: Tensor, k: Tensor, weight: Tensor, wants_k: bool
    ) -> tuple[Tensor | None, Tensor]:
        """Gradients by ``k`` (None unless asked for) and by ``weight``, in their shapes."""


class StraightThrough(torch.autograd.Function):
    """One windowed layer, forward on integers, backward as if nothing were rounded."""

    @staticmethod
    def forward(
        ctx: Any, k: Tensor, weight: Tensor, bias: Tensor, log_step: Tensor,
        log_threshold: Tensor | None, bits: int, steps: int, rounding: bool, synapses: Synapses,
    ) -> Tensor:  # fmt: skip
        """Values k (or, without a threshold, real scores), shape (rows, neurons)."""
        step = log_step.exp()
        grid = weight_grid(weight, step, bits, rounding)
        v = synapses.sums(k, grid, bias_grid(bias, step, rounding))
        ctx.bits, ctx.steps, ctx.synapses = bits, steps, synapses
        if log_threshold is None:
            ctx.save_for_backward(k, weight, grid, step)
            return v.mul_(step)
        theta = threshold_grid(log_threshold.exp(), step, rounding)
        ratio = v.div_(theta)
        ctx.save_for_backward(k, weight, grid, step, ratio, theta)
        # Without rounding, the mean of floor's staircase stands in for it.
        return (ratio.floor() if rounding else ratio - 0.5).clamp_(0, steps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients by k, weight, bias, log_step and log_threshold."""
        k, weight, grid, step, *fired = ctx.saved_tensors
        by_v, by_log_threshold = gradients[0], None
        if fired:
            ratio, theta = fired
            by_ratio = window_gradient(by_v, ratio, 0.0, ctx.steps + 1.0)
            by_theta = (by_ratio * ratio).sum(0).neg_()
            by_log_threshold = by_theta if theta.numel() > 1 else by_theta.sum(0, keepdim=True)
            by_v = by_ratio / (theta * step)
        by_k, by_grid = ctx.synapses.gradients(by_v, k, grid, ctx.needs_input_grad[0])
        by_weight, by_log_step = step_gradient(weight, grid, step, ctx.bits, by_grid)
        if by_k is not None:
            by_k = by_k.mul_(step)
        rest = (None, None, None, None)
        return by_k, by_weight, by_v.sum(0), by_log_step, by_log_threshold, *rest
