"""The numbers inside the plots."""

from __future__ import annotations

import math

import pytest

from deploy.report.figures import confusion_figure, energy_figure, latency_figure
from deploy.report.rasters import layer_figure, membrane_figure, picture_uri
from deploy.report.schema import Report
from spikeforge.validation import parse


@pytest.fixture
def record(report) -> Report:
    return parse(Report, report, "report")


def test_a_spike_is_drawn_at_step_t_minus_k(record):
    layer = record.detail.rasters[0].layers[0]
    trace = layer_figure(layer).data[0]
    drawn = list(zip(trace.y, trace.x, strict=True))
    assert drawn == [(address, 15 - k) for address, k in layer.events]


def test_errors_and_hits_have_colours_of_their_own():
    right, wrong = confusion_figure([[90, 9], [0, 99]]).data
    assert right.z[0][0] == pytest.approx(math.log10(91))
    assert right.z[0][1] is None
    assert wrong.z[0][1] == pytest.approx(1.0)
    assert wrong.text[1][0] == ""
    assert wrong.hovertext[0][1] == "true 0, answered 1: 9 of 99 images"


def test_energy_of_a_block_is_power_times_interval(record):
    trace = energy_figure(record).data[0]
    energies = dict(zip(trace.y, trace.x, strict=True))
    # 6.31 mW for 3790.2 cycles at 50 MHz
    assert energies["hidden: weight memory"] == pytest.approx(6.31 * 75.804)
    assert "leakage, SRAM" not in energies
    assert list(trace.x) == sorted(trace.x)


def test_the_bound_is_a_line_in_the_histogram(record):
    plot = latency_figure(record)
    assert {shape.x0 for shape in plot.layout.shapes} == {3675.0, 3893.4}
    assert sum(plot.data[0].y) == 10_000


def test_the_wrong_answer_is_the_highest_bar(record):
    wrong = record.detail.rasters[3]
    colours = membrane_figure(wrong).data[0].marker.color
    assert colours[4] == "var(--accent)"
    assert colours[9] == "var(--second)"


def test_the_picture_is_inside_the_page():
    assert picture_uri([[0, 255], [128, 3]]).startswith("data:image/png;base64,iVBOR")


def test_no_data_no_plot(bare_report):
    record = parse(Report, bare_report, "report")
    assert latency_figure(record) is None
    assert energy_figure(record) is None
