"""The fpga estimate: against sums by hand, its ends, its rates, and what stays unknown."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json

import pytest
from rich.console import Console

from deploy.boards import BOARDS, plan_clock
from deploy.power.fpga import END_NAMES, FpgaActivity, FpgaDesign, estimate_fpga
from deploy.power.fpga.fit import fit
from deploy.power.fpga.points import load_published
from deploy.power.fpga.screen import fpga_table, judged_lines
from spikeforge.errors import SpikeforgeError

FOUND = fit(load_published().fitted)
DESIGN = FpgaDesign(
    board=BOARDS["icebreaker"], network="tiny", architecture="0" * 64, lanes=16, clock_mhz=12.0,
    clock_source=plan_clock(BOARDS["icebreaker"], 12.0).source, logic_cells=5000, flip_flops=1900,
    block_rams=16, sprams=4, dsps=2, oscillator_on_network=True,
)  # fmt: skip
ACTIVITY = FpgaActivity(
    images=3, latency_cycles=1250.0, interval_cycles=1200.0, cell_cycles=600_000.0,
    register_cycles=240_000.0, spram_reads=4000.0, spram_writes=8.0, block_ram_reads=800.0,
    block_ram_writes=100.0,
)  # fmt: skip


def design(**fields: object) -> FpgaDesign:
    return dataclasses.replace(DESIGN, **fields)  # type: ignore[arg-type]


def at(mhz: float) -> FpgaDesign:
    return design(clock_mhz=mhz, clock_source=plan_clock(DESIGN.board, mhz).source)


def totals(power) -> list[float]:
    return [getattr(power.total_mw, name) for name in END_NAMES]


def test_back_to_back_matches_the_sum_by_hand() -> None:
    power = estimate_fpga(DESIGN, ACTIVITY)
    ua = {name: ends for name, ends in power.currents_ua.items()}
    assert power.images_per_second == pytest.approx(10_000)
    assert ua["static"].low == pytest.approx(FOUND.static)
    assert ua["clock tree"].low == pytest.approx(12 * FOUND.clock)
    assert ua["busy cells"].low == pytest.approx(12 * 500 * FOUND.busy)
    assert ua["busy cells"].lowest == pytest.approx(12 * 300 * FOUND.busy)
    assert ua["busy cells"].highest == pytest.approx(12 * 5000 * FOUND.busy)
    assert ua["quiet cells"].low == pytest.approx(12 * 4500 * FOUND.quiet)
    assert ua["quiet cells"].highest == pytest.approx(0)
    assert (ua["DSP"].lowest, ua["DSP"].high) == pytest.approx((0, 12 * 2 * FOUND.dsp))
    spram_uw = 1e4 * (4000 * 2.699 + 8 * 4.913) * 1e-6
    assert ua["SPRAM"].low == pytest.approx(spram_uw / 1.219)
    assert ua["SPRAM"].high == pytest.approx(1e4 * (4000 * 17.448 + 8 * 40.233) * 1e-6 / 1.219)
    assert ua["SPRAM"].highest == pytest.approx(4 * 12 * 17.448 / 1.219)
    assert ua["block RAM"].low == pytest.approx(1e4 * (800 * 0.388 + 100 * 0.985) * 1e-6 / 1.219)
    assert ua["clock source"].highest == 0
    low_ua = sum(ends.low for ends in ua.values())
    assert power.total_mw.low == pytest.approx(low_ua * 1.219e-3)
    assert power.energy_uj.low == pytest.approx(power.total_mw.low * 1e3 / 10_000)
    assert power.latency_ms == pytest.approx(1250 / 12e3)


def test_idle_time_is_quiet_with_the_clock_running() -> None:
    busy, slow = estimate_fpga(DESIGN, ACTIVITY), estimate_fpga(DESIGN, ACTIVITY, 1000.0)
    for name in ("static", "clock tree", "clock source"):
        assert slow.currents_ua[name] == busy.currents_ua[name]
    for name in ("SPRAM", "block RAM"):
        assert slow.currents_ua[name].low == pytest.approx(busy.currents_ua[name].low / 10)
    assert slow.currents_ua["busy cells"].low == pytest.approx(
        busy.currents_ua["busy cells"].low / 10
    )
    assert slow.total_mw.low < busy.total_mw.low
    assert slow.energy_uj.low > busy.energy_uj.low
    assert (busy.back_to_back, slow.back_to_back) == (True, False)


def test_no_image_costs_nearly_the_quiet_design() -> None:
    power = estimate_fpga(DESIGN, ACTIVITY, 1e-6)
    quiet = FOUND.static + 12 * (FOUND.clock + 5000 * FOUND.quiet)
    assert power.total_mw.low == pytest.approx(quiet * 1.219e-3, rel=1e-6)


@pytest.mark.parametrize("rate", [None, 1.0, 300.0])
def test_ends_are_in_order(rate: float | None) -> None:
    for each in (DESIGN, at(3.0), at(24.0)):
        found = totals(estimate_fpga(each, ACTIVITY, rate))
        assert found == sorted(found)


def test_more_clock_and_more_cells_cost_more() -> None:
    by_clock = [totals(estimate_fpga(at(mhz), ACTIVITY, 500.0)) for mhz in (0.75, 1.5, 3.0, 6.0)]
    by_cells = [totals(estimate_fpga(design(logic_cells=n), ACTIVITY)) for n in (1000, 2000, 5280)]
    for series in (by_clock, by_cells):
        for less, more in itertools.pairwise(series):
            assert all(a < b for a, b in zip(less, more, strict=True))


def test_a_divided_clock_pays_for_the_oscillators_net() -> None:
    ends = estimate_fpga(at(3.0), ACTIVITY).currents_ua["clock source"]
    assert ends.lowest == pytest.approx(12 * 2 * FOUND.busy)
    assert ends.low == ends.high == ends.highest
    assert ends.low == pytest.approx(12 * (FOUND.clock + 2 * FOUND.busy))


def test_a_divided_clock_off_the_networks_costs_its_cells() -> None:
    off = dataclasses.replace(at(3.0), oscillator_on_network=False)
    ends = estimate_fpga(off, ACTIVITY).currents_ua["clock source"]
    assert ends.lowest == ends.low == ends.high == pytest.approx(12 * 2 * FOUND.busy)
    assert ends.highest == pytest.approx(12 * (FOUND.clock + 2 * FOUND.busy))


def test_a_pll_is_what_its_points_draw_beyond_the_model() -> None:
    power = estimate_fpga(at(24.0), ACTIVITY)
    ends = power.currents_ua["clock source"]
    assert 400 < ends.lowest < ends.low == ends.high < ends.highest < 660
    assert power.not_included[0] == "PLL rail (measured: 103.6 to 138.9 uA)"
    assert "PLL" in power.notes[-1]


@pytest.mark.parametrize("rate", [0.0, -1.0, 10_001.0, float("nan"), float("inf")])
def test_rates_out_of_range_are_explained(rate: float) -> None:
    with pytest.raises(
        SpikeforgeError,
        match=r"images a second must be above 0 and at most 10000, which is what 12 MHz and 1200 "
        rf"cycles an image allow, not {rate:g}",
    ):
        estimate_fpga(DESIGN, ACTIVITY, rate)


def test_ecp5_is_unknown_and_never_a_number() -> None:
    board = BOARDS["ulx3s-25f"]
    power = estimate_fpga(design(board=board, clock_mhz=75.0, sprams=0), ACTIVITY)
    assert power.total_mw is None
    assert power.energy_uj is None
    assert set(power.unknown) == set(power.currents_ua)
    data = json.loads(json.dumps(power.to_json(), allow_nan=False))
    assert data["power_mw"]["total"] is None
    assert set(data["power_mw"]["blocks"].values()) == {None}
    assert data["published_design_mw"] == {"idle": None, "running": None}
    assert data["latency_ms"]["mean"] == pytest.approx(1250 / 75e3)
    shown = text(power)
    assert "unknown" in shown
    assert "0.0167" in shown
    assert "no readable source gives its static current" in power.notes[0]


def test_one_unknown_term_leaves_no_total() -> None:
    power = estimate_fpga(DESIGN, ACTIVITY)
    power = dataclasses.replace(power, currents_ua={**power.currents_ua, "SPRAM": None})
    assert power.unknown == ("SPRAM",)
    assert power.total_mw is None


def test_json_has_every_term_at_four_ends() -> None:
    data = estimate_fpga(at(3.0), ACTIVITY, 2000.0).to_json()
    data = json.loads(json.dumps(data, allow_nan=False))
    blocks = data["power_mw"]["blocks"]
    assert list(blocks) == [
        "static", "clock tree", "quiet cells", "busy cells", "DSP", "block RAM", "SPRAM",
        "clock source",
    ]  # fmt: skip
    for name in END_NAMES:
        total = data["power_mw"]["total"][name]
        assert total == pytest.approx(sum(block[name] for block in blocks.values()))
        assert data["energy_uj"][name] == pytest.approx(total / 2)
    assert data["clock_source"] == "the board's 12 MHz oscillator, divided by 4"
    assert data["technology"]["method"] == "fpga"
    assert len(data["technology"]["leave_one_out"]) == 17
    assert data["published_design_mw"]["idle"] < data["published_design_mw"]["running"]


def test_published_whole_design_lies_between_a_quiet_and_a_busy_chip() -> None:
    whole = load_published().whole_design
    quiet, busy = (
        FOUND.static + whole.mhz * (FOUND.clock + whole.cells_at_most * cell)
        for cell in (FOUND.quiet, FOUND.busy)
    )
    assert quiet < whole.idle < whole.running < busy
    at_20_mhz = FOUND.static + 20 / whole.mhz * (whole.running - FOUND.static)
    assert at_20_mhz == pytest.approx(whole.running_20_mhz, rel=0.04)


def test_table_and_lines_name_terms_ends_and_errors() -> None:
    power = estimate_fpga(at(3.0), ACTIVITY)
    shown = text(power)
    for words in ("lowest", "highest", "static", "SPRAM", "clock source", "total, mW", "estimate",
                  "Not included", "published accelerator"):  # fmt: skip
        assert words in shown
    lines = judged_lines(power)
    assert lines[0] == "blank design: measured 85.6 uA, predicted 93.9 (+9.7 %)"
    assert "no other point fixes dsp" in "".join(lines)


def text(power) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(fpga_table(power))
    return console.export_text()
