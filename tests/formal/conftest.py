"""What proofs share: claims about streams, and a module around the part under proof."""

from __future__ import annotations

import pytest
from amaranth import Module, Mux, Shape, Signal
from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Cover

from sim.prove import prove
from sim.prove_always import first_reached, prove_always, prove_within


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

    def cover(self, condition):
        """This can happen."""
        self.m.d.comb += Cover(condition)

    def within(self, condition, cycles, name):
        """It never holds for more than so many cycles in a row."""
        lasted = Signal(range(cycles + 1), name=name)
        self.m.d.sync += lasted.eq(Mux(condition, lasted + (lasted != cycles), 0))
        self.claim(~(condition & (lasted == cycles)))

    def same_order(self, into, out, capacity):
        """What leaves is what came in, item by item: any one is followed on its way."""
        take, give = into.valid & into.ready, out.valid & out.ready
        held = Signal(range(capacity + 2), name="held")
        self.m.d.sync += held.eq(held + take - give)
        self.claim(held <= capacity)
        self.claim(~out.valid | (held != 0))
        pick, picked, gone = Signal(name="pick"), Signal(name="picked"), Signal(name="gone")
        ahead, kept = Signal.like(held, name="ahead"), Signal.like(into.p.as_value(), name="kept")
        self.free(pick)
        with self.m.If(take & pick & ~picked):
            self.m.d.sync += [picked.eq(1), kept.eq(into.p.as_value()), ahead.eq(held - give)]
        with self.m.Elif(give):
            self.m.d.sync += [ahead.eq(ahead - 1), gone.eq(picked & (gone | (ahead == 0)))]
        self.claim(~(picked & ~gone & out.valid & (ahead == 0)) | (out.p.as_value() == kept))
        self.cover(picked & ~gone & out.valid & (ahead == 0))

    def prove(self, depth):
        return prove(self._text(), depth=depth)

    def prove_always(self, depth=20):
        return prove_always(self._text(), depth=depth)

    def prove_within(self, depth):
        return prove_within(self._text(), depth=depth)

    def first_reached(self, depth):
        return first_reached(self._text(), depth=depth)

    def _text(self):
        return rtlil.convert(self.m, name="top", ports=self._ports, emit_src=False)


@pytest.fixture(scope="session")
def harness():
    """The class; ``harness(part)`` begins a proof of a part."""
    return Harness


class _Narrower:
    """In place of ``Signal`` in a module: some signals have one bit less than it asks for."""

    def __init__(self, prefix):
        self._prefix = prefix
        self.like = Signal.like

    def __call__(self, shape=1, *, name=None, **options):
        if name and name.startswith(self._prefix):
            asked = Shape.cast(shape)
            shape = Shape(asked.width - 1, asked.signed)
        return Signal(shape, name=name, **options)


@pytest.fixture
def narrower(monkeypatch):
    """Call with a module and the beginning of the names of its signals that lose a bit."""
    return lambda module, prefix: monkeypatch.setattr(module, "Signal", _Narrower(prefix))
