"""Rounding to integers in the forward pass, straight through in the backward pass.

A real parameter p stands for the integer round(p / step), clipped to its bits. The step itself is
learned (the gradient is that of learned step size quantization, Esser et al., 2020): where an
integer is rounded, the step feels the rounding error; where it is clipped, the clipped integer.
In normalized single-spike layers the size of the weights means nothing, and the step follows it.
Of one bit only the sign is used, -1 or +1, and the step is its size: real weights learn within two
steps of zero (Courbariaux et al., 2016, clip them likewise).
"""

from __future__ import annotations

import torch
from torch import Tensor

from spikeforge.bounds import signed_range

__all__ = [
    "bias_grid", "by_row", "fitted_step", "start_deviation_lsb", "step_gradient", "threshold_grid",
    "weight_grid", "window_gradient",
]  # fmt: skip


_LEAST_SIZE = 1e-6  # of weights that are all zero
_BINARY_REACH = 2.0  # LSBs: binary weights that are further from zero stay as they are


def start_deviation_lsb(bits: int) -> float:
    """A weight's standard deviation at the start of a training, in LSBs (2 of 4 bits)."""
    return 1.0 if bits == 1 else 2.0 * 2.0 ** (bits - 4)


def fitted_step(weight: Tensor, bits: int) -> Tensor:
    """The step at which normal weights of a row's size lose least to rounding and clipping.

    Within 2 % of the least squared error for 2 to 8 bits. Of one bit the step is the size itself,
    and decides only how far from zero weights still learn.

    Args:
        weight: Real weights, shape (rows, ...).
        bits: Of a weight.

    Returns:
        Real units per LSB, shape (rows,).
    """
    size = weight.detach().flatten(1).square().mean(1).sqrt().clamp(min=_LEAST_SIZE)
    return size / (1.0 if bits == 1 else 3.0 * 1.8 ** (bits - 4))


def weight_grid(weight: Tensor, step: Tensor, bits: int, rounding: bool) -> Tensor:
    """Weights in LSBs, clipped to ``bits`` bits; integers if ``rounding``; of 1 bit, the sign.

    Args:
        weight: Real weights, any shape.
        step: Real units per LSB, shape (1,), or one a row of the weights.
        bits: Width of the weights.
        rounding: To integers.
    """
    scaled = weight / by_row(step, weight)
    if bits == 1:
        return torch.where(scaled < 0, -1.0, 1.0) if rounding else scaled.clamp_(-1, 1)
    low, high = signed_range(bits)
    return (scaled.round_() if rounding else scaled).clamp_(low, high)


def bias_grid(bias: Tensor, step: Tensor, rounding: bool) -> Tensor:
    """Biases in LSBs of the membrane; integers if ``rounding``."""
    scaled = bias / step
    return scaled.round_() if rounding else scaled


def threshold_grid(threshold: Tensor, step: Tensor, rounding: bool) -> Tensor:
    """Thresholds in LSBs of the membrane; integers of at least 1 if ``rounding``."""
    scaled = threshold / step
    return scaled.round_().clamp_(min=1) if rounding else scaled


def step_gradient(
    weight: Tensor, grid: Tensor, step: Tensor, bits: int, gradient: Tensor
) -> tuple[Tensor, Tensor]:
    """Carry the gradient of the weights used back to the real weights and to their step.

    Args:
        weight: Real weights, any shape.
        grid: What :func:`weight_grid` made of them, same shape, in LSBs.
        step: Real units per LSB, shape (1,), or one a row of the weights.
        bits: Width of the weights.
        gradient: Gradient by ``grid * step``, same shape.

    Returns:
        The gradients by ``weight`` (zero where clipped) and by log(step), in the step's shape.
    """
    scaled = weight / by_row(step, weight)
    if bits == 1:
        inside = window_gradient(gradient, scaled, -_BINARY_REACH, _BINARY_REACH)
        return inside, _dots(gradient, grid, step) * step
    low, high = signed_range(bits)
    inside = window_gradient(gradient, scaled, low - 0.5, high + 0.5)
    # Sum of gradient * (integer - real where rounded, integer where clipped), times the step.
    return inside, _dots(gradient, grid, step) * step - _dots(inside, weight, step)


def window_gradient(gradient: Tensor, value: Tensor, low: float, high: float) -> Tensor:
    """The gradient where low < value < high, zero elsewhere, in one pass over memory."""
    result: Tensor = torch.ops.aten.hardtanh_backward(gradient, value, low, high)
    return result


def by_row(step: Tensor, weight: Tensor) -> Tensor:
    """A step of each row of the weights, or of all of them, in a shape that they divide by."""
    return step.view(-1, *[1] * (weight.ndim - 1))


def _dots(a: Tensor, b: Tensor, step: Tensor) -> Tensor:
    """Sums of products over the weights of each step."""
    if step.numel() == 1:
        return torch.dot(a.flatten(), b.flatten()).view(1)
    return (a * b).flatten(1).sum(1)
