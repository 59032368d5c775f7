"""Gradients by V of neurons that fire once: numbers at one step or two of each neuron, else 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from train.psp import Taps

__all__ = ["Mark", "by_bias_current", "delayed", "placed"]


@dataclass(frozen=True)
class Mark:
    """What one step of each neuron is given.

    Attributes:
        at: The steps, int64, shape (rows, neurons).
        value: The numbers, same shape.
    """

    at: Tensor
    value: Tensor


def placed(marks: Sequence[Mark], steps: int) -> Tensor:
    """The marks' sums at all steps, shape (steps, rows, neurons).

    Args:
        marks: At least one; no mark lies behind the last step.
        steps: How many there are.
    """
    value = marks[0].value
    result = value.new_zeros(steps, *value.shape)
    for mark in marks:
        result.scatter_add_(0, mark.at[None], mark.value[None])
    return result


def delayed(marks: Sequence[Mark], taps: Taps) -> list[Mark]:
    """Gradients by the V of ramps, from those by what taps make of it.

    Args:
        marks: Gradients by V.
        taps: (delay, gain) of the PSP.

    Returns:
        One a mark and tap; where it falls before the first step its value is 0.
    """
    found = []
    for delay, gain in taps:
        for mark in marks:
            if delay == 0:
                found.append(Mark(mark.at, mark.value * gain))
                continue
            at = mark.at - delay
            found.append(Mark(at.clamp(min=0), (mark.value * gain).mul_(at >= 0)))
    return found


def by_bias_current(marks: Sequence[Mark]) -> Tensor:
    """Gradient by the biases, which V adds up from the first step on.

    Args:
        marks: Gradients by V, at least one.

    Returns:
        Shape (neurons,).
    """
    parts = [(mark.value * (mark.at + 1)).sum(0) for mark in marks]
    return torch.stack(parts).sum(0)
