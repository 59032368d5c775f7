"""How willing the world around an accelerator is: reluctant at random, or as a trace tells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically

__all__ = ["HostTrace", "Stalls", "load_host_trace", "save_host_trace"]


@dataclass(frozen=True, kw_only=True)
class Stalls:
    """Random reluctance of the streams, for a careful run.

    Attributes:
        seed: Seed of the pattern, above 0.
        offer: Chance, in each cycle, that the next input item is offered.
        take: Chance that a result beat is taken.
        passing: Chance that a link between layers moves (hardware with ``stall_links`` only).
    """

    seed: int = 1
    offer: float = 0.7
    take: float = 0.5
    passing: float = 0.7


@dataclass(frozen=True, kw_only=True)
class HostTrace:
    """What a host does at the outer streams, in cycles from the beginning of a batch.

    Attributes:
        offered: Earliest cycle in which each input item may be offered, never falling, shape
            (items,). An item waits for the one before it; items beyond the trace are offered as
            soon as they can be.
        ready: Whether a result beat is taken if there is one, cycle by cycle, shape (cycles,);
            after that, always.
    """

    offered: NDArray[np.int64]
    ready: NDArray[np.bool_]

    @property
    def cycles(self) -> int:
        """Cycles after which the host makes nothing wait any more."""
        return max(len(self.ready), int(self.offered.max(initial=-1)) + 1)

    def offers(self, items: int) -> NDArray[np.int64]:
        """Earliest cycle of so many items, shape (items,)."""
        found = np.zeros(items, np.int64)
        known = self.offered[:items]
        found[: len(known)] = known
        return found


def save_host_trace(trace: HostTrace, path: Path) -> None:
    """Write a trace as JSON: gaps between items, and how long ready stays what it is."""
    turns = np.flatnonzero(np.diff(trace.ready, prepend=False))
    runs = np.diff(turns, prepend=0, append=len(trace.ready))
    gaps = np.diff(trace.offered, prepend=0)
    write_atomically(path, json.dumps({"gaps": gaps.tolist(), "ready": runs.tolist()}))


def load_host_trace(path: Path) -> HostTrace:
    """Read what :func:`save_host_trace` wrote.

    Raises:
        SpikeforgeError: If the file is no such trace.
    """
    try:
        record = json.loads(path.read_text())
        gaps, runs = (np.array(record[name], np.int64) for name in ("gaps", "ready"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpikeforgeError(
            f"{path} is no trace of a host: it must be JSON with lists of cycles, gaps and ready"
        ) from error
    if (gaps < 0).any() or (runs < 0).any():
        raise SpikeforgeError(f"{path} holds negative cycles; a trace has only 0 and above")
    states = np.arange(len(runs)) % 2 == 1  # not ready at first, for no cycles perhaps
    return HostTrace(offered=np.cumsum(gaps), ready=np.repeat(states, runs))
