"""The answer to a packet, byte by byte: number, command, status, and what the command asked for."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.link.protocol import ANSWER, Command, Status

__all__ = ["Answer", "bytes_of"]

_HEAD = 3


def bytes_of(value: Value) -> list[Value]:
    """A value as bytes, lowest first; its width must be a multiple of 8."""
    if len(value) % 8:
        raise ValueError(f"width must be a multiple of 8, not {len(value)!r}")
    return [value[n : n + 8] for n in range(0, len(value), 8)]


class Answer(wiring.Component):
    """Sends one answer at a time.

    Members:
        send: In(1). Begin; all other inputs stay as they are until ``sent``.
        number, command, verdict: In(8). The packet's number and command, and its status.
        o: Out(stream). Bytes for the framer.
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
        longest = max(len(part) for part in (*self._contents.values(), self._expected))
        index = Signal(range(_HEAD + longest + 1))
        length = Signal.like(index)
        busy = Signal()
        follows = Signal(range(longest + 1))
        byte = Signal(8)
        head = [self.number, self.command | ANSWER, self.verdict]
        with m.If(self.verdict == Status.OK), m.Switch(self.command):
            for command, content in self._contents.items():
                with m.Case(command):
                    m.d.comb += follows.eq(len(content))
                    m.d.comb += byte.eq(Array([*head, *content])[index])
        with m.Elif(self.verdict == Status.WRONG_OFFSET):
            m.d.comb += follows.eq(len(self._expected))
            m.d.comb += byte.eq(Array([*head, *self._expected])[index])
        with m.If(index < _HEAD):
            m.d.comb += byte.eq(Array([*head, Const(0, 8)])[index[:2]])
        m.d.comb += [
            length.eq(_HEAD + follows), self.o.valid.eq(busy), self.o.p.data.eq(byte),
            self.o.p.last.eq(index == length - 1),
            self.sent.eq(busy & self.o.ready & self.o.p.last),
        ]  # fmt: skip
        with m.If(self.send):
            m.d.sync += [busy.eq(1), index.eq(0)]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [index.eq(Mux(self.o.p.last, 0, index + 1)), busy.eq(~self.o.p.last)]
        return m
