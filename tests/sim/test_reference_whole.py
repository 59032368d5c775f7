"""The reference against a slow transcription of the contract, on random networks of all kinds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.fuzz import random_case
from sim.reference import run_classes, run_reference
from spikeforge.schema import ReadoutKind, Schedule


def _slow():
    path = Path(__file__).parent / "slow_reference.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SLOW = _slow()


def compare(case):
    trace = run_reference(case.network, case.inputs)
    for number, image in enumerate(case.inputs):
        sent, finals, chosen, step = SLOW.run_slowly(case.network, image)
        for part in trace.layers:
            found = part.levels if part.spikes is None else part.spikes
            if found is not None:
                assert found[number].tolist() == sent[part.name], part.name
            if part.membranes is not None:
                assert part.membranes[number].tolist() == finals[part.name], part.name
        assert trace.classes[number] == chosen
        assert trace.decided_step[number] == step


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from(ReadoutKind))
def test_stepped_networks_do_what_the_contract_says(seed, readout):
    compare(random_case(seed, images=4, widest=12, schedule=Schedule.STEPPED, readout=readout))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 32))
def test_windowed_networks_do_what_the_contract_says(seed):
    compare(random_case(seed, images=4, widest=12, schedule=Schedule.WINDOWED))


@pytest.mark.parametrize("seed", range(4))
def test_batches_are_no_different(seed, monkeypatch):
    case = random_case(seed, images=7)
    whole = run_reference(case.network, case.inputs)
    monkeypatch.setattr("sim.reference._NUMBERS_AT_ONCE", 1)
    single = run_reference(case.network, case.inputs)
    assert run_classes(case.network, case.inputs).tolist() == whole.classes.tolist()
    assert single.classes.tolist() == whole.classes.tolist()
    assert single.decided_step.tolist() == whole.decided_step.tolist()
    for one, other in zip(single.layers, whole.layers, strict=True):
        for name in ("levels", "membranes", "spikes"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
