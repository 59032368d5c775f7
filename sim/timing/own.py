"""When a recurrent layer's own spikes are played."""

from __future__ import annotations

from typing import Any

from hw.scatter.geometry import ScatterGeometry

__all__ = ["OwnTiming"]


class OwnTiming:
    """hw.scatter.own: marks wait for the own spikes of the step before, which pass first."""

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        self._after: Any = None
        self._spikes: list[int] = []  # cycles in which the step's spikes came
        self._mark = -1  # cycle in which its mark came
        self._left = -1  # the last one left the queue
        self._step = 0

    def join(self, after: Any) -> None:
        """Set what comes after; it also takes own spikes (``push_own``)."""
        self._after = after

    def own_event(self, time: int, address: int) -> None:
        """The layer's own spike."""
        self._spikes.append(time)

    def own_mark(self, time: int) -> None:
        """The mark of the layer's own step."""
        self._mark = time

    def push_event(self, time: int, address: int, level: int) -> int:
        """Offer an event of the source."""
        accepted: int = self._after.push_event(time, address, level)
        return accepted

    def push_mark(self, time: int) -> int:
        """Offer a mark; it is accepted after all own spikes, which are offered only while it is."""
        if self._step > 0:
            for came in self._spikes:
                self._left = self._after.push_own(max(time, came + 2, self._left + 1))
            time = max(time, self._mark + 2, self._left + 1)
        self._spikes = []
        accepted: int = self._after.push_mark(time)
        if self._step > 0:
            self._left = accepted
        self._step = (self._step + 1) % self._geometry.steps
        return accepted
