"""The postsynaptic potential of stepped single-spike neurons: a ramp, or one that taps bend.

A spike that arrives at step t_i adds to the membrane, at the end of step t, its weight times the
potential of the lag t - t_i. Without taps that is a ramp, 1 at lag 0 and 1 more with each step;
taps (delay, gain) bend it: their gains add to the ramp's slope from their delays on.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["RAMP", "Taps", "potential", "psp", "tapped", "within"]

Taps = tuple[tuple[int, int], ...]
RAMP: Taps = ((0, 1),)


def psp(taps: Taps, steps: int) -> list[int]:
    """The postsynaptic potential of weight 1 by its lag 0..steps - 1, in LSBs."""
    lags = torch.arange(max(1, steps))
    found: list[int] = potential(torch.zeros_like(lags), lags, taps).tolist()
    return found


def potential(times: Tensor, now: Tensor | int, taps: Taps) -> Tensor:
    """Potentials at the end of a step of what spiked with weight 1, with gradients by the times.

    Args:
        times: Steps of the spikes, any shape.
        now: The step; a tensor of many broadcasts against the times.
        taps: (delay, gain).
    """
    result: Tensor | None = None
    for delay, gain in taps:
        ramp = (now + (1 - delay) - times).clamp(min=0)
        if gain != 1:
            ramp = ramp * gain
        result = ramp if result is None else result + ramp
    assert result is not None
    return result


def within(taps: Taps, steps: int) -> Taps:
    """Those taps that bend anything in a window of ``steps`` steps."""
    return tuple((delay, gain) for delay, gain in taps if delay < steps)


def tapped(x: Tensor, taps: Taps, *, backwards: bool = False) -> Tensor:
    """Sums of what was ``delay`` steps before (or after) each step, times the gains.

    Args:
        x: Drive or V, shape (steps, ...); returned as it is where no tap bends it.
        taps: (delay, gain).
        backwards: Look at later steps.
    """
    bending = within(taps, len(x))
    if bending == RAMP:
        return x
    result = torch.zeros_like(x)
    for delay, gain in bending:
        late, early = result[delay:], x[: len(x) - delay]
        if backwards:
            late, early = result[: len(x) - delay], x[delay:]
        late.add_(early, alpha=gain)
    return result
