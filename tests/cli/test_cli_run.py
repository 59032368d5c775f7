"""The whole flow from a recipe to the report, and what running it again reuses."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from spikeforge.netfile import load_network

KEYS = """
schema network.name network.architecture network.content dataset.name dataset.split dataset.images
accuracy.float accuracy.quantized accuracy.rtl exact.images exact.class_mismatches
exact.cycle_mismatches exact.event_images exact.event_mismatches cycles.latency.mean
cycles.latency.p50 cycles.latency.p99 cycles.latency.max cycles.interval.mean cycles.bound
cycles.efficiency cycles.efficiency_read cycles.encode clock_mhz latency_ms.mean latency_ms.p99
images_per_second power_mw.total power_mw.dynamic power_mw.static power_mw.blocks energy_uj
energy_uj_single memory.macros memory.area_mm2 technology.name technology.method
technology.sources technology.error workload.SynapticOperations workload.ActivationSparsity
workload.MembraneUpdates workload.ConnectionSparsity workload.Footprint versions.spikeforge
versions.python versions.torch versions.verilator
"""


def value(record, key):
    for part in key.split("."):
        assert part in record, key
        record = record[part]
    return record


@pytest.fixture
def report(finished_run):
    return json.loads((finished_run.folder / "report.json").read_text())


@pytest.mark.parametrize("key", KEYS.split())
def test_the_report_has_every_key_of_the_design(report, finished_run, key):
    assert value(json.loads(finished_run.out), key) == value(report, key)


def test_a_run_leaves_all_its_files(finished_run):
    names = {
        str(path.relative_to(finished_run.folder))
        for path in finished_run.folder.rglob("*")
        if path.is_file()
    }
    assert {"network.safetensors", "rtl/accelerator.v", "report.json", "report.html",
            "logs/cocotb.log"} <= names  # fmt: skip
    assert {name for name in names if re.fullmatch(r"weights/\w+\.hex", name)}
    assert not [name for name in names if ".part" in name]
    assert "module accelerator" in (finished_run.folder / "rtl/accelerator.v").read_text()


def test_it_is_exact_and_says_on_what(report, finished_run):
    exact = report["exact"]
    assert (exact["images"], exact["event_images"]) == (40, 2)
    assert exact["class_mismatches"] == exact["cycle_mismatches"] == exact["event_mismatches"] == 0
    assert report["dataset"]["split"] == "validation-extract"
    assert report["accuracy"]["quantized"] == report["accuracy"]["rtl"]
    assert "1000 test images (split: validation-extract)" in finished_run.err


def test_its_figures_follow_from_each_other(report):
    energy = report["power_mw"]["total"] / 1000 * 1e6 / report["images_per_second"]
    assert report["energy_uj"] == pytest.approx(energy)
    interval_ms = report["cycles"]["interval"]["mean"] / report["clock_mhz"] / 1000
    assert report["images_per_second"] == pytest.approx(1000 / interval_ms)
    cycles = report["cycles"]
    assert cycles["efficiency"] == pytest.approx(cycles["bound"] / cycles["interval"]["mean"])


def test_the_network_is_the_reports(report, finished_run):
    network = load_network(finished_run.network)
    assert report["network"]["content"] == network.content_hash
    assert report["network"]["architecture"] == network.architecture_hash(lanes=8)
    assert network.metadata.recipe["name"] == "small"
    assert network.metadata.split == "validation-extract"


def test_json_is_all_there_is_on_standard_output(finished_run):
    assert finished_run.out.startswith("{")
    assert "detail" not in json.loads(finished_run.out)


def test_the_page_is_whole_and_needs_nothing_else(finished_run):
    page = (finished_run.folder / "report.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert not re.search(r"""<(script|link|img)[^>]+(src|href)=["']https?:""", page)


def test_running_again_reuses_network_and_model(run_command, finished_run, tmp_path):
    arguments = list(finished_run.arguments)
    arguments[arguments.index("--out") + 1] = str(tmp_path / "again")
    done = run_command(*arguments)
    assert done.status == 0, done.err
    assert "Network: recipe, data and seed unchanged, taken from the cache" in done.err
    assert "Verilated model: unchanged, taken from the cache" in done.err
    assert f"Report: {tmp_path / 'again' / 'report.html'}" in done.err
    first = json.loads((finished_run.folder / "report.json").read_text())
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    for record in (first, again):
        del record["detail"]["seconds"]
    assert again == first
    for figure in ("mW", "µJ", "estimate"):
        assert figure in done.out


def test_report_shows_the_table_and_makes_the_page_again(run_command, finished_run, tmp_path):
    shutil.copy(finished_run.folder / "report.json", tmp_path)
    done = run_command("report", tmp_path)
    assert done.status == 0
    assert "small" in done.out
    assert "µJ" in done.out
    assert (tmp_path / "report.html").read_text().rstrip().endswith("</html>")
    as_json = run_command("report", tmp_path, "--json")
    assert json.loads(as_json.out) == json.loads(finished_run.out)
