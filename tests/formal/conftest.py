"""What bounded proofs share: claims about streams, and a module around the part under proof."""

from __future__ import annotations

import pytest
from amaranth import Module, Signal
from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume

from sim.prove import prove


class Harness:
    """A part with free inputs, what is assumed of them, and what is claimed of the part."""

    def __init__(self, part):
        self.m = Module()
        self.m.submodules.part = part
        self._ports = []
        self._watched = 0

    def free(self, *signals):
        """The solver chooses these anew in each cycle."""
        self._ports += signals

    def source(self, stream):
        """A free stream into the part that keeps the rules of streams."""
        self.free(stream.valid, stream.p.as_value())
        self._stays(stream, Assume)

    def sink(self, stream):
        """A free reader of the part's stream, which must keep the rules of streams."""
        self.free(stream.ready)
        self._stays(stream, Assert)

    def _stays(self, stream, claim):
        """What is offered and not taken stays, with the same payload."""
        number, self._watched = self._watched, self._watched + 1
        payload = stream.p.as_value()
        waiting = Signal(name=f"waiting_{number}")
        kept = Signal(len(payload), name=f"kept_{number}")
        self.m.d.sync += [waiting.eq(stream.valid & ~stream.ready), kept.eq(payload)]
        with self.m.If(waiting):
            self.m.d.comb += [claim(stream.valid), claim(payload == kept)]

    def constant(self, width, name):
        """A number that the solver chooses once for the whole run."""
        value, before = Signal(width, name=name), Signal(width, name=f"{name}_before")
        begun = Signal(name=f"{name}_begun")
        self.free(value)
        self.m.d.sync += [before.eq(value), begun.eq(1)]
        with self.m.If(begun):
            self.m.d.comb += Assume(value == before)
        return value

    def assume(self, condition):
        self.m.d.comb += Assume(condition)

    def claim(self, condition):
        self.m.d.comb += Assert(condition)

    def counter(self, event, name, width=5):
        """How often something happened before this cycle."""
        count = Signal(width, name=name)
        with self.m.If(event):
            self.m.d.sync += count.eq(count + 1)
        return count

    def same_order(self, into, out, width=5):
        """The n-th item out is the n-th item in, for every n."""
        chosen = self.constant(width, "chosen")
        taken = self.counter(into.valid & into.ready, "taken")
        given = self.counter(out.valid & out.ready, "given")
        kept = Signal(len(into.p.as_value()), name="chosen_payload")
        with self.m.If(into.valid & into.ready & (taken == chosen)):
            self.m.d.sync += kept.eq(into.p.as_value())
        with self.m.If(out.valid & (given == chosen)):
            self.claim(taken > chosen)
            self.claim(out.p.as_value() == kept)

    def prove(self, depth):
        text = rtlil.convert(self.m, name="top", ports=self._ports, emit_src=False)
        return prove(text, depth=depth)


@pytest.fixture(scope="session")
def harness():
    """The class; ``harness(part)`` begins a proof of a part."""
    return Harness
