"""What a report may and may not hold."""

from __future__ import annotations

import json

import pytest

from deploy.report.schema import Report
from spikeforge.errors import SpikeforgeError
from spikeforge.validation import parse


def test_keys_are_those_of_the_design(report):
    content = parse(Report, report, "report").model_dump(mode="json", by_alias=True)
    assert list(content) == [
        "schema", "network", "dataset", "accuracy", "exact", "cycles", "clock_mhz", "latency_ms",
        "images_per_second", "power_mw", "energy_uj", "energy_uj_single", "memory", "technology",
        "workload", "versions", "detail",
    ]  # fmt: skip
    assert list(content["accuracy"]) == ["float", "quantized", "rtl"]
    assert list(content["cycles"]) == [
        "latency", "interval", "bound", "efficiency", "efficiency_read", "encode",
    ]  # fmt: skip


def test_a_report_survives_json_unchanged(report):
    content = parse(Report, report, "report").model_dump(mode="json", by_alias=True)
    assert parse(Report, json.loads(json.dumps(content)), "report").model_dump(
        mode="json", by_alias=True
    ) == content  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("accuracy", "rtl"), 98.9, r"accuracy.rtl should be less than or equal to 1, not 98.9"),
        (("clock_mhz",), 0, r"clock_mhz should be greater than 0, not 0"),
        (("energy_uj",), float("nan"), r"energy_uj should be a finite number"),
        (("detail", "load"), "flash", r"detail.load should be 'init' or 'load', not 'flash'"),
        (("detail", "confusion"), [[1, 2]], r"confusion must be square, not 1 rows of 2"),
        (("detail", "latency_cycles", "counts"), [1], r"one more than the 1 counts"),
        (("detail", "rasters", 0, "image"), [[0], [0, 1]], r"image must have rows of one length"),
    ],
)
def test_wrong_values_are_named(report, path, value, message):
    place = report
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(SpikeforgeError, match=message):
        parse(Report, report, "report")


def test_an_event_outside_its_layer_is_refused(report):
    report["detail"]["rasters"][0]["layers"][1]["events"].append([400, 3])
    with pytest.raises(SpikeforgeError, match=r"address in 0..399 and k in 1..15, .* \(400, 3\)"):
        parse(Report, report, "report")
