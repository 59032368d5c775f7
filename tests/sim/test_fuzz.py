"""Random networks are repeatable, really fire, and reach every choice of the contract."""

from __future__ import annotations

import numpy as np
import pytest

from sim.fuzz import Coverage, choices_of, random_case
from sim.reference import run_reference
from spikeforge.netfile import load_network, save_network
from spikeforge.schema import ReadoutKind, Schedule


@pytest.fixture(scope="module")
def cases():
    return [random_case(seed, widest=12) for seed in range(120)]


def test_a_hundred_networks_make_every_choice_and_fire(cases):
    coverage = Coverage()
    for case in cases:
        coverage.add(case)
    assert coverage.missing == []
    assert coverage.share_within(0.05, 0.6) > 0.9
    assert any("missing: none" in line for line in coverage.lines())


def test_the_report_names_what_is_missing():
    coverage = Coverage()
    coverage.add(random_case(1, schedule=Schedule.WINDOWED))
    assert "schedule=stepped" in coverage.missing
    assert "after_spike=zero" in coverage.missing


def test_shares_are_those_of_the_whole_network(cases):
    checked = 0
    for case in cases[:30]:
        trace = run_reference(case.network, case.inputs)
        for part in trace.layers:
            if part.name in case.shares:
                fired = part.levels > 0 if part.spikes is None else part.spikes.any(axis=1)
                assert case.shares[part.name] == fired.mean()
                checked += 1
    assert checked > 30


def test_equal_seeds_give_equal_cases():
    one, other = random_case(77), random_case(77)
    assert one.network.content_hash == other.network.content_hash
    assert one.network.architecture_hash() == other.network.architecture_hash()
    assert np.array_equal(one.inputs, other.inputs)
    assert one.network.content_hash != random_case(78).network.content_hash


def test_schedule_and_readout_can_be_asked_for():
    case = random_case(5, schedule=Schedule.STEPPED, readout=ReadoutKind.FIRST_SPIKE)
    assert {"schedule=stepped", "readout=first_spike"} <= choices_of(case.network)


def test_the_hardware_hook_sees_the_network():
    case = random_case(5, draw_hardware=lambda network, rng: (network.name, rng.integers(9) >= 0))
    assert case.hardware == ("fuzz5", True)


def test_networks_of_all_kinds_survive_their_file(cases, tmp_path):
    for case in cases[:20]:
        save_network(case.network, tmp_path / "network")
        found = load_network(tmp_path / "network")
        assert found.architecture_hash() == case.network.architecture_hash()
        assert found.content_hash == case.network.content_hash
