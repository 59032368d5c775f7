"""Scaling by node: factors of Stillmaker and Baas, memories by CACTI, against their sources."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.power.cacti import GUARD, energy_factor, stand_in
from deploy.power.scaling import scale
from hw.memory.composition import Bank, Cell, Composition


def test_factors_of_the_published_examples():
    # Stillmaker and Baas give 32 nm at 0.9 V as 0.4571 and 65 nm at 1.3 V as 2.604.
    assert energy_factor(32, 0.9) == pytest.approx(0.4571, abs=5e-4)
    assert energy_factor(65, 1.3) == pytest.approx(2.604, abs=5e-3)


def test_nodes_between_and_beyond_the_tables():
    assert energy_factor(20, 0.9) < energy_factor(28, 0.9) < energy_factor(32, 0.9)
    assert energy_factor(180, 1.8) == pytest.approx(energy_factor(130, 1.8) * 180 / 130)


def test_cacti_at_its_own_points():
    # cacti.toml, from CACTI 7: 8 kB of 64-bit words, low-standby-power cells.
    assert stand_in(64, 1024, 65).read_pj == pytest.approx(6.111)
    assert stand_in(64, 1024, 22).read_pj == pytest.approx(0.900)
    assert stand_in(256, 1024, 22).read_pj == pytest.approx(4 * 0.900)
    assert stand_in(64, 16, 22).read_pj == stand_in(64, 128, 22).read_pj  # nothing below 1 kB


@given(st.integers(1, 32768), st.sampled_from([22, 28, 32, 40, 65]))
def test_more_words_never_cost_less(depth, node):
    assert stand_in(64, depth, node).read_pj <= stand_in(64, 2 * depth, node).read_pj * 1.0001


def test_28_nm_lies_between_its_neighbours():
    ends = [stand_in(64, 1024, node).read_pj for node in (22, 28, 32)]
    assert ends == sorted(ends)
    assert ends[0] < ends[1] < ends[2]


def test_a_scaled_estimate_by_hand():
    cell = Cell(name="m", width=64, depth=1024, area_um2=1.0)
    built = Composition((Bank((cell, cell)),))
    found = scale(0.1, {"w": (built, 100.0, 10.0)}, 22, 0.8, from_nm=130, from_volts=1.2)
    memory = stand_in(64, 1024, 22)
    each = 2 * (100 * memory.read_pj + 10 * memory.write_pj) * 1e-6
    assert found.memory_uj == pytest.approx((each, GUARD * each))
    assert found.logic_uj == pytest.approx(0.1 * energy_factor(22, 0.8) / energy_factor(130, 1.2))
    assert found.total_uj == pytest.approx((found.logic_uj + each, found.logic_uj + 3 * each))
    assert "Stillmaker and Baas" in found.how
