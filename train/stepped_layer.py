"""What every stepped layer of single-spike neurons shares: parameters, their integers, V.

A spike adds to the membrane, at the end of each step from its own on, its weight times the
postsynaptic potential of :mod:`train.psp`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from spikeforge.bounds import signed_range
from train.crossing import first_crossing, silenced
from train.marks import Mark
from train.psp import RAMP, Taps, psp
from train.quantize import bias_grid, fitted_step, start_deviation_lsb, threshold_grid, weight_grid
from train.slope_norm import SlopeNorm
from train.spiking.grid import integer_weight
from train.windowed import IntegerLayer

__all__ = ["SHALLOW", "Response", "Start", "SteppedLayer"]

_EXACT_FLOAT32 = 1 << 24
_START_DEVIATION = 0.5  # of a weight at the start, over the root of the active inputs


@dataclass(frozen=True)
class Start:
    """Where training starts.

    Attributes:
        threshold: Thresholds, in PSPs of a current of 1 at their highest in the input window.
        mean: Of what all active inputs of a neuron weigh together.
        outstanding: Thresholds where slopes are normal, in deviations above their mean: at 0.6 a
            quarter of all neurons fires before the step that counts.
    """

    threshold: float
    mean: float
    outstanding: float = 0.6


SHALLOW = Start(threshold=0.8, mean=0.6)


class Response(Protocol):
    """What arriving spikes do to a layer's membranes, and the way back.

    "Rows" are all (image, position) pairs of a layer whose neurons share weights, in a dense layer
    simply the images.
    """

    def potentials(self, weight: Tensor, bias: Tensor) -> Tensor:
        """V at the end of each step as if no neuron fired, shape (steps, rows, neurons)."""

    def by_weight(self, marks: Sequence[Mark]) -> Tensor:
        """Gradient by the weights, from that by :meth:`potentials`."""

    def by_times(self, mark: Mark, weight: Tensor) -> Tensor:
        """Sums of w_ji by_j over neurons j whose mark lies at the spike i's own step or later.

        Args:
            mark: by_j, and its step.
            weight: The weights.

        Returns:
            Shape (B, inputs); 0 for silent inputs.
        """


class SteppedLayer(nn.Module, ABC):
    """Real weights, biases and thresholds of a stepped layer, with one step for all.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        weight_shape: Its first axis counts the neurons (or channels) with weights of their own.
        weight_bits: Width of the weights, 1 (-1 and +1) to 8.
        steps: T, of the input window.
        extra_steps: Steps that this layer runs longer than T.
        bias: Learn biases, constant currents.
        threshold_per_neuron: One threshold a neuron (or channel) instead of one for the layer.
        batch_norm: Normalize the membranes' slopes (:mod:`train.slope_norm`); the step of the
            weights then follows them, neuron by neuron, and is not learned.
        taps: (delay, gain) of the PSP.
        active_share: Share of the inputs that are expected to spike.
        start: Where training starts.

    Attributes:
        rule: From (times, weight, bias, log_step, log_threshold, layer) to spike times of shape
            (rows, neurons); learning rules bring it.
        extrapolates: Give real crossing times, none of them missing: an output layer's.
        by_statistics: Gradients reach earlier layers through a batch's statistics, too.
    """

    rule: type[torch.autograd.Function]
    extrapolates = False
    by_statistics = True

    def __init__(
        self, inputs: int, outputs: int, weight_shape: tuple[int, ...], *, weight_bits: int,
        steps: int, extra_steps: int, bias: bool, threshold_per_neuron: bool,
        batch_norm: bool = False, taps: Taps = RAMP, active_share: float = 1 / 8,
        start: Start = SHALLOW,
    ) -> None:  # fmt: skip
        super().__init__()
        self.inputs, self.outputs, self.weight_bits = inputs, outputs, weight_bits
        self.input_steps, self.steps, self.rounding = steps, steps + extra_steps, True
        self.taps = taps
        active = max(1.0, active_share * math.prod(weight_shape[1:]))
        mean, deviation = start.mean / active, _START_DEVIATION / math.sqrt(active)
        self.weight = nn.Parameter(torch.randn(weight_shape) * deviation + mean)
        self.bias = nn.Parameter(torch.zeros(weight_shape[0]), requires_grad=bias)
        start_step = (deviation + abs(mean)) / start_deviation_lsb(weight_bits)
        self.log_step = nn.Parameter(torch.tensor([math.log(start_step)]))
        count = weight_shape[0] if threshold_per_neuron or batch_norm else 1
        threshold = start.threshold * max(psp(taps, steps))
        self.norm = None
        if batch_norm:
            self.norm = SlopeNorm(weight_shape[0], taps, (self.input_steps + self.steps) // 2)
            threshold = start.outstanding * self.norm.steps
            fitted = fitted_step(self.weight, weight_bits).log()
            self.log_step = nn.Parameter(fitted, requires_grad=False)
        self.log_threshold = nn.Parameter(torch.full((count,), math.log(threshold)))

    def forward(self, times: Tensor) -> Tensor:
        """Spike times in training mode; what evaluation makes of it otherwise.

        Args:
            times: Steps of the arriving spikes, shape (B, inputs).

        Returns:
            In training mode as :meth:`trained`. In evaluation mode the steps at which neurons fire,
            :data:`train.crossing.NEVER` for silence; of an output layer the membranes at the end of
            each step, in LSBs, shape (steps, B, outputs).
        """
        if self.training:
            return self.trained(times)
        v, theta = self.run(times)
        return v if self.extrapolates else silenced(*first_crossing(v, theta))

    def trained(self, times: Tensor) -> Tensor:
        """Spike times with the rule's gradients, in training mode as in evaluation mode."""
        if self.training and self.norm is not None:
            self.fit_step()
        batch = times if self.by_statistics else times.detach()
        bias, log_threshold = self.numbers(batch if self.training else None)
        result: Tensor = self.rule.apply(
            times, self.weight, bias, self.log_step, log_threshold, self
        )
        return self.shaped(result)

    @abstractmethod
    def response(self, times: Tensor) -> Response:
        """What arriving spikes do, for training.

        Args:
            times: Steps of the arriving spikes, shape (B, inputs).
        """

    @abstractmethod
    def sums(self, x: Tensor, weight: Tensor) -> Tensor:
        """Weighted sums of one number an input, shape (B, inputs); shape (B, neurons, ...)."""

    @abstractmethod
    def run(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """Membranes and thresholds of evaluation: integers, exact as long as float64 is.

        Args:
            times: Steps of the arriving spikes, shape (B, inputs).

        Returns:
            V at the end of each step as if no neuron fired, in LSBs, shape (steps, B, outputs), and
            theta, shape (1,) or (outputs,).
        """

    def shaped(self, rows: Tensor) -> Tensor:
        """Spike times of shape (B, outputs), from those by rows and neurons."""
        return rows

    @property
    def step(self) -> Tensor:
        """Real units per LSB of weights, currents and membranes, shape (1,) or (neurons,)."""
        return self.log_step.exp()

    @torch.no_grad()
    def fit_step(self) -> None:
        """Let each neuron's (or channel's) step follow the size of its weights.

        What a normalized neuron does hangs on the ratios of its weights alone, so they grow as they
        learn, past any fixed step. In hardware it is part of the neuron's threshold and bias.
        """
        self.log_step.copy_(fitted_step(self.weight, self.weight_bits).log())

    def numbers(self, times: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Real biases and logarithms of real thresholds, with gradients.

        Args:
            times: Of the batch to normalize by, if the layer does; None for the running statistics.
        """
        if self.norm is None:
            return self.bias, self.log_threshold
        slopes = None
        if times is not None:
            args = self.weight, self.log_step, self.weight_bits, self.rounding
            slopes = self.sums(self.norm.potentials(times), integer_weight(*args))
        return self.norm.moved(self.bias, self.log_threshold, slopes, self.step)

    def grids(
        self, rounding: bool, bias: Tensor | None = None, log_threshold: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, biases and thresholds in LSBs, integers if ``rounding``; without gradients.

        Args:
            rounding: To integers.
            bias: As :meth:`numbers` gives them; those of evaluation by default.
            log_threshold: Likewise.
        """
        with torch.no_grad():
            if bias is None or log_threshold is None:
                bias, log_threshold = self.numbers()
            step = self.step
            return (
                weight_grid(self.weight, step, self.weight_bits, rounding),
                bias_grid(bias, step, rounding),
                threshold_grid(log_threshold.exp(), step, rounding),
            )

    def integers(self) -> IntegerLayer:
        """The integers that evaluation computes with and export writes."""
        weight, bias, threshold = self.grids(rounding=True)
        return IntegerLayer(
            weight=weight.long(), bias=bias.long(), threshold=threshold.long(),
            step=float(self.step.detach().mean()),
        )  # fmt: skip

    def exact_type(self, bias: Tensor) -> torch.dtype:
        """The number type in which V is exact, whatever arrives."""
        most = signed_range(self.weight_bits)[0] * -self.weight[0].numel() + int(bias.abs().max())
        gains = sum(abs(gain) for _, gain in self.taps)
        wide = most * gains * self.steps * (self.steps + 1) // 2 >= _EXACT_FLOAT32
        return torch.float64 if wide else torch.float32

    def extra_repr(self) -> str:
        """Sizes and widths, for printing a model."""
        return f"{self.inputs}, {self.outputs}, weight_bits={self.weight_bits}, steps={self.steps}"
