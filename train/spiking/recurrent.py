"""Fully connected layers that hear their own spikes, one step later, through weights of their own.

    drive[t] = W x[t] + R s[t - 1]

Both matrices have the same LSB, as the contract asks, and so learn one step size between them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import torch
from torch import Tensor, nn

from train.spiking.grid import integer_weight
from train.spiking.layer import SpikingDense
from train.spiking.neuron import Run, run_neurons
from train.windowed import IntegerLayer

__all__ = ["SpikingRecurrent"]

_EXACT_FLOAT32 = 1 << 24
_START_SHARE = 0.2  # of the deviation that a layer as wide would start with


class SpikingRecurrent(SpikingDense):
    """Weights (outputs, inputs) and (outputs, outputs); how they learn is the rule's own.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        options: Of :class:`train.spiking.layer.SpikingLayer`.
    """

    def __init__(self, inputs: int, outputs: int, **options: object) -> None:
        super().__init__(inputs, outputs, **options)
        deviation = float(self.weight.detach().std()) * (inputs / outputs) ** 0.5
        self.recurrent = nn.Parameter(torch.randn(outputs, outputs) * deviation * _START_SHARE)

    def own_weight(self) -> Tensor:
        """Weights of the layer's own spikes in LSBs, shape (outputs, outputs), with gradients."""
        assert self.recurrent is not None
        return integer_weight(self.recurrent, self.log_step, self.weight_bits, self.rounding)

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Spikes, shape (steps, B, outputs), with gradients."""

    @torch.no_grad()
    def run(self, x: Tensor) -> Run:
        """Evaluation: integers (unless rounding is off), exact as long as float64 is."""
        weight = integer_weight(self.weight, self.log_step, self.weight_bits, self.rounding)
        own, (bias, theta) = self.own_weight(), self.numbers()
        row = float(weight.abs().sum(1).max()) * max(1.0, float(x.max()))
        row += float(own.abs().sum(1).max())
        most = self.steps * (self.steps * row + float(bias.abs().max()))
        kind = torch.float64 if most >= _EXACT_FLOAT32 else torch.float32
        rows = self.exact_linear(x.to(kind).flatten(0, 1), weight.to(kind))
        drive, back = rows.view(*x.shape[:2], -1), own.to(kind).T
        return run_neurons(
            drive, bias.to(kind), theta.to(kind), self.neuron, self.rounding, lambda s: s @ back
        )

    def integers(self) -> IntegerLayer:
        """The integers that evaluation computes with and export writes."""
        assert self.recurrent is not None
        with torch.no_grad():
            own = integer_weight(self.recurrent, self.log_step, self.weight_bits, True)
        return replace(super().integers(), recurrent=own.long())
