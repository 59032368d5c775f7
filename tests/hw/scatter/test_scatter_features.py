from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from hw.scatter.content import base_bits
from spikeforge.schema import Recurrent, Tap


def _load():
    path = Path(__file__).with_name("front_bench.py")
    spec = importlib.util.spec_from_file_location("front_bench", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fb = _load()
pytestmark = pytest.mark.usefixtures("simulated_ram")


def _stalls(seed, longest=30):
    rng = np.random.default_rng(seed)
    offer = lambda number: rng.random() < 0.6  # noqa: E731
    return {"offer": offer, "rest": lambda bank: int(rng.integers(0, longest))}


def _steps(rng, g, images, density=(0.0, 0.3, 1.0)):
    """Levels (images, steps_in, C, H, W)."""
    shape = (images, g.steps_in, *g.in_shape)
    levels = rng.integers(1, g.levels_in + 1, shape)
    chance = rng.choice(density, (images, g.steps_in, 1, 1, 1))
    return levels * (rng.random(shape) < chance)


def _matrix(rng, g):
    return rng.integers(-8, 8, (g.fan_in, g.blocks * g.lanes))


def _on_wire(step):
    return step.transpose(1, 2, 0).ravel()


def _expect(bench, g, sums):
    """Sums (steps, neurons) of a dense layer, step by step over all images."""
    assert len(bench.sums) == len(sums)
    for found, expected in zip(bench.sums, sums, strict=True):
        assert fb.same(found, fb.as_rows(expected[: g.width].reshape(-1, 1, 1), g))
    flags = [(step == 0, step == g.steps - 1) for step in range(g.steps)]
    assert bench.flags == flags * (len(sums) // g.steps)


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize("schedule", ["windowed", "stepped"])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 1), (2, 3)])
def test_a_pool_keeps_the_largest_level_of_each_window(clocked, kernel, stride, schedule, stalled):
    g = fb.pool_geometry(schedule, kernel=kernel, stride=stride)
    rng = np.random.default_rng(kernel)
    maps = rng.integers(0, 4, (6, *g.in_shape)) * (rng.random((6, *g.in_shape)) < 0.4)
    bench = fb.FrontBench(g).run(clocked, fb.items_of(maps), **(_stalls(1) if stalled else {}))
    assert len(bench.sums) == 6
    for found, image in zip(bench.sums, maps, strict=True):
        expected = np.zeros(g.out_shape, int)
        for y, x in np.ndindex(*g.out_shape[1:]):
            window = image[:, y * stride : y * stride + kernel, x * stride : x * stride + kernel]
            expected[:, y, x] = window.max(axis=(1, 2))
        assert fb.same(found, fb.as_rows(expected, g))


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize("conv", [False, True])
def test_steps_beyond_the_source_are_empty(clocked, stepped_neuron, conv, stalled):
    neuron = stepped_neuron(steps=5)
    make = fb.conv_geometry if conv else fb.dense_geometry
    shape = (2, 5, 4)  # of a convolution, an event reaches several lines and columns
    g = make(neuron, shape=shape, source=fb.source_of(shape, steps=2))
    rng = np.random.default_rng(7)
    steps = _steps(rng, g, 3)
    rows = rng.integers(-8, 8, (g.weight_rows, g.lanes))
    bench = fb.FrontBench(g, rows)
    bench.run(clocked, fb.items_of(steps.reshape(-1, *shape)), **(_stalls(2) if stalled else {}))
    assert len(bench.sums) == 15
    busy = [any(any(row) for row in found) for found in bench.sums]
    assert not any(busy[image * 5 + step] for image in range(3) for step in (2, 3, 4))
    assert any(busy)
    assert [last for _, last in bench.flags] == [False, False, False, False, True] * 3


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize(("out", "lanes", "steps_in"), [(5, 2, 4), (3, 3, 2), (1, 1, 4)])
def test_own_spikes_arrive_one_step_later(clocked, stepped_neuron, out, lanes, steps_in, stalled):
    g = fb.dense_geometry(
        stepped_neuron(steps=4), out=out, lanes=lanes, recurrent=Recurrent(weight_bits=3),
        source=fb.source_of((6, 1, 1), steps=steps_in),
    )  # fmt: skip
    rng = np.random.default_rng(out)
    steps, weights = _steps(rng, g, 4), _matrix(rng, g)
    own = rng.integers(-4, 4, (out, g.blocks * lanes))
    spikes = rng.random((16, out)) < 0.5
    bench = fb.FrontBench(
        g, weights.reshape(g.weight_rows, lanes), own.reshape(g.recurrent_rows, lanes)
    )
    bench.run(
        clocked, fb.items_of(steps.reshape(-1, *g.in_shape)),
        own_spikes=[np.flatnonzero(row).tolist() for row in spikes],
        **(_stalls(out) if stalled else {}),
    )  # fmt: skip
    sums = np.zeros((4, 4, g.blocks * lanes), int)
    for image, step in np.ndindex(4, 4):
        if step < steps_in:
            sums[image, step] += _on_wire(steps[image, step]) @ weights
        if step:
            sums[image, step] += spikes[image * 4 + step - 1] @ own
    _expect(bench, g, sums.reshape(16, -1))


TAPS = [
    [(1, 1)],
    [(0, 3), (2, -1)],
    [(1, 2), (0, 1), (3, -5), (9, 7)],
    [(2, 1)],
]


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize("steps_in", [1, 3, 5])
@pytest.mark.parametrize("number", range(len(TAPS)))
def test_taps_replay_earlier_steps(clocked, stepped_neuron, number, steps_in, stalled):
    taps = [Tap(delay=delay, gain=gain) for delay, gain in TAPS[number]]
    g = fb.dense_geometry(
        stepped_neuron(steps=5, taps=taps), out=3, lanes=2, shape=(2, 2, 1),
        source=fb.source_of((2, 2, 1), steps=steps_in),
    )  # fmt: skip
    rng = np.random.default_rng(number)
    steps, weights = _steps(rng, g, 6), _matrix(rng, g)
    bench = fb.FrontBench(g, weights.reshape(g.weight_rows, g.lanes))
    bench.run(
        clocked, fb.items_of(steps.reshape(-1, *g.in_shape)),
        **(_stalls(number, 60) if stalled else {}),
    )  # fmt: skip
    sums = np.zeros((6, 5, weights.shape[1]), int)
    for image, step in np.ndindex(6, 5):
        for delay, gain in TAPS[number]:
            if 0 <= step - delay < steps_in:
                sums[image, step] += gain * _on_wire(steps[image, step - delay]) @ weights
    _expect(bench, g, sums.reshape(30, -1))


@pytest.mark.parametrize("graded", ["bitplane", "dsp"])
@pytest.mark.parametrize("taps", [(), [Tap(delay=0, gain=3), Tap(delay=1, gain=-2)]])
@pytest.mark.parametrize("conv", [False, True])
def test_graded_levels_weigh_the_rows(clocked, stepped_neuron, conv, taps, graded):
    make = fb.conv_geometry if conv else fb.dense_geometry
    shape = (2, 5, 4)  # of a convolution, an event reaches several lines and columns
    g = make(stepped_neuron(steps=3, taps=taps, current_bits=20), shape=shape, graded=graded,
             source=fb.source_of(shape, steps=3, levels=15))  # fmt: skip
    rng = np.random.default_rng(5)
    steps = _steps(rng, g, 2)
    if conv:
        weights = rng.integers(-8, 8, (g.out_shape[0], 2, 3, 3))
        rows = fb.conv_rows(weights, g)
    else:
        weights = _matrix(rng, g)
        rows = weights.reshape(g.weight_rows, g.lanes)
    bench = fb.FrontBench(g, rows).run(clocked, fb.items_of(steps.reshape(-1, *shape)))
    for number, found in enumerate(bench.sums):
        image, step = divmod(number, 3)
        arrived = np.zeros(shape, int)
        for tap in taps or [Tap(delay=0, gain=1)]:
            if step >= tap.delay:
                arrived += tap.gain * steps[image, step - tap.delay]
        if conv:
            expected = fb.conv_sums(weights, g, arrived)
        else:
            expected = (_on_wire(arrived) @ weights)[: g.width].reshape(-1, 1, 1)
        assert fb.same(found, fb.as_rows(expected, g))
    if graded == "dsp" and not taps and not conv:
        assert len(bench.read) == np.count_nonzero(steps) * g.blocks
    if graded == "bitplane" and not taps and not conv:
        bits = sum(int(level).bit_count() for level in steps.ravel())
        assert len(bench.read) == bits * g.blocks


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize(("out", "lanes"), [(7, 2), (4, 4), (5, 1)])
def test_rows_of_zeros_are_not_visited(clocked, stepped_neuron, out, lanes, recurrent, stalled):
    rng = np.random.default_rng(out)
    blocks = -(-out // lanes)
    kept = rng.random((6, blocks)) < 0.5
    kept[2] = False
    options = {"recurrent": Recurrent(weight_bits=3)} if recurrent else {}
    g = fb.dense_geometry(stepped_neuron(steps=4), out=out, lanes=lanes,
                          skip_rows=int(kept.sum()), **options)  # fmt: skip
    weights = rng.integers(1, 8, (6, blocks, lanes)) * kept[:, :, None]
    counts = kept.sum(axis=1)
    bases = np.where(counts, np.cumsum(counts) - counts, 0)
    index = [int(kept[n] @ (1 << np.arange(blocks))) | int(bases[n]) << blocks for n in range(6)]
    assert max(index).bit_length() <= blocks + base_bits(g)
    own = rng.integers(-4, 4, (out, blocks * lanes))
    spikes = rng.random((12, out)) < 0.5
    steps = _steps(rng, g, 3)
    bench = fb.FrontBench(g, weights[kept], own.reshape(-1, lanes), index)
    bench.run(
        clocked, fb.items_of(steps.reshape(-1, *g.in_shape)),
        own_spikes=[np.flatnonzero(row).tolist() for row in spikes],
        **(_stalls(out) if stalled else {}),
    )  # fmt: skip
    sums = _on_wires(steps) @ weights.reshape(6, -1)
    if recurrent:
        for step in range(12):
            if step % 4:
                sums[step] += spikes[step - 1] @ own
    _expect(bench, g, sums)
    assert len(bench.read) == (_on_wires(steps) @ counts).sum()


def _on_wires(steps):
    return np.array([_on_wire(step) for step in steps.reshape(-1, *steps.shape[2:])])
