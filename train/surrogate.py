"""Plain surrogate gradients: backpropagation through time with a smooth stand-in for the spike.

After Neftci et al., "Surrogate Gradient Learning in Spiking Neural Networks" (2019): the derivative
of a spike by its membrane is replaced by that of an arctangent step, here (with u in thresholds)

    ds/du = (a / 2) / (1 + (pi a (u - 1) / 2)^2),  a = 2.

By default the reset carries no gradient; with ``reset_gradient`` it does, as Yang ("Temporal
Surrogate Back-propagation", arXiv 2011.09964) describes: du[t+1]/du[t] gains a term through s[t].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spikeforge.schema import AfterSpike
from train.spiking.fire import Record

__all__ = ["Surrogate", "through_time"]

_WIDTH = 2.0


class Surrogate:
    """The rule.

    Args:
        reset_gradient: Let the gradient through the reset.
    """

    def __init__(self, reset_gradient: bool = False) -> None:
        self._reset_gradient = reset_gradient

    def by_membrane(self, record: Record, by_spikes: Tensor) -> Tensor:
        """As :class:`train.spiking.fire.Rule` says."""
        distance = (record.u - 1) * (math.pi / 2 * _WIDTH)
        slope = (distance.square() + 1).reciprocal() * (_WIDTH / 2)
        return through_time(record, slope, by_spikes, slope if self._reset_gradient else None)


def through_time(
    record: Record, slope: Tensor, by_spikes: Tensor, reset_slope: Tensor | None = None
) -> Tensor:
    """Backpropagate through the membrane's recursion.

    Args:
        record: The forward pass.
        slope: ds/du, in spikes per threshold, shape (steps, B, ...).
        by_spikes: Gradient by the spikes, same shape.
        reset_slope: ds/du for the way through the reset; None detaches it.

    Returns:
        Gradient by the membrane's increments, same shape.
    """
    neuron, keeps = record.neuron, record.neuron.membrane_keeps
    to_zero = neuron.after_spike is AfterSpike.ZERO
    result: list[Tensor] = []
    later = torch.zeros_like(by_spikes[0])  # by V after the reset of this step
    for at in range(len(by_spikes) - 1, -1, -1):
        total = by_spikes[at] * slope[at]
        if reset_slope is not None:
            lost = record.u[at] if to_zero else 1.0
            total = total - later * lost * reset_slope[at]
        total = total + (later * (1 - record.spikes[at]) if to_zero else later)
        if record.held is not None:
            total = total * (1 - record.held[at])
        result.append(total)
        later = total * keeps
    return torch.stack(result[::-1])
