"""Convolutions that STDBP trains on the step grid: the neuron and gradients of :mod:`train.stdbp`.

All positions of a channel share weights, and so add up their gradients; nothing else differs.
"""

from __future__ import annotations

from torch import Tensor

from train.stdbp import stdbp_times
from train.stepped import first_crossing, silenced
from train.stepped_conv import SteppedConv

__all__ = ["StdbpConv"]


class StdbpConv(SteppedConv):
    """A hidden convolution of ramp neurons: steps of spikes in, steps of spikes out.

    Shapes (B, channels * height * width) of both; arguments as of
    :class:`train.stepped_conv.SteppedConv`.
    """

    def forward(self, times: Tensor) -> Tensor:
        """Steps at which the neurons fire, :data:`train.stepped.NEVER` for silence."""
        if not self.training:
            return silenced(*first_crossing(*self.run(times)))
        return self.trained(times)

    def trained(self, times: Tensor) -> Tensor:
        """Spike times that carry gradients, in training mode as in evaluation mode."""
        return stdbp_times(self, times, extrapolates=False)
