from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.config import configure
from hw.geometry import geometry
from sim.cycles import bound_cycles, count_cycles
from sim.reference import run_reference


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_bound_is_brute_force_and_no_interval_beats_it(networks, seed):
    case = networks.random_case(seed, images=30, widest=20)
    layers = geometry(case.network, case.config)
    trace = run_reference(case.network, case.levels)
    bound = bound_cycles(layers, trace)
    for image in range(len(case.levels)):
        events = [int((case.levels[image] > 0).sum())]
        events += [int((part.levels[image] > 0).sum()) for part in trace.layers[:-1]]
        rows = [
            count * -(-layer.outputs // min(case.config.lanes, layer.outputs))
            for count, layer in zip(events, case.network.layers, strict=True)
        ]
        assert bound[image] == max(rows)
    # Over a whole series no layer can have read fewer rows than cycles passed.
    count = count_cycles(layers, trace)
    assert count.result[-1] - count.first[0] >= bound.max()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000))
def test_results_come_in_order_and_alone_an_image_is_no_slower(networks, seed):
    case = networks.random_case(seed, images=20, widest=20)
    layers = geometry(case.network, case.config)
    trace = run_reference(case.network, case.levels)
    together, alone = count_cycles(layers, trace), count_cycles(layers, trace, single=True)
    for count in (together, alone):
        assert (np.diff(count.first) > 0).all()
        assert (np.diff(count.result) > 0).all()
        assert (count.result > count.first).all()
    assert ((alone.result - alone.first) <= (together.result - together.first)).all()
    assert (alone.first[1:] == alone.result[:-1] + 1).all()
    assert together.result[-1] <= alone.result[-1]


def test_one_layer_one_group_by_hand(networks):
    network = networks.network_of(networks.Numbers(weight=[[1, 2]] * 3), input_steps=2)
    layers = geometry(network, configure(network, 3))
    count = count_cycles(layers, run_reference(network, np.array([[1, 1], [0, 0]], np.uint8)))
    # Events in cycles 0 and 1, the mark in 2, handed over in 4, scanned in 5..7; the class is put
    # into the output register in 8 and valid in 9. The blank image's mark follows in 3: it waits
    # in the pipeline until the scanner is free in 9, and its class is valid in 14.
    assert count.first.tolist() == [0, 3]
    assert count.result.tolist() == [9, 14]


@pytest.mark.parametrize("images", [1, 99, 100, 101])
def test_progress_adds_up_to_all_images(networks, images):
    case = networks.random_case(34, images=images)
    layers = geometry(case.network, case.config)
    moved = []
    count_cycles(layers, run_reference(case.network, case.levels), advance=moved.append)
    assert sum(moved) == images
