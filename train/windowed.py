"""The windowed time-to-first-spike layers, trained as what they are in hardware: integers.

A value k in 0..T between layers stands for a spike at step T - k of a window (0: no spike). A
hidden neuron sums V = bias + sum w * k and speaks k = min(T, max(0, floor(V / theta))). Training
runs exactly these integers forward; backward, rounding counts as the identity.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spikeforge.bounds import windowed_range
from train.quantize import bias_grid, start_deviation_lsb, threshold_grid, weight_grid
from train.straight_through import StraightThrough

__all__ = ["FiringLayer", "IntegerLayer", "WindowedDense", "WindowedLayer", "WindowedReadout"]

_EXACT_FLOAT32 = 1 << 24
# Starting point: the real threshold at which a new hidden layer's values spread over the window for
# inputs like MNIST's.
_START_THRESHOLD = 1.6


@dataclass(frozen=True)
class IntegerLayer:
    """The integers that a layer computes with.

    Attributes:
        weight: Shape (outputs, inputs), or (channels out, channels in / groups, kernel, kernel),
            int64.
        bias: One a neuron (dense) or channel (convolution), int64.
        threshold: Shape (1,), or as the biases, int64; None for a read-out layer.
        step: Real units per LSB of the membrane.
        recurrent: Of a layer's own spikes, shape (outputs, outputs), int64; None without them.
    """

    weight: Tensor
    bias: Tensor
    threshold: Tensor | None
    step: float
    recurrent: Tensor | None = None


class WindowedLayer(nn.Module, ABC):
    """Parameters of a windowed layer: real weights and biases, and one learned step for both.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        weight_shape: Its first axis counts the neurons (or channels) with weights of their own,
            each of which has one bias.
        weight_bits: Width of the weights, 1 (-1 and +1) to 8.
        steps: T, of the input window and of the layer's own.
        bias: Learn biases.
    """

    fires = False

    def __init__(
        self, inputs: int, outputs: int, weight_shape: tuple[int, ...], *, weight_bits: int,
        steps: int, bias: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.weight_bits, self.steps, self.rounding = weight_bits, steps, True
        deviation = self._start_deviation(math.prod(weight_shape[1:]))
        self.weight = nn.Parameter(torch.randn(weight_shape) * deviation)
        self.bias = nn.Parameter(torch.zeros(weight_shape[0]), requires_grad=bias)
        scale = start_deviation_lsb(weight_bits)
        self.log_step = nn.Parameter(torch.tensor([math.log(deviation / scale)]))

    @abstractmethod
    def sums(self, k: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """As :class:`train.straight_through.Synapses` says, for training."""

    @abstractmethod
    def gradients(
        self, by_sums: Tensor, k: Tensor, weight: Tensor, wants_k: bool
    ) -> tuple[Tensor | None, Tensor]:
        """As :class:`train.straight_through.Synapses` says."""

    @abstractmethod
    def exact_sums(self, k: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The same sums without any rounding, as long as integers fit the number type."""

    @abstractmethod
    def shaped(self, rows: Tensor) -> Tensor:
        """What the layer gives, from one row an image and position."""

    def _start_deviation(self, fan_in: int) -> float:
        return 0.3 / math.sqrt(fan_in)

    @property
    def step(self) -> Tensor:
        """Real units per LSB of weights and membranes, shape (1,)."""
        return self.log_step.exp()

    @property
    def threshold(self) -> Tensor | None:
        """Real threshold, shape (1,) or that of the biases; None for a layer that never fires."""
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
            k: Inputs 0..T of any number type, as the layer takes them.

        Returns:
            V in LSBs, one row an image (and position), float32 if no sum can reach 2**24, else
            float64.
        """
        numbers = self.integers()
        weight = numbers.weight
        low, high = windowed_range(
            weight.flatten(1).numpy(), numbers.bias.numpy(), self.weight_bits, self.steps
        )
        wide = max(-low, high) >= _EXACT_FLOAT32
        kind = torch.float64 if wide else torch.float32
        return self.exact_sums(k.to(kind), weight.to(kind), numbers.bias.to(kind))

    def trained(self, k: Tensor) -> Tensor:
        """The layer with gradients, in real scores (read-out) or values k, one row an image."""
        log_threshold = getattr(self, "log_threshold", None)
        result: Tensor = StraightThrough.apply(
            k, self.weight, self.bias, self.log_step, log_threshold,
            self.weight_bits, self.steps, self.rounding, self,
        )  # fmt: skip
        return result

    def extra_repr(self) -> str:
        """Sizes and widths, for printing a model."""
        return f"{self.inputs}, {self.outputs}, weight_bits={self.weight_bits}, steps={self.steps}"


class FiringLayer(WindowedLayer):
    """A windowed layer whose neurons fire at most once, after their input window.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        weight_shape: As of :class:`WindowedLayer`.
        weight_bits: Width of the weights, 1 (-1 and +1) to 8.
        steps: T, of the input window and of the layer's own.
        bias: Learn biases.
        threshold_per_neuron: Learn one threshold a neuron (or channel) instead of one for the
            layer.
    """

    fires = True

    def __init__(
        self, inputs: int, outputs: int, weight_shape: tuple[int, ...], *, weight_bits: int,
        steps: int, bias: bool, threshold_per_neuron: bool,
    ) -> None:  # fmt: skip
        super().__init__(
            inputs, outputs, weight_shape, weight_bits=weight_bits, steps=steps, bias=bias
        )
        self.threshold_per_neuron = threshold_per_neuron
        count = weight_shape[0] if threshold_per_neuron else 1
        self.log_threshold = nn.Parameter(torch.full((count,), math.log(_START_THRESHOLD)))

    def _start_deviation(self, fan_in: int) -> float:
        return 1 / math.sqrt(fan_in)

    @property
    def threshold(self) -> Tensor:
        """Real threshold, shape (1,) or that of the biases."""
        return self.log_threshold.exp()

    def forward(self, k: Tensor) -> Tensor:
        """Values k of this layer's spikes."""
        if self.training or not self.rounding:
            return self.shaped(self.trained(k))
        numbers = self.integers()
        assert numbers.threshold is not None
        v = self.membranes(k)
        levels = torch.div(v, numbers.threshold.to(v.dtype), rounding_mode="floor")
        return self.shaped(levels.clamp_(0, self.steps))


class _Matrix(WindowedLayer):
    """The sum of a fully connected layer; maps are read as one row-major vector."""

    def sums(self, k: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.addmm(bias, k.flatten(1), weight.t())

    def gradients(
        self, by_sums: Tensor, k: Tensor, weight: Tensor, wants_k: bool
    ) -> tuple[Tensor | None, Tensor]:
        by_k = (by_sums @ weight).view(k.shape) if wants_k else None
        return by_k, by_sums.t() @ k.flatten(1)

    def exact_sums(self, k: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return self.sums(k, weight, bias)

    def shaped(self, rows: Tensor) -> Tensor:
        return rows


class WindowedDense(_Matrix, FiringLayer):
    """A hidden layer: integrates its input window, then each neuron fires at most once.

    Takes k of shape (B, inputs) or of maps with as many values, gives k of shape (B, outputs), both
    in 0..T. In training mode gradients flow; in evaluation mode the same numbers come from pure
    integer arithmetic.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        weight_bits: Width of the weights, 1 (-1 and +1) to 8.
        steps: T, of the input window and of the layer's own.
        bias: Learn one bias a neuron.
        threshold_per_neuron: Learn one threshold a neuron instead of one for the layer.
    """

    def __init__(
        self, inputs: int, outputs: int, *, weight_bits: int = 4, steps: int = 15,
        bias: bool = True, threshold_per_neuron: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            inputs, outputs, (outputs, inputs), weight_bits=weight_bits, steps=steps, bias=bias,
            threshold_per_neuron=threshold_per_neuron,
        )  # fmt: skip


class WindowedReadout(_Matrix):
    """The last layer: integrates and never fires; the largest membrane names the class.

    In training mode it gives real-valued scores (membranes times the step), in evaluation mode the
    integer membranes themselves, both of shape (B, outputs).

    Args:
        inputs: Number of inputs.
        outputs: Number of classes.
        weight_bits: Width of the weights, 1 (-1 and +1) to 8.
        steps: T, of the input window.
        bias: Learn one bias a class.
    """

    def __init__(
        self, inputs: int, outputs: int, *, weight_bits: int = 4, steps: int = 15, bias: bool = True
    ) -> None:
        super().__init__(
            inputs, outputs, (outputs, inputs), weight_bits=weight_bits, steps=steps, bias=bias
        )

    def forward(self, k: Tensor) -> Tensor:
        """Scores (training mode) or integer membranes (evaluation mode)."""
        return self.trained(k) if self.training or not self.rounding else self.membranes(k)
