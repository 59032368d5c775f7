"""Steps at which V needs no weights: between its bends it is a straight line.

V bends at the step of an arrival plus a delay of its PSP's taps, and nowhere else. At all other
steps V(t) = 2 V(t - 1) - V(t - 2), which is exact in integers and far cheaper than a convolution.
A layer that runs longer than the one before it (``network.later_steps``) has many of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from train.psp import Taps

__all__ = ["bent_steps", "drawn", "folded"]


def bent_steps(last: int, steps: int, taps: Taps) -> list[int]:
    """The steps at which V may bend, and the first two; ascending.

    Args:
        last: Step of the last arrival.
        steps: Steps of the receiving layer.
        taps: (delay, gain) of the PSP.
    """
    return [
        step
        for step in range(steps)
        if step < 2 or any(delay <= step <= delay + last for delay, _ in taps)
    ]


def drawn(bent: Tensor, at: Sequence[int], steps: int) -> Tensor:
    """V at all steps.

    Args:
        bent: V at some of them, shape (len(at), ...).
        at: Those steps, as :func:`bent_steps` gives them.
        steps: How many there are.
    """
    if len(at) == steps:
        return bent
    v = bent.new_empty(steps, *bent.shape[1:])
    for step, row in zip(at, bent, strict=True):
        v[step] = row
    for step in _straight(at, steps):
        v[step] = v[step - 1]
        v[step].mul_(2).sub_(v[step - 2])
    return v


def folded(by_v: Tensor, at: Sequence[int]) -> Tensor:
    """The way back: gradients by V at some steps from those at all.

    Args:
        by_v: Shape (steps, ...); overwritten.
        at: Those steps, as :func:`bent_steps` gives them.

    Returns:
        Shape (len(at), ...).
    """
    steps = len(by_v)
    if len(at) == steps:
        return by_v
    for step in reversed(_straight(at, steps)):
        by_v[step - 1].add_(by_v[step], alpha=2)
        by_v[step - 2].sub_(by_v[step])
    first = len(at)
    return by_v[:first] if at[-1] < first else by_v[list(at)]


def _straight(at: Sequence[int], steps: int) -> list[int]:
    return sorted(set(range(steps)) - set(at))
