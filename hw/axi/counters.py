"""Counters that are read all of one moment."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["COUNTER_BITS", "Counters"]

COUNTER_BITS = 48  # wraps after 32 days at 100 MHz


class Counters(wiring.Component):
    """Adds up; a snapshot copies all counters at once, so that they can be read in peace.

    Members:
        step_<name>: In(width). What is added in this cycle.
        clear: In(1). Begin again at 0, with what is added in this cycle.
        snapshot: In(1). Copy what was counted up to the cycle before.
        value_<name>: Out(COUNTER_BITS). The copy.

    Counters wrap to 0 beyond COUNTER_BITS. ``clear`` and ``snapshot`` in the same cycle lose no
    count and take none twice.
    """

    def __init__(self, widths: dict[str, int]):
        self._names = tuple(widths)
        steps = {f"step_{name}": In(width) for name, width in widths.items()}
        values = {f"value_{name}": Out(COUNTER_BITS) for name in widths}
        super().__init__({**steps, **values, "clear": In(1), "snapshot": In(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for name in self._names:
            count = Signal(COUNTER_BITS, name=f"count_{name}")
            step = getattr(self, f"step_{name}")
            with m.If(self.clear):
                m.d.sync += count.eq(step)
            with m.Elif(step.any()):
                m.d.sync += count.eq(count + step)
            with m.If(self.snapshot):
                m.d.sync += getattr(self, f"value_{name}").eq(count)
        return m
