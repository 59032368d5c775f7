"""The fpga method's fit: against published points, against a hand calculation, and its gaps."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from deploy.power.fpga import leave_one_out
from deploy.power.fpga.fit import determined, fit, pll_excess_ua, predict_ua
from deploy.power.fpga.points import Point, Published, load_published
from spikeforge.errors import SpikeforgeError
from spikeforge.validation import parse

PUBLISHED = load_published()
CACTI = Path(__file__).parents[4] / "shared" / "reference" / "cacti_sram.csv"


def test_the_fit_finds_the_coefficients_of_points_made_by_hand() -> None:
    def made(mhz: float, cells: int = 0, busy: int = 0, dsps: int = 0, hfosc: bool = False):
        core = 80 + 30 * hfosc + mhz * (40 + 0.01 * (cells - busy) + 0.2 * busy + 10 * dsps)
        return Point(name="made", core=core, pll_rail=4.0, mhz=mhz, cells=cells, busy=busy,
                     dsps=dsps, hfosc=hfosc)  # fmt: skip

    found = fit([
        made(0.0), made(12.0), made(24.0, 100), made(6.0, 50, 20), made(12.0, 30, 10, 2),
        made(48.0, 10, hfosc=True), made(3.0, 200, 200),
    ])  # fmt: skip
    values = (found.static, found.hfosc, found.clock, found.quiet, found.busy, found.dsp)
    assert values == pytest.approx((80, 30, 40, 0.01, 0.2, 10))


def test_coefficients_are_those_the_page_states() -> None:
    found = fit(PUBLISHED.fitted)
    assert found.static == pytest.approx(90.8, abs=0.1)
    assert found.hfosc == pytest.approx(37.2, abs=0.1)
    assert found.clock == pytest.approx(42.80, abs=0.01)
    assert found.quiet == pytest.approx(0.0138, abs=0.0001)
    assert found.busy == pytest.approx(0.1619, abs=0.0001)
    assert found.dsp == pytest.approx(12.52, abs=0.01)


def test_the_fit_reproduces_its_points() -> None:
    found = fit(PUBLISHED.fitted)
    for point in PUBLISHED.fitted:
        assert predict_ua(found, point) == pytest.approx(point.core, rel=0.062), point.name
        if point.mhz > 1:
            assert predict_ua(found, point) == pytest.approx(point.core, rel=0.01), point.name


def test_every_published_point_is_judged_once_and_in_order() -> None:
    judged = leave_one_out(PUBLISHED)
    assert [each.name for each in judged] == [point.name for point in PUBLISHED.points]
    assert [each.measured_ua for each in judged] == [point.core for point in PUBLISHED.points]


def test_a_point_left_out_by_hand() -> None:
    """Two points fix static and clock exactly; the third is then predicted by a straight line."""
    points = [
        Point(name=str(mhz), core=core, pll_rail=4.0, mhz=mhz)
        for mhz, core in ((0.0, 100.0), (10.0, 500.0), (20.0, 1000.0))
    ]
    judged = leave_one_out(PUBLISHED.model_copy(update={"points": points}))
    assert judged[2].predicted_ua == pytest.approx(900.0)
    assert judged[2].error_percent == pytest.approx(-10.0)
    assert judged[1].predicted_ua == pytest.approx(550.0)
    assert judged[0].predicted_ua == pytest.approx(0.0, abs=1e-6)
    assert {each.remark for each in judged} == {""}


def test_errors_of_points_that_others_cover_are_small() -> None:
    judged = {each.name: each for each in leave_one_out(PUBLISHED)}
    covered = [
        each.error_percent
        for name, each in judged.items()
        if name.startswith(("external", "HFOSC")) and "fixes" not in each.remark
    ]
    assert len(covered) == 9
    assert max(abs(error) for error in covered) < 1.5
    assert judged["blank design"].error_percent == pytest.approx(9.75, abs=0.1)


def test_the_only_point_of_a_term_is_predicted_without_it_and_says_so() -> None:
    judged = {each.name: each for each in leave_one_out(PUBLISHED)}
    of_cells = judged["HFOSC 12 MHz, multiplier of cells"]
    assert of_cells.remark == "no other point fixes busy and dsp: predicted without"
    assert of_cells.error_percent < -30
    in_dsp = judged["HFOSC 12 MHz, multiplier in a DSP"]
    assert in_dsp.remark == "no other point fixes dsp: predicted without"
    dsp_ua = 12 * fit(PUBLISHED.fitted).dsp
    assert in_dsp.error_ua == pytest.approx(-dsp_ua, rel=0.01)


def test_pll_points_are_judged_on_the_others_excess() -> None:
    found = fit(PUBLISHED.fitted)
    excess = pll_excess_ua(found, PUBLISHED.points)
    judged = [each for each in leave_one_out(PUBLISHED) if each.name.startswith("PLL")]
    assert judged[0].error_ua == pytest.approx((excess[1] + excess[2]) / 2 - excess[0])
    assert all(each.remark.startswith("not fitted: ") for each in judged)


def test_determined_names_what_the_points_fix() -> None:
    assert set(determined(PUBLISHED.fitted)) == {
        "static", "hfosc", "clock", "quiet", "busy", "dsp",
    }  # fmt: skip
    assert set(determined(PUBLISHED.fitted[:2])) == {"static"}


def test_no_points_are_refused() -> None:
    with pytest.raises(SpikeforgeError, match="a fit needs at least one measured point, not 0"):
        fit([])


def test_every_number_of_the_file_has_a_source() -> None:
    assert PUBLISHED.points_source.source in PUBLISHED.sources
    assert len(PUBLISHED.sources) == 10
    assert not any("recall" in source for source in PUBLISHED.sources)


@pytest.mark.skipif(not CACTI.is_file(), reason="the reference's table is not here")
def test_memory_ranges_are_the_tables() -> None:
    with CACTI.open() as file:
        rows = {
            (row["celltype"], row["bytes"], row["word_bits"]): row
            for row in csv.DictReader(file)
            if row["node_nm"] == "45"
        }
    for memory, size in ((PUBLISHED.spram, "32768"), (PUBLISHED.block_ram, "1024")):
        wide, narrow = (rows["itrs-lstp", size, bits] for bits in ("32", "8"))
        assert memory.read_low.value == float(rows["itrs-lop", size, "32"]["read_pJ"])
        assert memory.read_high.value == pytest.approx(3 * float(wide["read_pJ"]))
        assert memory.write_low.value == float(narrow["write_pJ"])
        assert memory.write_high.value == pytest.approx(3 * float(wide["write_pJ"]))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"busy": 3, "cells": 2}, "busy must be at most the 2 cells, but is 3"),
        ({"mhz": -1.0}, "mhz .*greater than or equal to 0, not -1.0"),
        ({"mHz": 1.0}, "unknown key mHz"),
    ],
)
def test_bad_points_are_explained(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SpikeforgeError, match=message):
        parse(Point, {"name": "p", "core": 1.0, "pll_rail": 1.0, **fields}, "points")


def test_a_range_the_wrong_way_round_is_explained() -> None:
    data = PUBLISHED.model_dump()
    data["spram"]["read_low"]["value"] = 99.0
    with pytest.raises(SpikeforgeError, match="read_low must be at most read_high, but 99"):
        parse(Published, data, "points")


def test_the_page_shows_every_point_and_its_error() -> None:
    page = (Path(__file__).parents[3] / "docs" / "fpga-power.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| ([0-9.]+) \| ([0-9.]+) \| ([+-][0-9.]+) %", page, re.MULTILINE)
    assert rows == [
        (each.name, f"{each.measured_ua:g}", f"{each.predicted_ua:.1f}",
         f"{each.error_percent:+.1f}")
        for each in leave_one_out(PUBLISHED)
    ]  # fmt: skip
