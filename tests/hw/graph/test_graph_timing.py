"""The timing of forks, joins and pools against the parts themselves, cycle by cycle."""

from __future__ import annotations

import random

import pytest

from hw.graph.fork import Fork
from hw.graph.geometry import JoinGeometry, PoolMapGeometry
from hw.graph.join import Join
from hw.graph.pool import AvgPoolMap
from hw.streams import event_stream
from sim.timing.graph import ForkTiming, JoinSide, JoinTiming, PoolMapTiming
from spikeforge.schema import ResidualKind

SLOW = [(0, 0), (0.5, 0), (0, 0.5), (0.4, 0.4)]


class _Sink:
    """Takes an item in the first cycle in which it has the patience."""

    def __init__(self, patience):
        self._patience = patience
        self.left = []

    def _take(self, time, item):
        while not self._patience[time]:
            time += 1
        self.left.append((time, item))
        return time

    def push_event(self, time, address, level):
        return self._take(time, (0, address, level))

    def push_mark(self, time):
        return self._take(time, (1, 0, 0))


def _push(part, time, item):
    last, address, level = item
    return part.push_mark(time) if last else part.push_event(time, address, level)


def _push_all(part, sent, gaps):
    accepted, now = [], 0
    for item, gap in zip(sent, gaps, strict=False):
        accepted.append(_push(part, now + gap, item))
        now = accepted[-1] + 1
    return accepted


@pytest.mark.parametrize("slow", SLOW)
def test_fork(run, items, slow):
    dut = Fork(event_stream(9, 3), 3)
    rng = random.Random(1)
    sent = items.of(items.steps(rng, 9, 3, 20))
    gaps = items.gaps(rng, len(sent), slow[0])
    patience = [items.patience(rng, slow[1]) for _ in range(3)]
    accepted, left = run(dut, [(dut.i, sent, gaps)], list(zip(dut.o, patience, strict=True)))
    sinks = [_Sink(one) for one in patience]
    assert _push_all(ForkTiming(sinks), sent, gaps) == accepted[0]
    assert [sink.left for sink in sinks] == left


@pytest.mark.parametrize("slow", SLOW)
@pytest.mark.parametrize("ahead", [1, 2])
@pytest.mark.parametrize("function", ["add", "and", "iand"])
def test_join(run, items, function, ahead, slow):
    levels, multiplicity = (3, 2) if function == "add" else (1, 1)
    geometry = JoinGeometry(
        name="sum", sources=("a", "b"), function=ResidualKind(function), out_shape=(5, 1, 1),
        levels=levels, multiplicities=(multiplicity, 1), marks=1, marks_ahead=ahead,
    )  # fmt: skip
    rng = random.Random(ahead)
    steps = [items.steps(rng, 5, levels, 30, multiplicity=count) for count in (multiplicity, 1)]
    gaps = [items.gaps(rng, 1000, slow[0]) for _ in range(2)]
    patience = items.patience(rng, slow[1])
    dut = Join(geometry)
    streams = [(dut.i[n], items.of(steps[n]), gaps[n]) for n in range(2)]
    accepted, left = run(dut, streams, [(dut.o, patience)])

    sink = _Sink(patience)
    join = JoinTiming(geometry, sink)
    sides = [JoinSide(join, n) for n in range(2)]
    came = [[], []]
    for pair in zip(*steps, strict=True):  # step by step, as a fork feeds both
        for n, step in enumerate(pair):
            for item in items.of([step]):
                now = came[n][-1] + 1 if came[n] else 0
                came[n].append(_push(sides[n], now + gaps[n][len(came[n])], item))
    assert came == accepted
    assert sink.left == left[0]


@pytest.mark.parametrize("slow", SLOW)
@pytest.mark.parametrize(
    ("shape", "kernel", "stride"), [((3, 4, 5), 2, 2), ((2, 5, 5), 3, 1), ((1, 5, 7), 2, 3)]
)
def test_pool(run, items, shape, kernel, stride, slow):
    channels, height, width = shape
    out = (channels, (height - kernel) // stride + 1, (width - kernel) // stride + 1)
    geometry = PoolMapGeometry(
        name="pool", in_shape=shape, out_shape=out, kernel=kernel, stride=stride, levels=2,
        multiplicity=1, marks=1,
    )  # fmt: skip
    rng = random.Random(kernel)
    sent = items.of(items.steps(rng, geometry.fan_in, 2, 6))
    gaps, patience = items.gaps(rng, len(sent), slow[0]), items.patience(rng, slow[1])
    dut = AvgPoolMap(geometry)
    accepted, left = run(dut, [(dut.i, sent, gaps)], [(dut.o, patience)])
    sink = _Sink(patience)
    assert _push_all(PoolMapTiming(geometry, sink), sent, gaps) == accepted[0]
    assert sink.left == left[0]


def test_a_fork_serves_joins_first(items):
    order = []

    class Reader(_Sink):
        def push_mark(self, time):
            order.append("layer")
            return time

    geometry = JoinGeometry(
        name="sum", sources=("a", "b"), function=ResidualKind.ADD, out_shape=(5, 1, 1), levels=1,
        multiplicities=(1, 1), marks=1,
    )  # fmt: skip
    side = JoinSide(JoinTiming(geometry, _Sink([1] * 9)), 0)
    side.push_mark = lambda time: order.append("join") or time
    ForkTiming([Reader([1]), side]).push_mark(0)
    assert order == ["join", "layer"]
