"""The windowed time-to-first-spike layers, trained as what they are in hardware: integers.

A value k in 0..T between layers stands for a spike at step T - k of a window (0: no spike). A
hidden neuron sums V = bias + sum w * k and speaks k = min(T, max(0, floor(V / theta))). Training
runs exactly these integers forward; backward, rounding counts as the identity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeforge.bounds import windowed_range
from train.quantize import (
    bias_grid,
    step_gradient,
    threshold_grid,
    weight_grid,
    window_gradient,
)

__all__ = ["IntegerLayer", "WindowedDense", "WindowedReadout"]

_EXACT_FLOAT32 = 1 << 24
# Starting points: a weight's standard deviation in LSBs of 4 bits, and the real threshold, at which
# a new hidden layer's values spread over the window for inputs like MNIST's.
_STEPS_PER_DEVIATION = 2.0
_START_THRESHOLD = 1.6


@dataclass(frozen=True)
class IntegerLayer:
    """The integers that a layer computes with.

    Attributes:
        weight: Shape (outputs, inputs), int64.
        bias: Shape (outputs,), int64.
        threshold: Shape (1,) or (outputs,), int64; None for a read-out layer.
        step: Real units per LSB of the membrane.
    """

    weight: Tensor
    bias: Tensor
    threshold: Tensor | None
    step: float


class _Windowed(nn.Module):
    """Parameters of a windowed layer: real weights and biases, and one learned step for both.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        weight_bits: Width of the weights, 2 to 8.
        steps: T, of the input window and of the layer's own.
        bias: Learn one bias a neuron.
    """

    fires = False

    def __init__(
        self, inputs: int, outputs: int, *, weight_bits: int = 4, steps: int = 15, bias: bool = True
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.weight_bits, self.steps, self.rounding = weight_bits, steps, True
        deviation = self._start_deviation()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs), requires_grad=bias)
        scale = _STEPS_PER_DEVIATION * 2 ** (weight_bits - 4)
        self.log_step = nn.Parameter(torch.tensor([math.log(deviation / scale)]))

    def _start_deviation(self) -> float:
        return 0.3 / math.sqrt(self.inputs)

    @property
    def step(self) -> Tensor:
        """Real units per LSB of weights and membranes, shape (1,)."""
        return self.log_step.exp()

    @property
    def threshold(self) -> Tensor | None:
        """Real threshold, shape (1,) or (outputs,); None for a layer that does not fire."""
        return None

    def integers(self) -> IntegerLayer:
        """The integers that evaluation computes with and export writes."""
        with torch.no_grad():
            step, threshold = self.step, self.threshold
            return IntegerLayer(
                weight=weight_grid(self.weight, step, self.weight_bits, True).long(),
                bias=bias_grid(self.bias, step, True).long(),
                threshold=None if threshold is None
                else threshold_grid(threshold, step, True).long(),
                step=float(step),
            )  # fmt: skip

    def membranes(self, k: Tensor) -> Tensor:
        """Integer membranes for integer inputs, exact for any shape and width.

        Args:
            k: Inputs 0..T, shape (B, inputs), of any number type.

        Returns:
            V in LSBs, shape (B, outputs), float32 if no sum can reach 2**24, else float64.
        """
        numbers = self.integers()
        low, high = windowed_range(
            numbers.weight.numpy(), numbers.bias.numpy(), self.weight_bits, self.steps
        )
        wide = max(-low, high) >= _EXACT_FLOAT32
        kind = torch.float64 if wide else torch.float32
        return torch.addmm(numbers.bias.to(kind), k.to(kind), numbers.weight.to(kind).t())

    def extra_repr(self) -> str:
        """Sizes and widths, for printing a model."""
        return f"{self.inputs}, {self.outputs}, weight_bits={self.weight_bits}, steps={self.steps}"


class WindowedDense(_Windowed):
    """A hidden layer: integrates its input window, then each neuron fires at most once.

    Takes k of shape (B, inputs), gives k of shape (B, outputs), both in 0..T. In training mode
    gradients flow; in evaluation mode the same numbers come from pure integer arithmetic.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        weight_bits: Width of the weights, 2 to 8.
        steps: T, of the input window and of the layer's own.
        bias: Learn one bias a neuron.
        threshold_per_neuron: Learn one threshold a neuron instead of one for the layer.
    """

    fires = True

    def __init__(
        self, inputs: int, outputs: int, *, weight_bits: int = 4, steps: int = 15,
        bias: bool = True, threshold_per_neuron: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(inputs, outputs, weight_bits=weight_bits, steps=steps, bias=bias)
        self.threshold_per_neuron = threshold_per_neuron
        count = outputs if threshold_per_neuron else 1
        self.log_threshold = nn.Parameter(torch.full((count,), math.log(_START_THRESHOLD)))

    def _start_deviation(self) -> float:
        return 1 / math.sqrt(self.inputs)

    @property
    def threshold(self) -> Tensor:
        """Real threshold, shape (1,) or (outputs,)."""
        return self.log_threshold.exp()

    def forward(self, k: Tensor) -> Tensor:
        """Values k of this layer's spikes, shape (B, outputs)."""
        if self.training or not self.rounding:
            return _apply(self, k)
        numbers = self.integers()
        assert numbers.threshold is not None
        v = self.membranes(k)
        levels = torch.div(v, numbers.threshold.to(v.dtype), rounding_mode="floor")
        return levels.clamp_(0, self.steps)


class WindowedReadout(_Windowed):
    """The last layer: integrates and never fires; the largest membrane names the class.

    In training mode it gives real-valued scores (membranes times the step), in evaluation mode the
    integer membranes themselves, both of shape (B, outputs).
    """

    def forward(self, k: Tensor) -> Tensor:
        """Scores (training mode) or integer membranes (evaluation mode)."""
        if self.training or not self.rounding:
            return _apply(self, k)
        return self.membranes(k)


def _apply(layer: _Windowed, k: Tensor) -> Tensor:
    log_threshold = getattr(layer, "log_threshold", None)
    result: Tensor = _StraightThrough.apply(
        k, layer.weight, layer.bias, layer.log_step, log_threshold,
        layer.weight_bits, layer.steps, layer.rounding,
    )  # fmt: skip
    return result


class _StraightThrough(torch.autograd.Function):
    """One windowed layer, forward on integers, backward as if nothing were rounded."""

    @staticmethod
    def forward(
        ctx: Any, k: Tensor, weight: Tensor, bias: Tensor, log_step: Tensor,
        log_threshold: Tensor | None, bits: int, steps: int, rounding: bool,
    ) -> Tensor:  # fmt: skip
        step = log_step.exp()
        grid = weight_grid(weight, step, bits, rounding)
        v = torch.addmm(bias_grid(bias, step, rounding), k, grid.t())
        ctx.bits, ctx.steps = bits, steps
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
        k, weight, grid, step, *fired = ctx.saved_tensors
        by_v, by_log_threshold = gradients[0], None
        if fired:
            ratio, theta = fired
            by_ratio = window_gradient(by_v, ratio, 0.0, ctx.steps + 1.0)
            by_theta = (by_ratio * ratio).sum(0).neg_()
            by_log_threshold = by_theta if theta.numel() > 1 else by_theta.sum(0, keepdim=True)
            by_v = by_ratio / (theta * step)
        by_weight, by_log_step = step_gradient(weight, grid, step, ctx.bits, by_v.t() @ k)
        by_k = (by_v @ grid).mul_(step) if ctx.needs_input_grad[0] else None
        return by_k, by_weight, by_v.sum(0), by_log_step, by_log_threshold, None, None, None
