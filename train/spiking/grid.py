"""Real parameters as integers: the forward pass sees LSBs, the backward pass real numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from train.quantize import by_row, step_gradient, weight_grid

__all__ = ["integer_weight", "round_through"]


class _Grid(torch.autograd.Function):
    """Weights in LSBs; their step learns too (Esser et al., 2020)."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, log_step: Tensor, bits: int, rounding: bool) -> Tensor:
        step = log_step.exp()
        grid = weight_grid(weight, step, bits, rounding)
        ctx.bits = bits
        ctx.save_for_backward(weight, grid, step)
        return grid

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, grid, step = ctx.saved_tensors
        by_real = gradients[0] / by_row(step, weight)
        by_weight, by_log_step = step_gradient(weight, grid, step, ctx.bits, by_real)
        return by_weight, by_log_step, None, None


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def integer_weight(weight: Tensor, log_step: Tensor, bits: int, rounding: bool) -> Tensor:
    """Weights in LSBs of exp(log_step), clipped to their bits; integers if ``rounding``.

    Args:
        weight: Real weights, any shape.
        log_step: Logarithm of the real size of an LSB, shape (1,), or one a row of the weights.
        bits: 1 to 8.
        rounding: False keeps fractions of LSBs.
    """
    result: Tensor = _Grid.apply(weight, log_step, bits, rounding)
    return result


def round_through(x: Tensor, rounding: bool) -> Tensor:
    """Rounded to integers if ``rounding``; the gradient passes as if it were not."""
    result: Tensor = _Round.apply(x) if rounding else x
    return result
