from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import pytest

import hw.readout_rows
from sim.timing.readout import StepReadoutTiming
from sim.timing.scan import ScanTiming
from spikeforge.schema import Readout


def _load():
    path = Path(__file__).with_name("scan_bench.py")
    spec = importlib.util.spec_from_file_location("scan_bench", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


sb = _load()
pytestmark = pytest.mark.usefixtures("simulated_ram")

SHARES = [1.0, 0.4, 0.8]  # of the cycles in which the next layer is ready
KINDS = ["windowed", "stepped", "pool", "stepped_pool"]


def _willing(seed, share):
    """Ready in a share of the cycles, the same ones for the RTL and the model."""
    rng = random.Random(seed)
    pattern = [rng.random() < share for _ in range(4099)]
    pattern[0] = True
    return lambda number: pattern[number % 4099]


def _arrivals(rng, bench, slow):
    """Cycles from which banks are closed; now and then a long pause."""
    times, now = [], 0
    for _ in range(len(bench.sums) * bench.geometry.steps):
        now += rng.choice([0, 1, 3, 40]) if slow else 0
        times.append(now)
    return times


class _Taker:
    """Takes events whenever it is willing, and notes when."""

    def __init__(self, take):
        self._take = take
        self.items = []

    def push_event(self, time, address, level):
        return self._accept(time, (0, address, level))

    def push_mark(self, time):
        return self._accept(time, (1, 0, 0))

    def _accept(self, time, item):
        while not self._take(time):
            time += 1
        self.items.append((time, *item))
        return time


class _Own:
    def __init__(self):
        self.items = []

    def own_event(self, time, address):
        self.items.append((time, 0, address))

    def own_mark(self, time):
        self.items.append((time, 1, 0))


def _model(bench, plain, arrivals, take):
    """Cycle of each item, of each free, and of each own item, from the cycle model alone."""
    g = bench.geometry
    taker, own = _Taker(take), _Own()
    model = ScanTiming(g, taker, own if g.recurrent_bits else None)
    freed, at = [], 0
    for steps in bench.spikes(plain):
        model.load(steps)
        for step in range(g.steps):
            closed = max(arrivals[at], freed[-1] + 1 if freed else 0)
            freed.append(model.close(closed, step == 0, step == g.steps - 1))
            at += 1
    return taker.items, freed, own.items


@pytest.mark.parametrize("seed", range(9))
@pytest.mark.parametrize("kind", KINDS)
def test_spikes_and_their_cycles(clocked, plain, kind, seed):
    rng = random.Random(f"{kind}{seed}")
    bench = sb.random_bench(rng, plain, kind)
    arrivals, take = _arrivals(rng, bench, seed % 2), _willing(seed, SHARES[seed % 3])
    bench.run(clocked, arrivals, take, gated=seed % 4 == 1)
    wanted = [
        [*((0, address, level) for address, level in spikes), (1, 0, 0)]
        for steps in bench.spikes(plain)
        for spikes in steps
    ]
    assert [item[1:] for item in bench.items] == [item for step in wanted for item in step]
    items, freed, _ = _model(bench, plain, arrivals, take)
    assert bench.freed == freed
    assert bench.items == items


@pytest.mark.parametrize("seed", range(6))
def test_a_recurrent_layers_own_spikes(clocked, plain, seed):
    rng = random.Random(seed)
    bench = sb.random_bench(rng, plain, "stepped", recurrent=True)
    take = _willing(seed, 0.6)
    arrivals = _arrivals(rng, bench, seed % 2)
    bench.run(clocked, arrivals, take)
    assert [item[1:] for item in bench.own] == [item[1:3] for item in bench.items]
    items, freed, own = _model(bench, plain, arrivals, take)
    assert (bench.items, bench.freed, bench.own) == (items, freed, own)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["windowed", "stepped"])
def test_rows_of_an_output_layer(clocked, plain, kind, seed):
    rng = random.Random(f"output{kind}{seed}")
    bench = sb.random_bench(rng, plain, kind, output=True)
    g = bench.geometry
    arrivals, take = _arrivals(rng, bench, seed % 2), _willing(seed, SHARES[seed % 3])
    bench.run(clocked, arrivals, take, gated=seed % 4 == 1)
    found = iter(bench.rows)
    for steps in bench.expected(plain):
        for t, rows in enumerate(steps):
            for row, lanes in enumerate(rows):
                _, number, flags, membranes, finals, fired = next(found)
                assert number == row
                assert flags == (row == g.rows - 1, t == 0, t == g.steps - 1)
                assert membranes[: len(lanes)] == [made[0] for made in lanes]
                assert finals[: len(lanes)] == [made[1] for made in lanes]
                assert fired == sum(made[2] << n for n, made in enumerate(lanes))
    assert next(found, None) is None


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("kind", ["first_spike", "spike_count", "max_membrane"])
@pytest.mark.parametrize("seed", range(3))
def test_cycles_of_an_output_layer_and_its_readout(
    clocked, plain, monkeypatch, simulated_ram, seed, kind, recurrent
):
    monkeypatch.setattr(hw.readout_rows, "Ram", simulated_ram)
    rng = random.Random(f"{kind}{seed}")
    while True:  # a few outputs at least
        bench = sb.random_bench(rng, plain, "stepped", output=True, recurrent=recurrent)
        if bench.geometry.width > 1:
            break
    g = bench.geometry
    readout = Readout(kind=kind, classes=g.width)
    arrivals = _arrivals(rng, bench, seed % 2)
    spikes = bench.spikes(plain)
    results, freed, own = bench.run_to_class(clocked, readout, arrivals)

    model, notes = StepReadoutTiming(g, readout), _Own()
    scan = ScanTiming(g, model, notes if recurrent else None)
    wanted, wanted_freed, at = [], [], 0
    for steps in spikes:
        firing = [t for t, found in enumerate(steps) if found and kind == "first_spike"]
        model.load(firing[0] if firing else g.steps - 1)
        scan.load(steps)
        for step in range(g.steps):
            closed = max(arrivals[at], wanted_freed[-1] + 1 if wanted_freed else 0)
            wanted_freed.append(scan.close(closed, step == 0, step == g.steps - 1))
            at += 1
        wanted.append(model.result)
    assert (results, freed) == (wanted, wanted_freed)
    assert own == (notes.items if recurrent else [])
