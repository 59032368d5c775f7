"""Joins of two paths: right in each of the first steps, however long they take, and never stuck."""

from __future__ import annotations

import pytest
from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.graph.fork import Fork
from hw.graph.geometry import JoinGeometry
from hw.graph.join import Join
from hw.streams import event_stream
from spikeforge.schema import ResidualKind

WIDTH = 2
STEPS = 2  # any of these is looked at


def _geometry(function):
    return JoinGeometry(
        name="join", sources=("one", "other"), function=function, out_shape=(WIDTH, 1, 1),
        levels=1, multiplicities=(1, 1), marks=1,
    )  # fmt: skip


class _Watched:
    """A stream whose events ascend within a step: where it is, and what its chosen step held."""

    def __init__(self, proof, stream, name, chosen, address):
        m = proof.m
        self.step, self.place = Signal(range(STEPS + 1), name=f"{name}_step"), Signal(3)
        self.has, self.length = Signal(2, name=f"{name}_has"), Signal(3, name=f"{name}_length")
        self.moves = stream.valid & stream.ready
        self.there = self.step == chosen
        with m.If(self.moves):
            m.d.sync += self.place.eq(Mux(stream.p.last, 0, self.place + 1))
            with m.If(stream.p.last):
                m.d.sync += self.step.eq(self.step + (self.step != STEPS))
            with m.Elif(self.there):
                m.d.sync += self.length.eq(self.length + 1)
                m.d.sync += self.has.eq(self.has + (stream.p.address == address))


def _ascends(proof, stream, claim):
    """In a step addresses ascend; a mark's other fields are 0."""
    m = proof.m
    lowest = Signal(range(WIDTH + 1))
    with m.If(stream.valid & stream.ready):
        m.d.sync += lowest.eq(Mux(stream.p.last, 0, stream.p.address + 1))
    event = (stream.p.address >= lowest) & (stream.p.level == 1)
    mark = (stream.p.address == 0) & (stream.p.level == 0)
    claim(~stream.valid | Mux(stream.p.last, mark, event))


def _around(harness, function):
    join = Join(_geometry(function))
    proof = harness(join)
    for side in join.i:
        proof.source(side)
        _ascends(proof, side, proof.assume)
    proof.sink(join.o)
    chosen, address = proof.constant(1, "chosen"), proof.constant(1, "address")
    sides = [_Watched(proof, side, f"side_{n}", chosen, address) for n, side in enumerate(join.i)]
    out = _Watched(proof, join.o, "out", chosen, address)
    whole = (sides[0].step > chosen) & (sides[1].step > chosen)
    closing = join.o.valid & join.o.p.last & out.there
    proof.claim(~closing | whole)
    behind = [(side.step > out.step) & (out.step != STEPS) for side in sides]
    proof.within(behind[0] & behind[1] & ~join.o.valid, 2 * WIDTH + 2, "silent")
    proof.cover(closing & (chosen == STEPS - 1) & sides[0].has[0] & sides[1].has[0])
    return join, proof, sides, out, closing


def _claim_merge(proof, join, sides, out, closing, function):
    """AND: what both sent; IAND: what the second sent and the first did not."""
    first, second = sides[0].has[0], sides[1].has[0]
    expected = second & (first if function is ResidualKind.AND else ~first)
    proof.claim(~closing | (out.has == expected))
    _ascends(proof, join.o, proof.claim)


@pytest.mark.parametrize("function", [ResidualKind.AND, ResidualKind.IAND])
def test_a_merge_sends_what_its_function_says(function, harness):
    join, proof, *rest = _around(harness, function)
    _claim_merge(proof, join, *rest, function)
    assert proof.prove_always().holds


def test_a_merge_of_another_function_is_found(harness):
    join, proof, *rest = _around(harness, ResidualKind.AND)
    _claim_merge(proof, join, *rest, ResidualKind.IAND)
    assert not proof.prove_always().holds


def test_a_sum_sends_the_first_path_and_then_the_second(harness):
    join, proof, sides, out, closing = _around(harness, ResidualKind.ADD)
    proof.claim(~closing | (out.has == sides[0].has + sides[1].has))
    proof.claim(~closing | (out.place == sides[0].length + sides[1].length))
    # Its n-th item is the n-th of the first path, or what follows of the second.
    place = proof.constant(2, "place")
    for number, (side, watched) in enumerate(zip(join.i, sides, strict=True)):
        kept, taken = Signal.like(side.p.as_value(), name=f"item_{number}"), Signal()
        with proof.m.If(watched.moves & watched.there & (watched.place == place)):
            proof.m.d.sync += [kept.eq(side.p.as_value()), taken.eq(1)]
        begins = sides[0].length if number else 0
        over = ~sides[0].there if number else ~kept[0]  # the mark of the first path is dropped
        due = join.o.valid & out.there & taken & over & (out.place == begins + place)
        proof.claim(~due | (join.o.p.as_value() == kept))
    assert proof.prove_always().holds


class _Loop(wiring.Component):
    """A fork whose two readers are the two sides of a join."""

    def __init__(self):
        signature = event_stream(WIDTH, 1)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.fork = fork = Fork(event_stream(WIDTH, 1), 2)
        m.submodules.join = join = Join(_geometry(ResidualKind.ADD))
        connect(m, flipped(self.i), fork.i)
        for number in range(2):
            connect(m, fork.o[number], join.i[number])
        connect(m, join.o, flipped(self.o))
        return m


def _loop(harness):
    loop = _Loop()
    proof = harness(loop)
    proof.source(loop.i)
    _ascends(proof, loop.i, proof.assume)
    proof.sink(loop.o)
    proof.within(loop.i.valid & ~loop.i.ready & ~loop.o.valid, 2, "stuck")
    proof.cover(loop.o.valid & loop.o.p.last)
    return proof.prove_always()


def test_two_paths_from_one_fork_never_wait_for_each_other(harness):
    assert _loop(harness).holds


def test_a_join_that_holds_less_than_a_step_is_found(harness, monkeypatch):
    monkeypatch.setattr(JoinGeometry, "fifo_depth", lambda geometry, side: 1)
    assert not _loop(harness).holds
