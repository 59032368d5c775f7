"""What a host is told, and what it commands: the bits of three registers."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.axi.registers import BASE, BITS, BitField

__all__ = ["Status"]

_FIELDS = {part.name: part.fields for part in BASE}


class Status(wiring.Component):
    """Takes commands apart, and puts the status word together.

    Members:
        control: In(32). The register.
        command: In(1). Data are written to ``command`` in this cycle.
        data, strobe: In(32), In(4). Of that write.
        enable: Out(1). From ``control``.
        snapshot, clear, reset: Out(1). Commands of this cycle.
        loaded, loading, draining, in_image: In(1). What goes on.
        load_error: In(2). Why the last load did not count.
        started, done, drop: In(1). An image begins, a class leaves, all images are dropped.
        frame_error, event_error: In(1). In this cycle; the status keeps them.
        busy: Out(1). An image is under way.
        word: Out(32). The ``status`` register.

    Latency: 0, kept bits 1 cycle. Reset: nothing under way, no errors.
    """

    def __init__(self) -> None:
        ones = ("command", "loaded", "loading", "draining", "in_image", "started", "done", "drop",
                "frame_error", "event_error")  # fmt: skip
        super().__init__(
            {
                "control": In(BITS), "data": In(BITS), "strobe": In(BITS // 8), "load_error": In(2),
                **{name: In(1) for name in ones},
                **{name: Out(1) for name in ("enable", "snapshot", "clear", "reset", "busy")},
                "word": Out(BITS),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        commands = {}
        for field in _FIELDS["command"]:
            asked = self.data[field.low] & self.strobe[field.low // 8]
            commands[field.name] = self.command & asked
        m.d.comb += [
            self.enable.eq(self._bits(self.control, "control", "enable")),
            *(getattr(self, name).eq(commands[name]) for name in ("snapshot", "clear", "reset")),
        ]
        kept = {}
        for name in ("frame_error", "event_error"):
            kept[name] = Signal(name=f"kept_{name}")
            with m.If(getattr(self, name)):
                m.d.sync += kept[name].eq(1)
            with m.Elif(commands["clear_errors"]):
                m.d.sync += kept[name].eq(0)
        under_way = Signal(BITS)
        with m.If(self.drop):
            m.d.sync += under_way.eq(0)
        with m.Elif(self.started & ~self.done):
            m.d.sync += under_way.eq(under_way + 1)
        with m.Elif(self.done & ~self.started):
            m.d.sync += under_way.eq(under_way - 1)
        m.d.comb += self.busy.eq(self.in_image | (under_way != 0))
        for field in _FIELDS["status"]:
            value = kept.get(field.name, getattr(self, field.name))
            m.d.comb += self._part(self.word, field).eq(value)
        return m

    def _bits(self, word: Value, register: str, name: str) -> Value:
        return self._part(word, next(part for part in _FIELDS[register] if part.name == name))

    def _part(self, word: Value, field: BitField) -> Value:
        return word[field.low : field.low + field.width]
