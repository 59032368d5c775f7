"""When the ring of a layer with taps takes events, and when it plays them."""

from __future__ import annotations

from collections import deque

from hw.scatter.geometry import ScatterGeometry
from sim.timing.scan import Receiver

__all__ = ["TapsTiming"]

_Entry = tuple[int, int, int]  # (cycle in which it came, address, level); a mark has level 0


class TapsTiming:
    """hw.scatter.taps: each own step plays earlier steps of the source, tap after tap.

    An own step is worked out when the source's step of the same number is in: all that it plays is
    known by then.
    """

    def __init__(self, geometry: ScatterGeometry, after: Receiver):
        g = self._geometry = geometry
        self._after = after
        self._oldest = max(range(len(g.taps)), key=lambda n: (g.taps[n].delay, n))
        self._image: list[list[_Entry]] = [[]]  # entries of the image's steps, marks included
        self._released: deque[int] = deque()  # when places of the ring became free, in order
        self._held = 0  # entries in the ring, or given up but not yet known so
        self._step = 0  # own step
        self._read_from = 0  # an entry may be read
        self._bare_from = 0  # the mark of a step without entries may be offered
        self._turned = 0  # the next image's last step may come in

    def push_event(self, time: int, address: int, level: int) -> int:
        """Offer an event of the source."""
        accepted = self._room(time)
        self._image[-1].append((accepted, address, level))
        return accepted

    def push_mark(self, time: int) -> int:
        """Offer a mark; what it lets the layer play is pushed on."""
        g = self._geometry
        accepted = self._room(time)
        self._image[-1].append((accepted, 0, 0))
        if len(self._image) < g.steps_in:
            self._play()
            self._image.append([])
            return accepted
        while self._step < g.steps:
            self._play()
        self._turn()
        return accepted

    def _room(self, time: int) -> int:
        """The first cycle from ``time`` on in which the ring takes an entry."""
        g = self._geometry
        if len(self._image) == g.steps_in:
            time = max(time, self._turned)
        if self._held == g.ring_depth:
            time = max(time, self._released.popleft())
        else:
            self._held += 1
        return time

    def _play(self) -> None:
        """One own step."""
        g = self._geometry
        playing = [
            number for number, tap in enumerate(g.taps)
            if 0 <= self._step - tap.delay < g.steps_in
        ]  # fmt: skip
        begin = self._bare_from
        for number in playing:
            begin = self._replay(number)
            if number != playing[-1]:
                self._read_from = begin
        if self._step < g.steps_in:
            begin = max(begin, self._image[self._step][-1][0] + 1)
        left = self._after.push_mark(begin)
        self._read_from, self._bare_from = left, left + 1
        self._step += 1

    def _replay(self, number: int) -> int:
        """One tap's turn; returns the cycle in which its mark is in the output stage."""
        for came, address, level in self._image[self._step - self._geometry.taps[number].delay]:
            read = max(self._read_from, came + 1)
            if number == self._oldest:
                self._released.append(read + 1)
            if level:
                self._read_from = self._after.push_event(read + 1, address, level)
        return read + 1

    def _turn(self) -> None:
        """All pointers move on to the next image."""
        g = self._geometry
        self._turned = self._read_from + 2
        self._read_from = self._bare_from = self._turned
        played = min(g.steps_in, max(0, g.steps - g.taps[self._oldest].delay))
        for step in self._image[played:]:
            self._released.extend([self._turned] * len(step))
        self._image = [[]]
        self._step = 0
