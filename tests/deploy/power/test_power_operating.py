"""Operating points: what a rate costs with several lanes, and which is best."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.power.operating import best_point, operating_point
from spikeforge.errors import SpikeforgeError


def report(cycles: float, dynamic_uj: float, static_mw: float, clock_mhz: float = 50.0):
    return SimpleNamespace(interval_cycles=cycles, dynamic_uj=dynamic_uj, static_mw=static_mw,
                           clock_mhz=clock_mhz)  # fmt: skip


def test_one_point_by_hand():
    point = operating_point(report(1000, 0.5, 0.02), 64, 100.0)
    assert point.least_mhz == pytest.approx(0.1)
    assert point.duty == pytest.approx(0.002)
    assert point.static_uj == pytest.approx(0.2)  # 20 uW for 10 ms
    assert point.energy_uj == pytest.approx(0.7)
    assert point.power_mw(100.0) == pytest.approx(0.07)


def test_few_lanes_win_where_leakage_decides_and_many_where_work_does():
    few, many = report(8000, 0.6, 0.01), report(1000, 0.4, 0.05)
    for rate, best in ((10.0, 8), (5000.0, 64)):
        points = [operating_point(few, 8, rate), operating_point(many, 64, rate)]
        assert best_point(points).lanes == best


def test_too_slow_is_no_choice_however_cheap():
    points = [operating_point(report(8000, 0.1, 0.0), 8, 20_000), operating_point(
        report(1000, 9.0, 0.0), 64, 20_000)]  # fmt: skip
    assert [point.reaches for point in points] == [False, True]
    assert best_point(points).lanes == 64


def test_nothing_keeps_up():
    points = [operating_point(report(1000, 0.4, 0.05), 64, 100_000.0)]
    with pytest.raises(
        SpikeforgeError,
        match=r"^--images-per-second needs 100 MHz with 64 lanes, and the clock is 50 MHz; ask for",
    ):
        best_point(points)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_rates_that_are_none(rate):
    with pytest.raises(SpikeforgeError, match=r"^--images-per-second must be above 0, not"):
        operating_point(report(1000, 0.4, 0.05), 64, rate)


@given(st.lists(st.tuples(st.floats(1, 1e4), st.floats(1e-3, 1e3), st.floats(0, 10)), min_size=1),
       st.floats(1, 4000))  # fmt: skip
def test_the_best_is_never_beaten(rows, rate):
    points = [operating_point(report(*row), n, rate) for n, row in enumerate(rows)]
    able = [point for point in points if point.reaches]
    if able:
        assert best_point(points).energy_uj == min(point.energy_uj for point in able)
