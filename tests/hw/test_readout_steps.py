from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import numpy as np
import pytest
from amaranth import EnableInserter

import hw.readout_rows
from hw.config import HardwareConfig
from hw.readout_steps import StepReadout, score_bits
from hw.scatter.sizing import Source, scatter_geometry
from sim.timing.readout import StepReadoutTiming
from spikeforge.schema import Conv2d, Dense, NeuronSpec, Readout, Schedule

BITS = 9
KINDS = ["max_membrane", "spike_count", "first_spike"]


def _ram():
    path = Path(__file__).parent / "scatter" / "conftest.py"
    spec = importlib.util.spec_from_file_location("scatter_conftest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ram_class()


@pytest.fixture(autouse=True)
def _simulated_ram(monkeypatch):
    monkeypatch.setattr(hw.readout_rows, "Ram", _ram())


def _geometry(width, lanes, steps, fires=True, groups=1):
    neuron = NeuronSpec(schedule="stepped", steps=steps, membrane_bits=BITS, current_bits=8,
                        fires=fires, threshold_bits=4 if fires else 0)  # fmt: skip
    if groups == 1:
        layer = Dense(name="output", weight_bits=4, neuron=neuron, inputs=3, outputs=width)
        source = Source(shape=(3, 1, 1), schedule=Schedule.STEPPED, steps=steps, levels=1)
    else:
        layer = Conv2d(name="output", weight_bits=4, neuron=neuron, channels_in=groups, height=1,
                       width=1, channels_out=width, kernel=(1, 1), groups=groups)  # fmt: skip
        source = Source(shape=(groups, 1, 1), schedule=Schedule.STEPPED, steps=steps, levels=1)
    return scatter_geometry(layer, source, HardwareConfig(lanes=lanes), output=True)


def _images(rng, g, count, silent=0.3):
    """Membranes as compared and as stored, and who fires, each (image, step, neuron)."""
    shape = (count, g.steps, g.width)
    membranes = rng.integers(-(1 << BITS - 1), 1 << BITS - 1, shape)
    ties = rng.random(count) < 0.5
    membranes[ties] = rng.integers(-1, 2, shape)[ties]
    fired = rng.random(shape) < rng.choice([0.02, 0.2, 0.6], (count, 1, 1))
    fired[rng.random(count) < silent] = False
    stored = np.where(fired & (rng.random(count) < 0.5)[:, None, None], 0, membranes)
    return membranes, stored, fired


def _decision(readout, membranes, stored, fired):
    """One image's (beats' membranes, class, score, deciding step), as the contract defines them."""
    by_class = lambda values: np.reshape(values, (readout.classes, readout.votes))  # noqa: E731
    final = len(stored) - 1
    if readout.kind == "first_spike":
        if not fired.any():
            best = by_class(stored[final]).max(axis=1)
            return stored[final], int(best.argmax()), int(best.max()), final
        step = int(fired.any(axis=1).argmax())
        heights = by_class(np.where(fired[step], membranes[step], -9999)).max(axis=1)
        return membranes[step], int(heights.argmax()), int(heights.max()), step
    sums = by_class(stored[final]).sum(axis=1)
    if readout.kind == "max_membrane":
        return stored[final], int(sums.argmax()), int(sums.max()), final
    counts = by_class(fired.sum(axis=0)).sum(axis=1)
    best = max(range(readout.classes), key=lambda c: (counts[c], sums[c], -c))
    return stored[final], best, int(counts[best]), final


class _Bench:
    """Offers rows, takes beats; notes the cycles of both."""

    def __init__(self, g, readout, images):
        self.g, self.readout = g, readout
        membranes, stored, fired = images
        self.offers = [
            (row, (row == g.rows - 1, t == 0, t == g.steps - 1), self._lanes(membranes[n, t], row),
             self._lanes(stored[n, t], row), self._lanes(fired[n, t], row))
            for n in range(len(fired)) for t in range(g.steps) for row in range(g.rows)
        ]  # fmt: skip
        self.taken, self.beats = [], []

    def _lanes(self, values, row):
        first = self.g.first_neuron(row)
        lanes = self.g.lanes_in_block(row % self.g.blocks)
        return [int(value) for value in values[first : first + lanes]]

    def run(self, clocked, offer, take, *, gated=False, cycles=20000):
        dut = StepReadout(self.g, self.readout)
        state = {"valid": False}
        noise = random.Random(3)

        def cycle(ctx, number):
            at = len(self.taken)
            if not state["valid"]:  # once offered, a row stays
                state["valid"] = at < len(self.offers) and offer(number)
            ctx.set(dut.i.valid, state["valid"])
            if state["valid"]:
                self._put(ctx, dut.i, self.offers[at], noise)
            ctx.set(dut.o.ready, take(number))
            if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
                beat = ctx.get(dut.o.p)
                self.beats.append((number, (beat.last, beat.index, beat.membrane)))
            if state["valid"] and ctx.get(dut.i.ready):
                self.taken.append(number)
                state["valid"] = False
            return at < len(self.offers) or ctx.get(dut.o.valid)

        clocked(EnableInserter(dut.active)(dut) if gated else dut, cycle, cycles)
        assert len(self.taken) == len(self.offers)
        return self

    def _put(self, ctx, port, offered, noise):
        row, flags, membranes, stored, fired = offered
        ctx.set(port.row, row)
        ctx.set(port.last_row, flags[0])
        ctx.set(port.first_step, flags[1])
        ctx.set(port.last_step, flags[2])
        for lane in range(self.g.lanes):
            there = lane < len(membranes)
            # Lanes without a neuron hold the largest number: they must not win.
            ctx.set(port.membranes[lane], membranes[lane] if there else 255)
            ctx.set(port.finals[lane], stored[lane] if there else noise.randint(0, 255))
        ctx.set(port.fired, sum(bit << lane for lane, bit in enumerate(fired)))


SIZES = [(10, 10, 1, 4), (10, 4, 1, 3), (6, 3, 2, 5), (8, 3, 4, 2), (2, 1, 1, 1), (4, 4, 2, 1)]


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "lanes", "votes", "steps"), SIZES)
def test_result_is_the_contracts(clocked, width, lanes, votes, steps, kind, stalled):
    g = _geometry(width, lanes, steps)
    readout = Readout(kind=kind, classes=width // votes, votes=votes)
    images = _images(np.random.default_rng(width + lanes), g, 14)
    rng = random.Random(width)
    willing = (lambda number: rng.random() < 0.6) if stalled else (lambda number: True)
    bench = _Bench(g, readout, images).run(clocked, willing, willing, gated=stalled)
    wanted = []
    for membranes, stored, fired in zip(*images, strict=True):
        beats, winner, score, _ = _decision(readout, membranes, stored, fired)
        wanted += [(0, n, int(membrane)) for n, membrane in enumerate(beats)]
        wanted.append((1, winner, score))
    assert [beat for _, beat in bench.beats] == wanted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "lanes", "votes", "steps"), SIZES)
@pytest.mark.parametrize("slow", [False, True])
def test_cycles_are_the_models(clocked, width, lanes, votes, steps, kind, slow):
    g = _geometry(width, lanes, steps)
    readout = Readout(kind=kind, classes=width // votes, votes=votes)
    images = _images(np.random.default_rng(width * lanes), g, 6)
    rng = random.Random(width)
    pattern = [not slow or rng.random() < 0.3 for _ in range(5000)]
    bench = _Bench(g, readout, images).run(clocked, lambda n: pattern[n], lambda n: True)
    model, taken, results = StepReadoutTiming(g, readout), [], []
    for image in zip(*images, strict=True):
        model.load(_decision(readout, *image)[3])
        for step in range(g.steps):
            for row in range(g.rows):
                time = taken[-1] + 1 if taken else 0
                time = next(n for n in range(time, 5000) if pattern[n])
                taken.append(model.push_row(time, row == g.rows - 1, step == g.steps - 1))
        results.append(model.result)
    assert bench.taken == taken
    assert [number for number, beat in bench.beats if beat[0]] == results


@pytest.mark.parametrize("kind", KINDS)
def test_a_grouped_layer_has_partly_empty_rows_in_between(clocked, kind):
    g = _geometry(10, 3, 3, groups=2)  # lanes 3 and 2 of each group's 5 channels
    assert [g.lanes_in_block(row % g.blocks) for row in range(g.rows)] == [3, 2, 3, 2]
    readout = Readout(kind=kind, classes=5, votes=2)
    images = _images(np.random.default_rng(4), g, 12)
    bench = _Bench(g, readout, images).run(clocked, lambda n: True, lambda n: True)
    found = [beat[1:] for _, beat in bench.beats if beat[0]]
    assert found == [_decision(readout, *image)[1:3] for image in zip(*images, strict=True)]


def test_an_early_decision_does_not_wait_for_the_last_step(clocked):
    g = _geometry(4, 4, 8)
    readout = Readout(kind="first_spike", classes=4)
    membranes = np.zeros((1, 8, 4), int)
    fired = np.zeros((1, 8, 4), bool)
    fired[0, 2, 3] = fired[0, 3, :] = True
    bench = _Bench(g, readout, (membranes, membranes, fired)).run(
        clocked, lambda number: number % 10 == 0, lambda n: True
    )
    # Step 2 is offered in cycle 20: four neurons, then the class; no second result.
    assert [number for number, _ in bench.beats] == [21, 22, 23, 24, 25]
    assert bench.beats[-1][1] == (1, 3, 0)


@pytest.mark.parametrize(
    ("kind", "votes", "steps", "bits"),
    [
        ("max_membrane", 1, 4, BITS), ("max_membrane", 4, 4, BITS + 2),
        ("max_membrane", 5, 4, BITS + 3), ("first_spike", 4, 4, BITS),
        ("spike_count", 1, 4, BITS), ("spike_count", 5, 1023, 14),
    ],
)  # fmt: skip
def test_width_of_the_score(kind, votes, steps, bits):
    g = _geometry(2 * votes, 2, steps)
    assert score_bits(g, Readout(kind=kind, classes=2, votes=votes)) == bits


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_score_fits(clocked, kind):
    g = _geometry(6, 6, 3)
    readout = Readout(kind=kind, classes=2, votes=3)
    for value in (-(1 << BITS - 1), (1 << BITS - 1) - 1):
        membranes = np.full((1, 3, 6), value)
        images = membranes, membranes, np.ones((1, 3, 6), bool)
        bench = _Bench(g, readout, images).run(clocked, lambda n: True, lambda n: True)
        _, winner, score, _ = _decision(readout, *(part[0] for part in images))
        assert bench.beats[-1][1] == (1, winner, score)
