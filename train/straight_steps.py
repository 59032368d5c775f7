"""Steps at which V needs no weights: behind the last arrival it is a straight line.

As long as spikes arrive, each step may bend V. Where PSPs are ramps, V gains the same in each step
behind the last of them, which is exact in integers and far cheaper to add up than a convolution. A
layer that runs longer than the one before it (``network.later_steps``) has many such steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from train.marks import Mark, placed

__all__ = ["bent_steps", "drawn", "folded"]


def bent_steps(last: int, steps: int) -> int:
    """How many steps decide on all of V; no fewer than a line's two points.

    Args:
        last: Step of the last arrival.
        steps: Steps of the receiving layer.
    """
    return min(steps, max(last + 1, 2))


def drawn(bent: Tensor, steps: int) -> Tensor:
    """V at all steps, from the first ones.

    Args:
        bent: V at these, shape (:func:`bent_steps`, ...).
        steps: How many there are.
    """
    if len(bent) == steps:
        return bent
    v = bent.new_empty(steps, *bent.shape[1:])
    v[: len(bent)] = bent
    slope = bent[-1] - bent[-2]
    for step in range(len(bent), steps):
        torch.add(v[step - 1], slope, out=v[step])
    return v


def folded(marks: Sequence[Mark], bent: int, steps: int) -> Tensor:
    """The way back: gradients by V at the first steps from those at all.

    Args:
        marks: Gradients by V.
        bent: How many steps :func:`drawn` starts from.
        steps: How many there are.

    Returns:
        Shape (bent, rows, neurons).
    """
    if bent == steps:
        return placed(marks, steps)
    last = bent - 1  # V(t) = V(last) + (t - last) (V(last) - V(last - 1)) behind it
    beyond = [(mark.at - last).clamp_(min=0) * mark.value for mark in marks]
    pairs = zip(marks, beyond, strict=True)
    by_bent = placed([Mark(each.at.clamp(max=last), each.value + far) for each, far in pairs], bent)
    for far in beyond:
        by_bent[last - 1] -= far
    return by_bent
