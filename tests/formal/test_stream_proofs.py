"""Whatever their neighbours do: streams keep their rules, and nothing is lost, doubled or moved."""

from __future__ import annotations

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.graph.fifo import EventFifo
from hw.graph.fork import Fork
from hw.graph.stall import StallGate
from hw.streams import event_stream
from spikeforge.errors import SpikeforgeError

DEPTH = 10


@pytest.mark.parametrize("depth", [2, 3])
def test_a_fifo_keeps_everything_in_order(depth, harness):
    fifo = EventFifo(3, 2, depth)
    proof = harness(fifo)
    proof.source(fifo.i)
    proof.sink(fifo.o)
    proof.same_order(fifo.i, fifo.o, capacity=depth + 1)
    proof.within(fifo.i.valid & ~fifo.i.ready & ~fifo.o.valid, 1, "shut")
    assert proof.prove_always().holds


def test_a_fork_gives_every_reader_everything_in_order(harness):
    fork = Fork(event_stream(3, 2), 2)
    for reader in range(2):
        proof = harness(fork)
        proof.source(fork.i)
        for out in fork.o:
            proof.sink(out)
        taken = proof.counter(fork.i.valid & fork.i.ready, "source_moved")
        given = proof.counter(fork.o[reader].valid & fork.o[reader].ready, "reader_moved")
        proof.claim((given == taken) | (given == taken + 1))
        assert proof.prove(DEPTH).holds


def test_a_held_link_still_keeps_the_rules_and_the_order(harness):
    gate = StallGate(event_stream(3, 2))
    proof = harness(gate)
    proof.source(gate.i)
    proof.free(gate.held)
    proof.sink(gate.o)
    proof.claim((gate.i.valid & gate.i.ready) == (gate.o.valid & gate.o.ready))
    assert proof.prove(DEPTH).holds


class _Dropping(wiring.Component):
    """A broken link: it takes an offer back when its reader hesitates."""

    def __init__(self):
        super().__init__({"i": In(event_stream(3, 2)), "o": Out(event_stream(3, 2))})

    def elaborate(self, platform):
        m = Module()
        tired = Signal()
        m.d.sync += tired.eq(self.o.valid & ~self.o.ready)
        m.d.comb += [
            self.o.p.eq(self.i.p),
            self.o.valid.eq(self.i.valid & ~tired),
            self.i.ready.eq(self.o.ready & ~tired),
        ]
        return m


def test_a_link_that_takes_an_offer_back_is_found(harness):
    link = _Dropping()
    proof = harness(link)
    proof.source(link.i)
    proof.sink(link.o)
    found = proof.prove(DEPTH)
    assert not found.holds
    assert found.cycle == 1
    assert found.signals["waiting_1"] == 1


def test_assumptions_that_contradict_each_other_prove_nothing(harness):
    gate = StallGate(event_stream(3, 2))
    proof = harness(gate)
    proof.source(gate.i)
    proof.free(gate.held)
    proof.sink(gate.o)
    proof.assume(gate.held & ~gate.held)
    with pytest.raises(SpikeforgeError, match="the assumptions leave no run of 10 cycles"):
        proof.prove(DEPTH)


class _NeverFull(wiring.Component):
    """A broken FIFO: it takes items whether or not there is room."""

    def __init__(self):
        super().__init__({"i": In(event_stream(3, 2)), "o": Out(event_stream(3, 2))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = EventFifo(3, 2, 2)
        connect(m, fifo.o, flipped(self.o))
        m.d.comb += [fifo.i.p.eq(self.i.p), fifo.i.valid.eq(self.i.valid), self.i.ready.eq(1)]
        return m


def test_a_fifo_that_never_says_full_is_found(harness):
    fifo = _NeverFull()
    proof = harness(fifo)
    proof.source(fifo.i)
    proof.sink(fifo.o)
    proof.same_order(fifo.i, fifo.o, capacity=6)
    assert not proof.prove_always().holds


def test_a_proof_whose_circuit_cannot_get_anywhere_is_refused(harness):
    fifo = EventFifo(3, 2, 2)
    proof = harness(fifo)
    proof.source(fifo.i)
    proof.sink(fifo.o)
    proof.same_order(fifo.i, fifo.o, capacity=3)
    proof.assume(~fifo.i.valid)
    with pytest.raises(SpikeforgeError, match="1 of 1 covers are out of reach in 20 cycles"):
        proof.prove_always()
