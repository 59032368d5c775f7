"""When items pass forks, joins and average pooling.

Every part takes items as the parts before it push them: an item offered from a cycle on, back
comes the cycle in which it is accepted. What a part then sends, it pushes on at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from hw.graph.geometry import JoinGeometry, PoolMapGeometry
from sim.timing.scan import Receiver
from spikeforge.schema import ResidualKind

__all__ = ["ForkTiming", "JoinSide", "JoinTiming", "PoolMapTiming"]


class ForkTiming:
    """hw.graph.fork: the source moves on when the slowest reader has taken the item.

    Readers that end in a FIFO come first: a FIFO of a join holds whole steps, so all that its
    space hangs on was pushed with earlier steps, while what the join sends may hang on it.
    """

    def __init__(self, readers: Sequence[Receiver]):
        self._readers = sorted(readers, key=lambda reader: not isinstance(reader, JoinSide))

    def push_event(self, time: int, address: int, level: int) -> int:
        """Offer an event."""
        return max([reader.push_event(time, address, level) for reader in self._readers])

    def push_mark(self, time: int) -> int:
        """Offer a mark."""
        return max([reader.push_mark(time) for reader in self._readers])


class PoolMapTiming:
    """hw.graph.pool: two stages; the second sends an event's pooled ones, one a cycle."""

    def __init__(self, geometry: PoolMapGeometry, after: Receiver):
        self._geometry = geometry
        self._after = after
        self._moved = -1  # the last item went from the first stage into the second
        self._done = -1  # and left the second
        _, height, width = geometry.in_shape
        _, rows, columns = geometry.out_shape
        self._rows = [geometry.window(place, rows) for place in range(height)]
        self._columns = [geometry.window(place, columns) for place in range(width)]

    def push_event(self, time: int, address: int, level: int) -> int:
        """Offer an event."""
        accepted = max(time, self._moved)
        self._moved = out = max(accepted + 1, self._done)
        pooled = self._pooled(address)
        for target in pooled:
            out = self._after.push_event(out + 1, target, level)
        self._done = out if pooled else self._moved + 1
        return accepted

    def push_mark(self, time: int) -> int:
        """Offer a mark."""
        accepted = max(time, self._moved)
        self._moved = max(accepted + 1, self._done)
        self._done = self._after.push_mark(self._moved + 1)
        return accepted

    def _pooled(self, address: int) -> list[int]:
        """Addresses of the windows that an address lies in, ascending."""
        channels, _, width = self._geometry.in_shape
        across = self._geometry.out_shape[2]
        place, channel = divmod(address, channels)
        row, rows = self._rows[place // width]
        column, columns = self._columns[place % width]
        return [
            (down * across + right) * channels + channel
            for down in range(row, row + rows)
            for right in range(column, column + columns)
        ]


class _Fifo:
    """hw.graph.fifo: an item is read from the RAM when the one before it has left."""

    def __init__(self, depth: int):
        self._depth = depth
        self._waiting: deque[tuple[int, int, int]] = deque()  # (written, address, level)
        self._reads: deque[int] = deque(maxlen=depth)  # cycles in which items were read
        self._left = -1

    def push(self, time: int, address: int, level: int) -> int:
        """Offer an item (a mark: address -1); returns the cycle in which it is accepted."""
        unread = max(0, len(self._waiting) - 1)  # the head is read as soon as it can be
        place = len(self._reads) + unread - self._depth
        if place >= 0:  # the item whose place this one takes
            time = max(time, self._reads[place] + 1)
        self._waiting.append((time, address, level))
        if len(self._waiting) == 1:
            self._read()
        return time

    def _read(self) -> None:
        self._reads.append(max(self._waiting[0][0] + 1, self._left))

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def offered(self) -> int:
        """The first cycle in which the head is offered."""
        return self._reads[-1] + 1

    @property
    def address(self) -> int:
        """Address of the head; -1 for a mark."""
        return self._waiting[0][1]

    @property
    def level(self) -> int:
        """Level of the head."""
        return self._waiting[0][2]

    def pop(self, time: int) -> None:
        """The head leaves in a cycle."""
        self._left = time
        self._waiting.popleft()
        if self._waiting:
            self._read()


class JoinTiming:
    """hw.graph.join: moves an item, or two equal ones, in a cycle."""

    def __init__(self, geometry: JoinGeometry, after: Receiver):
        self._function = geometry.function
        self._after = after
        self._fifos = [_Fifo(geometry.fifo_depth(side)) for side in range(2)]
        self._turn = 0
        self._free = 0  # the first cycle in which the next item may move

    def push(self, side: int, time: int, address: int, level: int) -> int:
        """Offer an item (a mark: address -1) of a source."""
        accepted = self._fifos[side].push(time, address, level)
        if self._function is ResidualKind.ADD:
            self._take_turns()
        else:
            self._merge()
        return accepted

    def _take_turns(self) -> None:
        while self._fifos[self._turn]:
            head = self._fifos[self._turn]
            moved = max(head.offered, self._free)
            if head.address >= 0:
                moved = self._after.push_event(moved, head.address, head.level)
            elif self._turn == 1:
                moved = self._after.push_mark(moved)
            if head.address < 0:
                self._turn = 1 - self._turn
            head.pop(moved)
            self._free = moved + 1

    def _merge(self) -> None:
        one, other = self._fifos
        while one and other:
            moved = max(one.offered, other.offered, self._free)
            equal = one.address == other.address
            lower = one.address >= 0 and (other.address < 0 or one.address < other.address)
            if equal and one.address < 0:
                moved = self._after.push_mark(moved)
            elif equal if self._function is ResidualKind.AND else not (equal or lower):
                moved = self._after.push_event(moved, other.address, other.level)
            if equal or lower:
                one.pop(moved)
            if equal or not lower:
                other.pop(moved)
            self._free = moved + 1


class JoinSide:
    """One source of a join, as the stream that feeds it sees it."""

    def __init__(self, join: JoinTiming, side: int):
        self._join = join
        self._side = side

    def push_event(self, time: int, address: int, level: int) -> int:
        """Offer an event."""
        return self._join.push(self._side, time, address, level)

    def push_mark(self, time: int) -> int:
        """Offer a mark."""
        return self._join.push(self._side, time, -1, 0)
