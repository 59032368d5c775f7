"""Layers of multi-spike neurons: synapses (dense or convolution), then the neurons themselves.

Real weights are whole numbers of a learned step; inputs are spikes (or graded values) in whole
numbers too, so drive, membranes and thresholds are integers in training as in hardware. One LSB of
the membrane is ``step * input_scale`` real units, and a real threshold is 1 unless it learns.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from train.quantize import start_deviation_lsb
from train.spiking.fire import Rule, fire, integrate
from train.spiking.grid import integer_weight, round_through
from train.spiking.neuron import Neuron, Run, run_neurons
from train.spiking.normalize import DriveNorm
from train.windowed import IntegerLayer

__all__ = ["SpikingConv", "SpikingDense", "SpikingLayer", "SumPool"]

_EXACT_FLOAT32 = 1 << 24
# Starting points: mean square of an input, and the deviation of V in thresholds at the end of the
# window.
_MEAN_SQUARE = 0.1
_START_DEVIATION = 1.0


class SpikingLayer(nn.Module, ABC):
    """Weights, biases and thresholds of one layer, and its forward pass.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        weight_shape: Its first axis counts the neurons or channels with weights of their own.
        neuron: What the neurons do.
        rule: Their learning rule.
        steps: T.
        weight_bits: Width of the weights, 1 to 8.
        bias: Learn a bias each, a constant drive of the membrane.
        input_scale: Real size of one unit of input, such as 1/255 for graded pixels.
        threshold_per_neuron: One threshold a neuron (or channel), learned, instead of one for the
            layer.
        batch_norm: Normalize the drive of each neuron (or channel); thresholds are one each.
    """

    def __init__(
        self, inputs: int, outputs: int, weight_shape: tuple[int, ...], *, neuron: Neuron,
        rule: Rule, steps: int, weight_bits: int = 4, bias: bool = True, input_scale: float = 1.0,
        threshold_per_neuron: bool = False, batch_norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.inputs, self.outputs, self.weight_bits, self.steps = (
            inputs,
            outputs,
            weight_bits,
            steps,
        )
        self.neuron, self.rule, self.input_scale, self.rounding = neuron, rule, input_scale, True
        fan_in = math.prod(weight_shape[1:])
        reached = float(run_neurons(
            torch.ones(steps, 1), torch.zeros(1), torch.ones(1), _free(neuron), False
        ).finals)  # fmt: skip
        deviation = _START_DEVIATION / (reached * math.sqrt(_MEAN_SQUARE * fan_in))
        self.weight = nn.Parameter(torch.randn(weight_shape) * deviation)
        self.register_parameter("recurrent", None)
        self.bias = nn.Parameter(torch.zeros(weight_shape[0]), requires_grad=bias)
        start = deviation / start_deviation_lsb(weight_bits)
        self.log_step = nn.Parameter(torch.tensor([math.log(start)]))
        self.norm = DriveNorm(weight_shape[0]) if batch_norm else None
        own = threshold_per_neuron or batch_norm
        self.log_threshold = nn.Parameter(
            torch.zeros(weight_shape[0] if own else 1), requires_grad=own and neuron.fires
        )

    @property
    def step(self) -> Tensor:
        """Real units per LSB of the membrane, shape (1,)."""
        return self.log_step.exp() * self.input_scale

    @abstractmethod
    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """The sum over inputs: (N, ...) to (N, outputs) or (N, channels, rows, columns)."""

    @abstractmethod
    def exact_linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """The same as plain matrix products: exact as long as integers fit the number type."""

    @abstractmethod
    def spread(self, per_neuron: Tensor) -> Tensor:
        """Numbers of neurons (or channels) so that they broadcast against (B, ...)."""

    def drive(self, x: Tensor) -> Tensor:
        """What arrives in each step, in LSBs, shape (steps, B, ...); with gradients.

        Args:
            x: Spikes or values, shape (steps, B, ...); expanded over the steps if it is constant.
        """
        weight = integer_weight(self.weight, self.log_step, self.weight_bits, self.rounding)
        return _by_step(x, lambda rows: self.linear(rows, weight))

    def numbers(self, drive: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Biases and thresholds in LSBs, integers if the layer rounds, with gradients.

        Args:
            drive: What to normalize by, in LSBs; None for the running statistics.
        """
        step = self.step.detach()
        bias, theta = self.bias / step, self.log_threshold.exp() / step
        if self.norm is not None:
            mean, deviation = (
                self.norm.running(step) if drive is None else self.norm.of_batch(drive, step)
            )
            bias, theta = self.bias * deviation - mean, self.log_threshold.exp() * deviation
        return round_through(bias, self.rounding), round_through(theta, self.rounding).clamp(min=1)

    def forward(self, x: Tensor) -> Tensor:
        """Spikes, shape (steps, B, ...); of a layer that never fires real final V, (B, ...)."""
        drive = self.drive(x)
        bias, theta = (self.spread(n) for n in self.numbers(drive if self.training else None))
        if self.neuron.fires:
            return fire(drive, bias, theta, self.neuron, self.rule, self.rounding)
        finals = integrate(drive, bias, self.neuron, self.rounding)
        return finals * self.step.detach()

    @torch.no_grad()
    def run(self, x: Tensor) -> Run:
        """Evaluation: integers (unless rounding is off), exact as long as float64 is."""
        weight = integer_weight(self.weight, self.log_step, self.weight_bits, self.rounding)
        bias, theta = (self.spread(each) for each in self.numbers())
        row = float(weight.flatten(1).abs().sum(1).max()) * max(1.0, float(x.max()))
        most = self.steps * (self.steps * row + float(bias.abs().max()))
        kind = torch.float64 if most >= _EXACT_FLOAT32 else torch.float32
        weight = weight.to(kind)
        drive = _by_step(x.to(kind), lambda rows: self.exact_linear(rows, weight))
        return run_neurons(drive, bias.to(kind), theta.to(kind), self.neuron, self.rounding)

    def integers(self) -> IntegerLayer:
        """The integers that evaluation computes with and export writes."""
        with torch.no_grad():
            bias, theta = self.numbers()
            weight = integer_weight(self.weight, self.log_step, self.weight_bits, True)
            return IntegerLayer(
                weight=weight.long(), bias=bias.round().long(),
                threshold=theta.round().long() if self.neuron.fires else None,
                step=float(self.step.detach()),
            )  # fmt: skip

    def extra_repr(self) -> str:
        """Sizes and widths, for printing a model."""
        return f"{self.inputs}, {self.outputs}, weight_bits={self.weight_bits}, steps={self.steps}"


class SpikingDense(SpikingLayer):
    """Fully connected: weights (outputs, inputs)."""

    def __init__(self, inputs: int, outputs: int, **options: object) -> None:
        super().__init__(inputs, outputs, (outputs, inputs), **options)  # type: ignore[arg-type]

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """Sums, shape (N, outputs)."""
        return functional.linear(x.flatten(1), weight)

    exact_linear = linear

    def spread(self, per_neuron: Tensor) -> Tensor:
        """As they are."""
        return per_neuron


class SpikingConv(SpikingLayer):
    """Convolution over maps (channels, height, width), square kernel.

    Raises:
        SpikeforgeError: If the kernel does not fit.
    """

    def __init__(
        self, shape: tuple[int, int, int], channels_out: int, kernel: int, *, stride: int = 1,
        padding: int = 0, **options: object,
    ) -> None:  # fmt: skip
        channels, height, width = shape
        rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
        if min(rows, columns) < 1:
            raise SpikeforgeError(
                f"kernel must fit into the padded {height + 2 * padding} x {width + 2 * padding} "
                f"map, not {kernel}; take a smaller one, or pool less before it"
            )
        self.shape, self.map = shape, (channels_out, rows, columns)
        self.kernel, self.stride, self.padding = kernel, stride, padding
        super().__init__(
            math.prod(shape), math.prod(self.map), (channels_out, channels, kernel, kernel),
            **options,  # type: ignore[arg-type]
        )  # fmt: skip

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """Maps, shape (N, channels, rows, columns)."""
        maps = x.reshape(len(x), *self.shape)
        return functional.conv2d(maps, weight, None, self.stride, self.padding)

    def exact_linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """A library's convolution may transform its inputs; a matrix product does not."""
        maps = x.reshape(len(x), *self.shape)
        patches = functional.unfold(maps, self.kernel, 1, self.padding, self.stride)
        return (weight.flatten(1) @ patches).view(len(x), *self.map)

    def spread(self, per_neuron: Tensor) -> Tensor:
        """One number a channel, or one for all."""
        return per_neuron.view(-1, 1, 1)


class SumPool(nn.Module):
    """The contract's average pooling: a window's spikes all arrive, the factor is in the weights.

    Args:
        shape: (channels, height, width) of the input.
        side: Of the windows, which do not overlap.
    """

    def __init__(self, shape: tuple[int, int, int], side: int) -> None:
        super().__init__()
        channels, height, width = shape
        if side > min(height, width):
            raise SpikeforgeError(
                f"pool must be at most {min(height, width)} for a {height} x {width} map, not "
                f"{side}"
            )
        self.shape, self.side = shape, side
        self.map = (channels, height // side, width // side)

    def forward(self, x: Tensor) -> Tensor:
        """Sums of windows, (steps, B, channels, rows, columns)."""
        return _by_step(x, lambda rows: functional.avg_pool2d(rows, self.side, divisor_override=1))


def _by_step(x: Tensor, function: object) -> Tensor:
    """Apply a function of rows to all steps at once; to one step of what is constant over them."""
    assert callable(function)
    steps, count = x.shape[:2]
    if steps > 1 and x.stride(0) == 0:
        once: Tensor = function(x[0])
        return once.expand(steps, *once.shape)
    rows: Tensor = function(x.flatten(0, 1))
    return rows.view(steps, count, *rows.shape[1:])


def _free(neuron: Neuron) -> Neuron:
    return Neuron(current_leak=neuron.current_leak, membrane_leak=neuron.membrane_leak, fires=False)
