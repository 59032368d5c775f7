"""TSSL-BP: errors travel between neurons through spike times, and inside a neuron between spikes.

After Zhang and Li, "Temporal Spike Sequence Learning via Backpropagation for Deep Spiking Neural
Networks" (arXiv 2002.10085). With the synaptic trace a (kernel k[m] = (1/tau_s)(1 - 1/tau_s)^m, its
slope kd = -k / tau_s) and G = dL/da, an error reaches a spike of this neuron by

    inter:  tau_s * sum over t' >= t of dt_s/du * kd[t' - t] * G[t'],  dt_s/du = max(-1/du[t], -8).

tau_s * kd is -k, and the sum of k * G is the gradient by the spike itself, as it comes back through
the receivers' currents (which hold the trace here, so that only spikes travel). What remains is

    inter:  dL/ds[t] * min(1/du[t], 8)  where a spike is,

with du the membrane's increment in that step, in thresholds. Inside a neuron, theta carries the
error from its next spike back through the reset and the leak (intra):

    g[t] += theta * (u[t] / tau_m * min(1/du[t], 8) * s[t] + (1 - 1/tau_m) * (1 - s[t]))
    theta <- g[t] * s[t] + theta * (1 - 1/tau_m) * (1 - s[t])

A neuron whose trace is below 1 / (4 tau_s), silent for long, learns by a smooth slope instead:
g[t] = dL/ds[t] * sigma'(u[t]), sigma' = e^z / (0.2 (1 + e^z)^2), z = (1 - u) / 0.2 clipped to +-8.
The trace and kernel are those of the neuron's own currents; leaks are shifts, so the taus are
powers of two. Our own: increments that are not positive count as 1/8 (the clipped value), and a
synapse without memory (no current shift) counts as tau_s = 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from train.spiking.fire import Record

__all__ = ["TsslBp", "slow_slope"]

_STEEPEST = 8.0  # steps per threshold
_WIDTH = 0.2  # of the smooth slope, in thresholds


class TsslBp:
    """The rule; its time constants are those of the layer's neurons."""

    def by_membrane(self, record: Record, by_spikes: Tensor) -> Tensor:
        """As :class:`train.spiking.fire.Rule` says."""
        keeps, spikes, u = record.neuron.membrane_keeps, record.spikes.unbind(), record.u.unbind()
        quick = [slope * s for slope, s in zip(quick_slope(record), spikes, strict=True)]
        least = (1 - record.neuron.current_keeps) / 4
        silent = [each < least for each in trace(record)]
        result: list[Tensor] = []
        theta = torch.zeros_like(u[0])
        for at in range(len(u) - 1, -1, -1):
            slope = torch.where(silent[at], slow_slope(u[at]), quick[at])
            free = 1 - spikes[at]
            inside = (1 - keeps) * u[at] * quick[at] + keeps * free
            here = by_spikes[at] * slope + theta * inside * ~silent[at]
            theta = here * spikes[at] + theta * keeps * free
            result.append(here)
        return torch.stack(result[::-1])


def quick_slope(record: Record) -> list[Tensor]:
    """-dt_s/du in each step: steps by which a spike is earlier per threshold of V, at most 8."""
    left = torch.zeros_like(record.u[0])
    result: list[Tensor] = []
    for u, spikes in zip(record.u.unbind(), record.spikes.unbind(), strict=True):
        result.append((u - left).clamp(min=1 / _STEEPEST).reciprocal())
        left = u * (1 - spikes)
    return result


def trace(record: Record) -> list[Tensor]:
    """The trace of a neuron's own spikes, a[t] = a[t-1] + (s[t] - a[t-1]) / tau_s, step by step."""
    keeps = record.neuron.current_keeps
    result: list[Tensor] = []
    now = torch.zeros_like(record.spikes[0])
    for spikes in record.spikes.unbind():
        now = keeps * now + (1 - keeps) * spikes
        result.append(now)
    return result


def slow_slope(u: Tensor) -> Tensor:
    """Sigma' at u, in thresholds."""
    z = ((1 - u) / _WIDTH).clamp(-8, 8).exp()
    return z / (_WIDTH * (1 + z).square())
