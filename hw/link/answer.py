"""The answer to a packet, byte by byte: number, command, status, and what the command asked for."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.link.protocol import ANSWER, Command, Status

__all__ = ["Answer", "bytes_of", "widened"]

_HEAD = 3


def bytes_of(value: Value) -> list[Value]:
    """A value as bytes, lowest first; its width must be a multiple of 8."""
    if len(value) % 8:
        raise ValueError(f"width must be a multiple of 8, not {len(value)!r}")
    return [value[n : n + 8] for n in range(0, len(value), 8)]


def widened(value: Value, count: int) -> list[Value]:
    """A value as ``count`` bytes; those beyond its width are one and the same."""
    sign = value[-1] if value.shape().signed else Const(0, 1)
    whole = -(-len(value) // 8)
    filled = Cat(value, sign.replicate(8 * whole - len(value)))
    return [*bytes_of(filled), *[sign.replicate(8)] * (count - whole)]


class Answer(wiring.Component):
    """Sends one answer at a time.

    Members:
        send: In(1). Begin; all other inputs stay as they are until ``sent``.
        number, command, verdict: In(8). The packet's number and command, and its status.
        o: Out(stream). Bytes for the framer, one every other cycle at best: a byte is looked up in
            one and offered from the next on, so that no path goes through here.
        sent: Out(1). The last byte went, for one cycle.

    Args:
        contents: By command, the bytes that follow a status OK.
        expected: The bytes that follow WRONG_OFFSET.
    """

    def __init__(self, contents: dict[Command, list[Value]], expected: list[Value]):
        self._contents, self._expected = contents, expected
        layout = data.StructLayout({"data": 8, "last": 1})
        super().__init__(
            {
                "send": In(1), "number": In(8), "command": In(8), "verdict": In(8),
                "o": Out(stream.Signature(layout)), "sent": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        table, ranges = self._table()
        place = Signal(range(len(table) + 1))
        last = Signal.like(place)
        begin, end = Signal.like(place), Signal.like(place)
        busy, at_end = Signal(), Signal()
        head = Signal(range(_HEAD + 1))
        byte = Signal(8)
        m.d.comb += end.eq(begin)  # nothing follows the status
        with m.If(self.verdict == Status.OK), m.Switch(self.command):
            for command in self._contents:
                with m.Case(command):
                    m.d.comb += [begin.eq(ranges[command][0]), end.eq(ranges[command][1])]
        with m.Elif(self.verdict == Status.WRONG_OFFSET):
            m.d.comb += [begin.eq(ranges[None][0]), end.eq(ranges[None][1])]
        _look_up(m, place, table, byte)
        with m.Switch(head):
            for number, value in enumerate((self.number, self.command | ANSWER, self.verdict)):
                with m.Case(number):
                    m.d.comb += byte.eq(value)
        m.d.comb += at_end.eq((head >= _HEAD - 1) & (place == last))
        m.d.sync += self.sent.eq(0)
        with m.If(self.send):
            m.d.sync += [busy.eq(1), head.eq(0), place.eq(begin), last.eq(end)]
        with m.Elif(~self.o.valid):
            m.d.sync += [self.o.valid.eq(busy), self.o.p.data.eq(byte), self.o.p.last.eq(at_end)]
        with m.Elif(self.o.ready):
            m.d.sync += [
                self.o.valid.eq(0), busy.eq(~self.o.p.last), self.sent.eq(self.o.p.last)
            ]  # fmt: skip
            with m.If(head < _HEAD):
                m.d.sync += head.eq(head + 1)
            with m.If(head >= _HEAD - 1):
                m.d.sync += place.eq(place + 1)
        return m

    def _table(self) -> tuple[list[Value], dict[Command | None, tuple[int, int]]]:
        """All bytes that may follow a status, and the places before the first and of the last."""
        table: list[Value] = [Const(0, 8)]
        ranges: dict[Command | None, tuple[int, int]] = {}
        for key, content in (*self._contents.items(), (None, self._expected)):
            begin = len(table) - 1
            table.extend(content)
            ranges[key] = (begin, len(table) - 1)
        return table, ranges


def _look_up(m: Module, place: Signal, table: list[Value], byte: Signal) -> None:
    """A value that is in the table several times is selected once."""
    numbers: dict[int, list[int]] = {}
    for number, value in enumerate(table):
        numbers.setdefault(id(value), []).append(number)
    with m.Switch(place):
        for found in numbers.values():
            with m.Case(*found):
                m.d.comb += byte.eq(table[found[0]])
