"""When single-spike neurons fire: the first step with V >= theta, or never."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["NEVER", "first_crossing", "silenced"]

NEVER = 1024.0  # later than any step that the contract allows
_BYTE_STEPS = 255  # up to which a byte can count


def first_crossing(v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """The first step with V >= theta of each neuron.

    Args:
        v: V at the end of each step, shape (steps, B, neurons).
        theta: Shape (1,) or (neurons,).

    Returns:
        The step, int64 (the last one if there is none), and whether there is one, bool; both of
        shape (B, neurons).
    """
    waits = v[0] < theta
    # As bytes they add up without a conversion.
    step = waits.to(torch.uint8 if len(v) <= _BYTE_STEPS else torch.int16)
    for here in v[1:]:
        waits &= here < theta
        step += waits.view(torch.uint8)
    return step.long().clamp_(max=len(v) - 1), ~waits


def silenced(step: Tensor, fired: Tensor) -> Tensor:
    """Spike times for the next layer: the step, or :data:`NEVER` where there is no spike."""
    return torch.where(fired, step.to(torch.float32), NEVER)
