from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import sim.model
import sim.simulate
from sim.cycles import bound_cycles, count_cycles
from sim.reference import run_reference
from sim.simulate import simulate


@pytest.fixture
def run(tiny):
    """Simulate the tiny network, whose model is built by then."""

    def call(images=None, **options):
        return simulate(tiny.network, tiny.config, tiny.levels[:images], **options)

    return call


def test_exact_on_every_image(run, tiny):
    found = run(workers=1)
    trace = run_reference(tiny.network, tiny.levels)
    assert (found.class_mismatches, found.cycle_mismatches, found.message) == (0, 0, "")
    assert found.classes.tolist() == trace.classes.tolist()
    alone = count_cycles(tiny.interface.layers, trace, single=True)
    assert found.latency_cycles.tolist() == (alone.result - alone.first + 1).tolist()
    together = count_cycles(tiny.interface.layers, trace)
    assert found.interval_cycles.tolist() == np.diff(together.result).tolist()
    assert found.bound_cycles.tolist() == bound_cycles(tiny.interface.layers, trace).tolist()


def test_two_workers_give_the_answers_of_one(run):
    one, two = run(workers=1), run(workers=2)
    assert two.classes.tolist() == one.classes.tolist()
    assert two.latency_cycles.tolist() == one.latency_cycles.tolist()
    assert (two.class_mismatches, two.cycle_mismatches) == (0, 0)
    assert len(two.interval_cycles) == len(one.interval_cycles) - 1
    assert two.activity.reads_per_image == one.activity.reads_per_image


def test_more_workers_than_images(run):
    found = run(3, workers=8)
    assert len(found.classes) == 3
    assert found.cycle_mismatches == 0


def test_one_image(run):
    found = run(1)
    assert (found.class_mismatches, found.cycle_mismatches) == (0, 0)
    assert len(found.interval_cycles) == 0
    assert found.interval_mean == found.latency_cycles[0]


def test_efficiency_is_bound_over_interval_and_at_most_one(run):
    found = run(workers=1)
    wanted = found.bound_cycles.mean() / found.interval_cycles.mean()
    assert found.efficiency == pytest.approx(wanted)
    assert 0 < found.efficiency <= 1
    assert 0 < found.efficiency_read <= 1
    rows = found.activity.reads_per_image
    assert found.rows_read == max(rows["hidden_weight"], rows["output_weight"])


def test_small_steps_of_the_batch_call_change_nothing(run, monkeypatch):
    wanted = run(workers=1)
    monkeypatch.setattr(sim.model, "_CHUNK_CYCLES", 7)
    found = run(workers=1)
    assert found.latency_cycles.tolist() == wanted.latency_cycles.tolist()
    assert found.message == ""


def _tamper(monkeypatch, image, **changes):
    def tampered(network, levels):
        trace = run_reference(network, levels)
        last = dataclasses.replace(trace.layers[-1], membranes=trace.outputs.copy())
        last.membranes[image, 1] += changes.get("membrane", 0)
        trace = dataclasses.replace(trace, layers=(*trace.layers[:-1], last))
        trace.classes[image] ^= changes.get("wrong_class", 0)
        return trace

    monkeypatch.setattr(sim.simulate, "run_reference", tampered)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_differing_membrane_is_found_and_named(run, tiny, monkeypatch, workers):
    _tamper(monkeypatch, 20, membrane=1)
    found = run(workers=workers)
    value = run_reference(tiny.network, tiny.levels).outputs[20, 1]
    assert (found.class_mismatches, found.cycle_mismatches) == (1, 0)
    assert found.message == (
        f"image 20, output neuron 1: the RTL's membrane is {value}, the reference's {value + 1}"
    )


def test_a_differing_class_is_found_and_named(run, monkeypatch):
    _tamper(monkeypatch, 7, wrong_class=1)
    found = run()
    assert found.class_mismatches == 1
    assert found.message.startswith("image 7: the RTL says class ")


@pytest.mark.parametrize("field", ["first", "result"])
def test_a_differing_cycle_is_found_and_named(run, monkeypatch, field):
    def tampered(*arguments, **options):
        count = count_cycles(*arguments, **options)
        getattr(count, field)[9] += 1
        return count

    monkeypatch.setattr(sim.simulate, "count_cycles", tampered)
    found = run(workers=1)
    assert (found.class_mismatches, found.cycle_mismatches) == (0, 1)
    assert found.message.startswith("image 9: first event and class in cycles ")


def test_initialized_memories_find_their_files(networks, compiled):
    case = networks.random_case(3, images=260)
    compiled(case)  # shared with the RTL tests
    found = simulate(case.network, case.config, case.levels[:20])
    assert (found.class_mismatches, found.cycle_mismatches) == (0, 0)
