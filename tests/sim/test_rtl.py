from __future__ import annotations

import numpy as np
import pytest

from sim.cycles import count_cycles
from sim.reference import run_reference

# Seeds and what is special about them (sizes, lanes and so on follow from the seed).
SEEDS = {
    3: "windows of 1 and 2 steps, 20 lanes, initialized memories",
    4: "3 lanes: up to 13 groups; biases everywhere, thresholds a layer and a neuron",
    7: "four layers, windows of 2 to 17 steps, 10 lanes, initialized memories",
    13: "8-bit weights, 29 lanes: one group here and two there",
    24: "thresholds a neuron before a layer with biases, 10 lanes",
    29: "1-bit weights and 1 lane, four layers",
    34: "a single input and a single layer",
}


@pytest.fixture(scope="module", params=list(SEEDS), ids=[f"seed{seed}" for seed in SEEDS])
def built(request, compiled, networks):
    case = networks.random_case(request.param, images=260)
    assert all(0.03 < share < 0.7 for share in case.fired), "layers must really fire"
    assert (~case.levels.any(axis=1)).sum() >= 8  # a burst of blank images
    return compiled(case)


@pytest.fixture(scope="module")
def trace(built):
    return run_reference(built.network, built.levels)


def _differing(got, wanted):
    """The first images that differ: (image, got, wanted)."""
    assert got.shape == wanted.shape
    images = np.flatnonzero((got != wanted).reshape(len(got), -1).any(axis=1))
    return [(int(n), got[n].tolist(), wanted[n].tolist()) for n in images[:3]]


@pytest.mark.parametrize("single", [False, True], ids=["back to back", "one by one"])
def test_rtl_equals_reference_and_cycle_model(built, trace, single):
    batch = built.run(single=single)
    assert _differing(batch.membranes, trace.outputs) == []
    assert _differing(batch.classes, trace.classes) == []
    count = count_cycles(built.interface.layers, trace, single=single)
    assert _differing(batch.first, count.first) == []
    assert _differing(batch.result, count.result) == []


def test_probes_count_what_the_reference_says(built, trace):
    from hw.layer import PROBE_FIELDS

    counts = built.run().counts
    arriving = [trace.inputs, *(part.levels for part in trace.layers[:-1])]
    images = len(built.levels)
    for layer, levels, row in zip(built.interface.layers, arriving, counts, strict=True):
        got = dict(zip(PROBE_FIELDS, row.tolist(), strict=True))
        events = int(np.count_nonzero(levels))
        assert got["row_read"] == got["row_added"] == events * layer.groups
        assert got["handover"] == images * layer.groups
        assert got["compared"] == (
            images * layer.groups * layer.steps if layer.fires else images * layer.width
        )
        # An image is replayed whole; the next one may already be in the ring.
        assert got["buffer_write"] == (events if layer.groups > 1 else 0)
        assert got["buffer_read"] == (events * layer.groups if layer.groups > 1 else 0)


def test_a_second_batch_on_the_same_instance_is_the_same(built):
    with built.model() as model:
        *_, first = model.run(built.levels[:40])
        *_, second = model.run(built.levels[:40])
    assert first.membranes.tolist() == second.membranes.tolist()
    assert first.result.tolist() == second.result.tolist()
