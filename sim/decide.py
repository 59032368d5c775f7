"""Read-outs: from an output layer's spikes and membranes to a class.

Class c owns the neurons ``c * votes`` to ``c * votes + votes - 1``; ties go to the lowest class.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spikeforge.schema import Readout, ReadoutKind

__all__ = ["FirstSpikeWatch", "decide", "largest_sum", "winning_score"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def largest_sum(readout: Readout, membranes: Ints) -> Ints:
    """The class whose neurons' membranes have the largest sum, shape (B,)."""
    scores = _votes(readout, membranes).sum(axis=2)
    return _largest(scores, np.ones(scores.shape, np.bool_))


def decide(readout: Readout, spikes: NDArray[np.integer], membranes: Ints) -> Ints:
    """The class of ``max_membrane`` or ``spike_count``, shape (B,).

    Args:
        readout: How the class is read.
        spikes: Spikes of the output layer, shape (B, steps, neurons).
        membranes: Its final membranes, shape (B, neurons).
    """
    if readout.kind is ReadoutKind.MAX_MEMBRANE:
        return largest_sum(readout, membranes)
    counts = _votes(readout, spikes.sum(axis=1, dtype=np.int64)).sum(axis=2)
    heights = _votes(readout, membranes).sum(axis=2)
    return _largest(heights, counts == counts.max(axis=1, keepdims=True))


class FirstSpikeWatch:
    """Takes the decision of ``first_spike`` while the output layer runs.

    Attributes:
        decided_step: The step of the decision, -1 where nothing has fired, shape (B,).
        membranes: V as compared in that step, shape (B, neurons); 0 where nothing has fired.
    """

    def __init__(self, readout: Readout, images: int):
        self._readout = readout
        neurons = readout.classes * readout.votes
        self.decided_step = np.full(images, -1, np.int64)
        self.membranes = np.zeros((images, neurons), np.int64)
        self._fired = np.zeros((images, neurons), np.bool_)

    def __call__(self, step: int, membranes: Ints, fired: Flags) -> None:
        """Look at one step of the output layer: membranes as compared, and who fires."""
        now = fired.any(axis=1) & (self.decided_step < 0)
        self.decided_step[now] = step
        self.membranes[now] = membranes[now]
        self._fired[now] = fired[now]

    def finish(self, finals: Ints) -> Ints:
        """The classes, shape (B,); ``finals`` are the membranes after the last step.

        Where nothing has fired, they become the result's membranes and the largest one decides.
        """
        silent = self.decided_step < 0
        self.membranes[silent] = finals[silent]
        self._fired[silent] = True
        votes, fired = _votes(self._readout, self.membranes), _votes(self._readout, self._fired)
        heights = np.where(fired, votes, np.iinfo(np.int64).min).max(axis=2)
        return _largest(heights, np.logical_or.reduce(fired, axis=2))


def winning_score(
    readout: Readout, classes: Ints, membranes: Ints, spikes: NDArray[np.integer] | None,
    decided_step: Ints,
) -> Ints:  # fmt: skip
    """What the winner is sent with (hw.readout_steps), shape (B,).

    The sum of its membranes (``max_membrane``), how many spikes it had (``spike_count``), or the
    membrane that decided (``first_spike``).

    Args:
        readout: How the class is read.
        classes: The class, shape (B,).
        membranes: Membranes of the output layer, as sent, shape (B, neurons).
        spikes: Its spikes, shape (B, steps, neurons); None in a windowed network.
        decided_step: Step in which a first spike decided, -1 where none did, shape (B,).
    """
    images = np.arange(len(classes))
    heights = _votes(readout, membranes)[images, classes]
    if readout.kind is ReadoutKind.MAX_MEMBRANE:
        return np.asarray(heights.sum(axis=1))
    assert spikes is not None  # only stepped networks are read out by their spikes (rules.py)
    if readout.kind is ReadoutKind.SPIKE_COUNT:
        counts = _votes(readout, spikes.sum(axis=1, dtype=np.int64))
        return np.asarray(counts[images, classes].sum(axis=1))
    fired = _votes(readout, spikes[images, decided_step])[images, classes] > 0
    able = fired | (decided_step < 0)[:, None]
    return np.asarray(np.where(able, heights, np.iinfo(np.int64).min).max(axis=1))


_Kind = TypeVar("_Kind", bound=np.generic)


def _votes(readout: Readout, values: NDArray[_Kind]) -> NDArray[_Kind]:
    return values.reshape(len(values), readout.classes, readout.votes)


def _largest(heights: Ints, allowed: Flags) -> Ints:
    found: Ints = np.where(allowed, heights, np.iinfo(np.int64).min).argmax(axis=1)
    return found
