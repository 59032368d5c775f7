from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest


def _load():
    path = Path(__file__).with_name("front_bench.py")
    spec = importlib.util.spec_from_file_location("front_bench", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fb = _load()
pytestmark = pytest.mark.usefixtures("simulated_ram")

CONVS = [
    {"shape": (2, 5, 4), "out": 3, "kernel": (3, 3), "lanes": 2},
    {"shape": (1, 6, 6), "out": 4, "kernel": (3, 2), "stride": (2, 1), "padding": (1, 1)},
    {"shape": (4, 3, 5), "out": 6, "kernel": (1, 3), "stride": (1, 3), "groups": 2, "lanes": 2},
    {"shape": (3, 4, 4), "out": 3, "kernel": (2, 2), "stride": (3, 3), "groups": 3, "bits": 1},
    {"shape": (2, 4, 3), "out": 2, "kernel": (4, 3), "padding": (3, 2), "lanes": 1, "bits": 8},
]  # fmt: skip


def _weights(rng, shape, bits):
    low, high = (-1, 0) if bits == 1 else (-(1 << bits - 1), (1 << bits - 1) - 1)
    return rng.integers(low, high + 1, shape)


def _stalls(seed):
    rng = np.random.default_rng(seed)
    return {"offer": lambda n: rng.random() < 0.7, "rest": lambda bank: int(rng.integers(0, 40))}


def _maps(rng, g, count):
    levels = rng.integers(1, g.levels_in + 1, (count, *g.in_shape))
    density = rng.choice([0.0, 0.2, 0.6, 1.0], (count, 1, 1, 1))
    return levels * (rng.random(levels.shape) < density)


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize("windowed", [False, True])
@pytest.mark.parametrize("number", range(len(CONVS)))
def test_sums_of_a_convolution(clocked, stepped_neuron, windowed_neuron, number, windowed, stalled):
    neuron = windowed_neuron() if windowed else stepped_neuron()
    g = fb.conv_geometry(neuron, **CONVS[number])
    rng = np.random.default_rng(number)
    per = g.in_shape[0] // g.groups
    weights = _weights(rng, (g.out_shape[0], per, *g.kernel), g.weight_bits)
    maps = _maps(rng, g, 8)
    bench = fb.FrontBench(g, fb.conv_rows(weights, g))
    bench.run(clocked, fb.items_of(maps), **(_stalls(number) if stalled else {}))
    assert len(bench.sums) == len(maps)
    counts = fb.real(weights, g.weight_bits)
    for found, image in zip(bench.sums, maps, strict=True):
        assert fb.same(found, fb.as_rows(fb.conv_sums(counts, g, image), g))
    first_last = [(step == 0, step == g.steps - 1) for step in range(g.steps)] * 8
    assert bench.flags == first_last[: len(maps)]


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize("windowed", [False, True])
@pytest.mark.parametrize(("out", "lanes", "bits"), [(5, 2, 4), (3, 3, 1), (2, 1, 8), (1, 1, 3)])
def test_sums_of_a_dense_layer(
    clocked, stepped_neuron, windowed_neuron, out, lanes, bits, windowed, stalled
):
    neuron = windowed_neuron() if windowed else stepped_neuron()
    g = fb.dense_geometry(neuron, shape=(2, 3, 2), out=out, lanes=lanes, bits=bits)
    rng = np.random.default_rng(out)
    weights = _weights(rng, (g.fan_in, g.blocks * g.lanes), bits)
    maps = _maps(rng, g, 9)
    bench = fb.FrontBench(g, weights.reshape(g.weight_rows, g.lanes))
    bench.run(clocked, fb.items_of(maps), **(_stalls(out) if stalled else {}))
    for found, image in zip(bench.sums, maps, strict=True):
        on_wire = image.transpose(1, 2, 0).ravel()
        sums = on_wire @ fb.real(weights, bits)
        assert fb.same(found, fb.as_rows(sums[:out].reshape(out, 1, 1), g))


def test_rows_follow_each_other_without_a_gap(clocked, stepped_neuron):
    g = fb.conv_geometry(stepped_neuron(), shape=(1, 4, 4), out=4, kernel=(3, 3), lanes=2)
    items = [(5, 1), (10, 1), (0, 1), (6, 1), None]
    bench = fb.FrontBench(g, np.ones((g.weight_rows, g.lanes), int)).run(clocked, items)
    # Each event of the middle reaches 4 positions in 2 blocks, the corner one position; three
    # items find room in the registers, the others wait for the walk.
    assert bench.accepted == [0, 1, 2, 10, 18]
    assert len(bench.read) == 8 + 8 + 2 + 8
    # The mark moves when the last event does: two registers, then the walk, closed 2 cycles later.
    assert bench.closed == [2 + 8 + 8 + 2 + 8 + 1 + 2]


def test_order_of_rows_is_ascending_output(clocked, stepped_neuron):
    g = fb.conv_geometry(stepped_neuron(), shape=(1, 3, 3), out=2, kernel=(2, 2), lanes=1)
    bench = fb.FrontBench(g, np.ones((g.weight_rows, 1), int)).run(clocked, [(4, 1), None])
    assert bench.read == [6, 7, 4, 5, 2, 3, 0, 1]
