from __future__ import annotations

import random

import pytest

from hw.graph.fifo import EventFifo
from hw.graph.fork import Fork
from hw.graph.geometry import JoinGeometry, PoolMapGeometry
from hw.graph.join import Join
from hw.graph.pool import AvgPoolMap
from hw.streams import event_stream
from spikeforge.schema import ResidualKind

MARK = (1, 0, 0)
SLOW = [(0, 0), (0.5, 0), (0, 0.5), (0.4, 0.4)]  # chances that the source, the reader dawdles


def _events(left):
    return [event for _, event in left]


@pytest.mark.parametrize("slow", SLOW)
@pytest.mark.parametrize("readers", [1, 2, 5])
def test_every_reader_of_a_fork_gets_every_item_in_order(run, items, readers, slow):
    dut = Fork(event_stream(9, 3), readers)
    rng = random.Random(readers)
    sent = items.of(items.steps(rng, 9, 3, 20))
    takers = [(dut.o[n], items.patience(rng, slow[1])) for n in range(readers)]
    accepted, left = run(dut, [(dut.i, sent, items.gaps(rng, len(sent), slow[0]))], takers)
    assert len(accepted[0]) == len(sent)
    assert all(_events(part) == sent for part in left)
    # The source moves on in the cycle in which the slowest reader takes the item.
    slowest = [max(part[n][0] for part in left) for n in range(len(sent))]
    assert accepted[0] == slowest


def test_a_fast_reader_of_a_fork_does_not_wait_for_a_slow_one(run):
    dut = Fork(event_stream(4, 1), 2)
    accepted, left = run(dut, [(dut.i, [(0, 1, 1), MARK], None)], [(dut.o[0], None)], cycles=30)
    assert _events(left[0]) == [(0, 1, 1)]  # the second item waits for the other reader
    assert accepted[0] == []


@pytest.mark.parametrize("slow", SLOW)
@pytest.mark.parametrize("depth", [1, 2, 3, 8, 13])
def test_fifo_keeps_everything_in_order(run, items, depth, slow):
    dut = EventFifo(9, 3, depth)
    rng = random.Random(depth)
    sent = items.of(items.steps(rng, 9, 3, 20))
    accepted, left = run(dut, [(dut.i, sent, items.gaps(rng, len(sent), slow[0]))],
                         [(dut.o, items.patience(rng, slow[1]))])  # fmt: skip
    assert _events(left[0]) == sent
    came, went = accepted[0], [number for number, _ in left[0]]
    assert all(out >= into + 2 for into, out in zip(came, went, strict=True))


def test_fifo_moves_an_item_a_cycle_two_cycles_behind(run, items):
    dut = EventFifo(9, 3, 4)
    sent = items.of(items.steps(random.Random(2), 9, 3, 12))
    accepted, left = run(dut, [(dut.i, sent, None)], [(dut.o, None)])
    assert accepted[0] == list(range(len(sent)))
    assert [number for number, _ in left[0]] == list(range(2, len(sent) + 2))


def test_fifo_takes_its_depth_and_the_item_on_offer(run):
    dut = EventFifo(9, 3, 5)
    sent = [(0, n, 1) for n in range(9)]
    accepted, _ = run(dut, [(dut.i, sent, None)], [(dut.o, [0] * 40)], cycles=40)
    assert len(accepted[0]) == 5 + 1


def _join(function, size, levels, multiplicities=(1, 1), ahead=1):
    return JoinGeometry(
        name="sum", sources=("a", "b"), function=ResidualKind(function), out_shape=(size, 1, 1),
        levels=levels, multiplicities=multiplicities, marks=1, marks_ahead=ahead,
    )  # fmt: skip


def _joined(function, one, other):
    """A step of the joined stream, by the element-wise definition."""
    if function == "add":
        return [*one, *other, MARK]
    a, b = {event[1] for event in one}, {event[1] for event in other}
    found = sorted(a & b if function == "and" else b - a)
    return [*((0, address, 1) for address in found), MARK]


@pytest.mark.parametrize("slow", SLOW)
@pytest.mark.parametrize("function", ["add", "and", "iand"])
@pytest.mark.parametrize("size", [1, 7])
def test_join_is_the_element_wise_function_of_both_paths(run, items, function, size, slow):
    levels, multiplicities = (3, (2, 1)) if function == "add" else (1, (1, 1))
    dut = Join(_join(function, size, levels, multiplicities))
    rng = random.Random(size)
    one = items.steps(rng, size, levels, 25, multiplicity=multiplicities[0])
    other = items.steps(rng, size, levels, 25)
    streams = [(dut.i[n], items.of(steps), items.gaps(rng, 1000, slow[0]))
               for n, steps in enumerate((one, other))]  # fmt: skip
    _, left = run(dut, streams, [(dut.o, items.patience(rng, slow[1]))])
    wanted = [_joined(function, a, b) for a, b in zip(one, other, strict=True)]
    assert _events(left[0]) == [event for step in wanted for event in step]


@pytest.mark.parametrize("function", ["add", "and", "iand"])
@pytest.mark.parametrize("ahead", [1, 3])
def test_join_takes_whole_steps_of_one_path_before_the_other_comes(run, items, function, ahead):
    """Full steps of one source alone: a fork that feeds both is never stuck."""
    size = 6
    full = items.of([[(0, n, 1) for n in range(size)]] * ahead)
    for side in range(2):
        dut = Join(_join(function, size, 1, ahead=ahead))
        accepted, _ = run(dut, [(dut.i[side], full, None)], [(dut.o, None)], cycles=60)
        assert len(accepted[0]) == len(full)


def _pool(shape, kernel, stride, levels=2):
    channels, height, width = shape
    out = (channels, (height - kernel) // stride + 1, (width - kernel) // stride + 1)
    return PoolMapGeometry(name="pool", in_shape=shape, out_shape=out, kernel=kernel,
                           stride=stride, levels=levels, multiplicity=1, marks=1)  # fmt: skip


def _pooled(geometry, event):
    """Pooled neurons of an event, by looking at every window."""
    channels, _, width = geometry.in_shape
    place, channel = divmod(event[1], channels)
    row, column = divmod(place, width)
    found = []
    for top in range(geometry.out_shape[1]):
        for left in range(geometry.out_shape[2]):
            down, across = row - top * geometry.stride, column - left * geometry.stride
            if 0 <= down < geometry.kernel and 0 <= across < geometry.kernel:
                address = (top * geometry.out_shape[2] + left) * channels + channel
                found.append((0, address, event[2]))
    return found


POOLS = {
    "single": ((1, 1, 1), 1, 1), "tiles": ((3, 4, 6), 2, 2), "overlap, fringe": ((5, 7, 5), 3, 2),
    "overlap by 2": ((2, 5, 5), 3, 1), "gaps": ((3, 6, 7), 2, 3),
}  # fmt: skip


@pytest.mark.parametrize("slow", [(0, 0), (0.4, 0.4)])
@pytest.mark.parametrize("pool", POOLS)
def test_pool_sends_every_window_of_an_event(run, items, pool, slow):
    geometry = _pool(*POOLS[pool])
    dut = AvgPoolMap(geometry)
    rng = random.Random(4)
    steps = items.steps(rng, geometry.fan_in, 2, 3)
    steps.insert(0, [(0, n, 1 + n % 2) for n in range(geometry.fan_in)])  # every address once
    _, left = run(dut, [(dut.i, items.of(steps), items.gaps(rng, 2000, slow[0]))],
                  [(dut.o, items.patience(rng, slow[1]))])  # fmt: skip
    pooled = [[part for event in step for part in _pooled(geometry, event)] for step in steps]
    assert _events(left[0]) == items.of(pooled)
