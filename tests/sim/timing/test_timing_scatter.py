from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from hw.scatter.sizing import Source
from sim.timing.own import OwnTiming
from sim.timing.scatter import front_timing, rows_reached
from spikeforge.schema import NeuronSpec, Recurrent, Schedule, Tap

_HARDWARE = Path(__file__).parents[2] / "hw" / "scatter"


def _load(name):
    spec = importlib.util.spec_from_file_location(name, _HARDWARE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fb = _load("front_bench")
simulated_ram = _load("conftest").simulated_ram
clocked = _load("../conftest").clocked
pytestmark = pytest.mark.usefixtures("simulated_ram")


class _RestingScan:
    """Reads a row a cycle after resting for a while, as the bench does."""

    def __init__(self, geometry, rests, own, own_spikes):
        self._rows, self._rests = geometry.rows, rests
        self._own, self._own_spikes = own, own_spikes
        self.closed, self.freed = [], []
        self._sent = -1  # the last mark of own spikes

    def close(self, time, first, last):
        number = len(self.freed)
        taken = max(time, self.freed[-1] + 1 if self.freed else 0)
        self.closed.append(taken)
        self.freed.append(taken + self._rests[number] + self._rows - 1)
        if self._own is not None:
            begin = max(self.freed[-1], self._sent) + 1
            self._sent = begin + len(self._own_spikes[number])
            for place, address in enumerate(self._own_spikes[number]):
                self._own.own_event(begin + place, address)
            self._own.own_mark(self._sent)
        return self.freed[-1]


def _predict(g, items, rests, own_spikes, stored):
    own = OwnTiming(g) if g.recurrent_bits else None
    scan = _RestingScan(g, rests, own, own_spikes)
    front = front_timing(g, scan, own, stored)
    accepted, now = [], 0
    for item in items:
        accepted.append(front.push_mark(now) if item is None else front.push_event(now, *item))
        now = accepted[-1] + 1
    return accepted, scan.closed, scan.freed


def _stepped(steps=4, **given):
    return NeuronSpec(schedule="stepped", steps=steps, membrane_bits=20, current_bits=20,
                      threshold_bits=4, **given)  # fmt: skip


def _windowed():
    return NeuronSpec(schedule="windowed", steps=4, membrane_bits=16, threshold_bits=6,
                      threshold_shape="falling")  # fmt: skip


def _source(shape, steps, levels=1):
    return Source(shape=shape, schedule=Schedule.STEPPED, steps=steps, levels=levels)


MAP = (2, 4, 5)
CASES = {
    "conv": lambda: fb.conv_geometry(_windowed(), shape=MAP, padding=(1, 0), stride=(2, 1)),
    "unreached": lambda: fb.conv_geometry(_stepped(), shape=MAP, kernel=(1, 2), stride=(2, 3)),
    "groups": lambda: fb.conv_geometry(_stepped(), shape=MAP, out=4, groups=2, lanes=1),
    "dense": lambda: fb.dense_geometry(_stepped(), out=5, lanes=2),
    "one_row": lambda: fb.dense_geometry(_windowed(), out=3, lanes=3),
    "virtual": lambda: fb.dense_geometry(_stepped(6), source=_source((6, 1, 1), 2)),
    "virtual_map": lambda: fb.conv_geometry(_stepped(5), shape=MAP, source=_source(MAP, 3)),
    "pool": lambda: fb.pool_geometry("stepped", kernel=3, stride=1),
    "recurrent": lambda: fb.dense_geometry(_stepped(), recurrent=Recurrent(weight_bits=2)),
    "recurrent_virtual": lambda: fb.dense_geometry(
        _stepped(5), recurrent=Recurrent(weight_bits=2), source=_source((6, 1, 1), 2)
    ),
    "delayed": lambda: fb.dense_geometry(_stepped(), delay=1),
    "taps": lambda: fb.dense_geometry(
        _stepped(5, taps=[Tap(delay=0, gain=2), Tap(delay=3, gain=1), Tap(delay=1, gain=-1)]),
        source=_source((6, 1, 1), 3),
    ),
    "late_taps": lambda: fb.conv_geometry(
        _stepped(4, taps=[Tap(delay=2, gain=2), Tap(delay=9, gain=1)]), shape=MAP
    ),
    "recurrent_taps": lambda: fb.dense_geometry(
        _stepped(3, taps=[Tap(delay=0, gain=2), Tap(delay=1, gain=1)]),
        recurrent=Recurrent(weight_bits=2),
    ),
    "one_step": lambda: fb.dense_geometry(_stepped(1), delay=1, source=_source((6, 1, 1), 1)),
    "bitplane": lambda: fb.dense_geometry(_stepped(), source=_source((6, 1, 1), 4, 7)),
    "dsp": lambda: fb.conv_geometry(_stepped(), shape=MAP, source=_source(MAP, 4, 7), graded="dsp"),
    "skipping": lambda: fb.dense_geometry(_stepped(), out=5, lanes=2, skip_rows=9),
    "skipping_planes": lambda: fb.dense_geometry(
        _stepped(), skip_rows=9, source=_source((6, 1, 1), 4, 7), recurrent=Recurrent(weight_bits=2)
    ),
}  # fmt: skip


@pytest.mark.parametrize("rested", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_every_item_and_every_bank_in_the_cycle_foretold(clocked, name, rested):
    g = CASES[name]()
    rng = np.random.default_rng(len(name) + rested)
    images = 3
    steps = rng.integers(1, g.levels_in + 1, (images * g.steps_in, *g.in_shape))
    steps *= rng.random(steps.shape) < rng.choice([0, 0.3, 1], (len(steps), 1, 1, 1))
    items = fb.items_of(steps)
    banks = images * g.steps
    rests = [int(n) for n in rng.integers(0, 60, banks)] if rested else [0] * banks
    own_spikes = [np.flatnonzero(row).tolist() for row in rng.random((banks, g.width)) < 0.5]
    stored, index = _index(rng, g) if g.skip_rows else (None, None)
    weights = np.zeros((g.weight_rows, g.lanes), int)
    own = np.zeros((g.recurrent_rows, g.lanes), int)
    bench = fb.FrontBench(g, weights, own, index)
    bench.run(clocked, items, rest=lambda bank: rests[bank], own_spikes=own_spikes)
    accepted, closed, freed = _predict(g, items, rests, own_spikes, stored)
    assert bench.accepted == accepted
    assert bench.closed == closed
    assert bench.freed == freed
    assert len(freed) == banks


def _index(rng, g):
    """Rows stored of each address, and index words that say so."""
    kept = np.zeros(g.fan_in * g.blocks, bool)
    kept[rng.permutation(len(kept))[: g.skip_rows]] = True
    kept = kept.reshape(g.fan_in, g.blocks)
    counts = kept.sum(axis=1)
    bases = np.where(counts, np.cumsum(counts) - counts, 0)
    words = kept @ (1 << np.arange(g.blocks)) | bases << g.blocks
    return counts.tolist(), [int(word) for word in words]


def test_rows_reached_by_hand():
    g = fb.conv_geometry(_stepped(), shape=(1, 3, 3), out=4, kernel=(2, 2), lanes=2)
    assert rows_reached(g) == [2, 4, 2, 4, 8, 4, 2, 4, 2]
