"""A whole small accelerator, with any content: streams keep their rules, no image gets stuck.

The environment offers images as the contract describes them, whenever it likes, and lets a beat of
the result wait for one cycle at most. The content is any, so the proofs cover every network of the
architecture. Sizes: 3 inputs, 2 hidden and 2 output neurons, 2-bit weights.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from amaranth import Mux, Signal, signed

import hw.layer as layer_module
from hw.accelerator import Accelerator
from hw.config import HardwareConfig, MemoryMode
from hw.geometry import WindowedGeometry
from hw.integrate import Integrate
from spikeforge.network import Dense, InputSpec, Network, Readout
from spikeforge.schema import NeuronSpec

INPUTS, HIDDEN, OUTPUTS = 3, 2, 2
PENDING = 7  # more images than fit between input and result
PATIENCE = 1
MEMBRANE = 6


def _network(schedule, steps):
    stepped = schedule == "stepped"

    def layer(name, inputs, outputs, fires):
        neuron = NeuronSpec(
            schedule=schedule, steps=steps, membrane_bits=MEMBRANE,
            current_bits=5 if stepped else 0, fires=fires, threshold_bits=2 if fires else 0,
            threshold_shape="falling" if fires and not stepped else "constant",
        )  # fmt: skip
        return Dense(name=name, inputs=inputs, outputs=outputs, weight_bits=2, neuron=neuron)

    return Network(
        name="small",
        input=InputSpec(
            coding="spikes" if stepped else "ttfs_levels", shape=(1, 1, INPUTS), steps=steps
        ),
        layers=(layer("hidden", INPUTS, HIDDEN, True), layer("output", HIDDEN, OUTPUTS, False)),
        tensors={
            "hidden.weight": np.ones((HIDDEN, INPUTS), np.int8),
            "hidden.threshold": np.array([1]),
            "output.weight": np.ones((OUTPUTS, HIDDEN), np.int8),
        },
        readout=Readout(kind="max_membrane", classes=OUTPUTS),
    )


class _AnySums(Integrate):
    """Hands over any membranes: a proof is one for whichever neurons fire, and cheaper."""

    any_of: ClassVar[dict[str, Signal]] = {}

    def _add_lanes(self, m, row, level):
        m.d.comb += self.o.membranes[0].eq(self.any_of[self._layer.name])


@pytest.fixture
def any_sums(monkeypatch):
    """Windowed layers of one lane hand over membranes that the solver chooses."""
    chosen = {name: Signal(signed(MEMBRANE), name=f"any_{name}") for name in ("hidden", "output")}
    monkeypatch.setattr(_AnySums, "any_of", chosen)
    monkeypatch.setattr(layer_module, "Integrate", _AnySums)
    return list(chosen.values())


class _Surrounded:
    """The accelerator between its environment and counters of what went through it."""

    def __init__(self, harness, schedule, *, steps=2, lanes=1, **choices):
        config = HardwareConfig(lanes=lanes, memory=MemoryMode.INIT, **choices)
        self.part = Accelerator(_network(schedule, steps), config)
        self.proof = harness(self.part)
        self.proof.source(self.part.events)
        if config.stall_links:
            self.proof.free(self.part.stalls)
        self._marks = steps if schedule == "stepped" else 1
        self._levels = 1 if schedule == "stepped" else steps
        self.accepted = self._images_in()
        self.given = self._results_out()
        self.finished = self.proof.counter(self.given, "finished", width=3)

    def _images_in(self):
        """Events in ascending order of their address, then the mark; high with the last one."""
        proof, m, e = self.proof, self.proof.m, self.part.events
        lowest, step = Signal(range(INPUTS + 1)), Signal(range(max(2, self._marks)))
        with m.If(e.valid & ~e.p.last):
            proof.assume((e.p.address >= lowest) & (e.p.address < INPUTS))
            proof.assume((e.p.level != 0) & (e.p.level <= self._levels))
        with m.If(e.valid & e.p.last):
            proof.assume((e.p.address == 0) & (e.p.level == 0))
        took = e.valid & e.ready
        at_end = step == self._marks - 1
        with m.If(took):
            m.d.sync += lowest.eq(Mux(e.p.last, 0, e.p.address + 1))
            with m.If(e.p.last):
                m.d.sync += step.eq(Mux(at_end, 0, step + 1))
        return took & e.p.last & at_end

    def _results_out(self):
        r = self.part.result
        waited = Signal(range(PATIENCE + 1))
        self.proof.m.d.sync += waited.eq(Mux(r.valid & ~r.ready, waited + 1, 0))
        self.proof.assume((waited != PATIENCE) | r.ready)
        return r.valid & r.ready & r.p.last

    def no_image_is_stuck(self, cycles):
        """While an image waits for its result, one comes at least every so many cycles."""
        proof, m = self.proof, self.proof.m
        proof.free(self.part.result.ready)
        pending = Signal(range(PENDING + 2))
        m.d.sync += pending.eq(pending + self.accepted - self.given)
        proof.claim(pending <= PENDING)
        proof.claim(~self.given | (pending != 0))  # no result without an image
        proof.within((pending != 0) & ~self.given, cycles, "unanswered")
        events = self.part.events
        proof.within(events.valid & ~events.ready, cycles, "refused")
        proof.cover(self.given & (self.finished == 1))
        return proof


@pytest.mark.parametrize(("schedule", "lanes"), [("windowed", 1), ("stepped", 2)])
def test_a_result_keeps_the_rules_of_streams_for_all_time(schedule, lanes, harness):
    made = _Surrounded(harness, schedule, lanes=lanes)
    made.proof.sink(made.part.result)
    made.proof.cover(made.given & (made.finished == 1))
    assert made.proof.prove_always(32).holds


@pytest.mark.parametrize("row_register", [True, False])
def test_every_image_of_a_windowed_accelerator_gets_its_result(harness, any_sums, row_register):
    made = _Surrounded(harness, "windowed", row_register=row_register)
    made.proof.free(*any_sums)
    assert made.no_image_is_stuck(27).prove_within(32).holds


def test_every_image_of_a_stepped_accelerator_gets_its_result(harness):
    made = _Surrounded(harness, "stepped", lanes=2)
    assert made.no_image_is_stuck(24).prove_within(30).holds


def test_a_ring_too_small_for_an_image_is_found(harness, monkeypatch):
    """It fills before the mark that would let it be emptied."""
    small = property(lambda layer: 2 if layer.groups > 1 else 0)
    monkeypatch.setattr(WindowedGeometry, "buffer_depth", small)
    proof = _Surrounded(harness, "windowed").no_image_is_stuck(26)
    assert not proof.prove_within(40).holds


def test_a_link_that_is_held_for_good_is_found(harness):
    made = _Surrounded(harness, "stepped", lanes=2, stall_links=True)
    assert not made.no_image_is_stuck(26).prove_within(40).holds
