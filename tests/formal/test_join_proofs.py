"""Joins of two paths send what their function says, in every step, and never stick."""

from __future__ import annotations

import pytest
from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

import hw.graph.join as join_module
from hw.graph.fork import Fork
from hw.graph.geometry import JoinGeometry
from hw.graph.join import Join
from hw.streams import event_stream
from spikeforge.schema import ResidualKind

WIDTH = 2


def _geometry(function):
    return JoinGeometry(
        name="join", sources=("one", "other"), function=function, out_shape=(WIDTH, 1, 1),
        levels=1, multiplicities=(1, 1), marks=1,
    )  # fmt: skip


class _Direct(wiring.Component):
    """In place of a FIFO, which is proven by itself: what comes in is there at once."""

    def __init__(self, addresses, levels, depth):
        signature = event_stream(addresses, levels)
        super().__init__({"i": In(signature), "o": Out(signature), "wrote": Out(1),
                          "read": Out(1), "active": Out(1)})  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        connect(m, flipped(self.i), flipped(self.o))
        return m


@pytest.fixture
def direct(monkeypatch):
    monkeypatch.setattr(join_module, "EventFifo", _Direct)


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
    return join, proof


def _prove_merge(harness, built, claimed):
    """AND: what both sent; IAND: what the second sent and the first did not; for any address."""
    join, proof = _around(harness, built)
    address = proof.constant(1, "address")
    closing = join.o.valid & join.o.p.last
    first, second, sent = (Signal(name=name) for name in ("first", "second", "sent"))
    for seen, stream in ((first, join.i[0]), (second, join.i[1]), (sent, join.o)):
        with proof.m.If(stream.valid & stream.ready & (stream.p.address == address)):
            proof.m.d.sync += seen.eq(~stream.p.last)
        with proof.m.If(closing & join.o.ready):
            proof.m.d.sync += seen.eq(0)
    expected = second & (first if claimed is ResidualKind.AND else ~first)
    proof.claim(~closing | (sent == expected))
    proof.claim(~closing | (join.i[0].p.last & join.i[1].p.last))
    for side in join.i:  # both marks go with the mark that leaves, and only with it
        marks = side.valid & side.ready & side.p.last
        proof.claim(marks == (closing & join.o.ready))
    _ascends(proof, join.o, proof.claim)
    waiting = join.i[0].valid & join.i[1].valid & ~join.o.valid
    proof.within(waiting, 2 * WIDTH, "silent")
    proof.cover(closing & first & second)
    return proof.prove_always()


@pytest.mark.parametrize("function", [ResidualKind.AND, ResidualKind.IAND])
def test_a_merge_sends_what_its_function_says(function, harness, direct):
    assert _prove_merge(harness, function, function).holds


def test_a_merge_of_another_function_is_found(harness, direct):
    assert not _prove_merge(harness, ResidualKind.AND, ResidualKind.IAND).holds


def test_a_sum_sends_the_first_path_and_then_the_second(harness, direct):
    join, proof = _around(harness, ResidualKind.ADD)
    first, second = join.i
    turn = Signal(name="turn_of_the_second")
    closes = [side.valid & side.ready & side.p.last for side in join.i]
    proof.m.d.sync += turn.eq((turn | closes[0]) & ~closes[1])
    passed = [first.valid & first.ready & ~first.p.last, second.valid & second.ready]
    proof.claim((join.o.valid & join.o.ready) == Mux(turn, passed[1], passed[0]))
    proof.claim(~(turn & first.ready & first.valid) & ~(~turn & second.ready & second.valid))
    heads = [side.p.as_value() for side in join.i]
    proof.claim(~join.o.valid | (join.o.p.as_value() == Mux(turn, heads[1], heads[0])))
    proof.within(Mux(turn, second.valid, first.valid) & ~join.o.valid, 1, "silent")
    proof.cover(turn & join.o.valid & join.o.p.last)
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
    return proof.prove_within(14)


def test_two_paths_from_one_fork_never_wait_for_each_other(harness):
    assert _loop(harness).holds


def test_a_join_that_holds_less_than_a_step_is_found(harness, monkeypatch):
    monkeypatch.setattr(JoinGeometry, "fifo_depth", lambda geometry, side: 1)
    assert not _loop(harness).holds
