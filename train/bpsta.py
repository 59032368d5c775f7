"""BPSTA: errors weighed by the spiking potential, and let through the reset.

After Shen, Zhao and Zeng, "Backpropagation with biologically plausible spatiotemporal adjustment
for training deep spiking neural networks" (arXiv 2110.08858), with u in thresholds (their threshold
is 0.5, so their constant 0.2 is 0.4 thresholds):

    spatial:   ds[t]/du[t] = 1 / u[t] where the neuron fires, else 0
    temporal:  du[t+1]/du[t] = keeps * (1 - s[t] + 0.4 ds[t]/du[t]).

Both are what autograd gives for s = u * [u >= 1] / detach(u), V <- (1 - detach(s)) * u, and
V <- V + 0.4 s - 0.4 detach(s). With ``reset_gradient`` the reset's s is not detached either, which
adds -u[t] ds[t]/du[t] (Yang, arXiv 2011.09964). The decay is a shift. The paper lets the drive pass
a ReLU before the neuron; hardware has none, so there is none in training either: negative drive
lowers V.
"""

from __future__ import annotations

import torch
from torch import Tensor

from train.spiking.fire import Record
from train.surrogate import through_time

__all__ = ["Bpsta"]

_THROUGH_RESET = 0.4  # thresholds


class Bpsta:
    """The rule, for neurons whose membrane goes to zero after a spike.

    Args:
        reset_gradient: Let the gradient through the reset's own spike as well.
    """

    def __init__(self, reset_gradient: bool = False) -> None:
        self._reset_gradient = reset_gradient

    def by_membrane(self, record: Record, by_spikes: Tensor) -> Tensor:
        """As :class:`train.spiking.fire.Rule` says."""
        potential = torch.where(record.spikes > 0, record.u, 1.0)
        slope = record.spikes / potential
        # through_time's reset is -u * reset_slope; ours is to be +0.4 * slope.
        through_reset = slope / potential * -_THROUGH_RESET
        if self._reset_gradient:
            through_reset += slope
        return through_time(record, slope, by_spikes, through_reset)
