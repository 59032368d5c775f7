"""Networks beside each other: measured once, listed with what was measured."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from deploy.compare import comparison_table, load_comparison, terminal_plot
from spikeforge.errors import SpikeforgeError
from spikeforge.netfile import load_network, save_network


@pytest.fixture
def compared(run_command, network_file, data, tmp_path):
    """A comparison of one network, and what it left."""
    html, out = tmp_path / "c.html", tmp_path / "comparison.json"
    done = run_command("compare", network_file, "--data", data, "--images", 5, "--lanes", 4,
                       "--html", html, "--out", out)  # fmt: skip
    assert done.status == 0, done.err
    return done, html, load_comparison(out).rows


def test_a_comparison_says_what_the_single_commands_say(
    compared, run_command, network_file, data
):  # fmt: skip
    done, html, (row,) = compared
    power = json.loads(run_command("power", network_file, "--data", data, "--images", 5, "--lanes",
                                   4, "--json").out)  # fmt: skip
    assert (row.name, row.shape, row.images, row.lanes) == ("tiny", "784-12-10", 5, 4)
    assert row.mismatches == 0
    assert row.content == power["network"]["content"]
    assert row.architecture == power["network"]["architecture"]
    assert row.accuracy == power["accuracy"]["rtl"]
    assert row.latency_cycles == power["cycles"]["latency"]["mean"]
    assert row.interval_cycles == power["cycles"]["interval"]["mean"]
    assert row.energy_uj == power["energy_uj"]
    assert row.power_mw == power["power_mw"]["total"]
    counted = power["workload"]["SynapticOperations"]
    assert row.operations == counted["Effective_MACs"] + counted["Effective_ACs"]
    assert row.weights == sum(int((w != 0).sum()) for w in _weights(network_file))
    assert "│ 1 │ tiny " in done.out
    assert "µJ an image (estimate)" in done.out
    page = html.read_text()
    assert "<td>tiny</td>" in page
    assert '"cost"' in page
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "://" not in own


def _weights(path):
    network = load_network(path)
    return [network.weight("hidden1"), network.weight("readout")]


def test_the_second_time_comes_from_the_cache_and_says_so(
    compared, run_command, network_file, data
):
    again = run_command("compare", network_file, "--data", data, "--images", 5, "--lanes", 4,
                        "--json")  # fmt: skip
    assert "tiny: unchanged, taken from the cache" in again.err
    assert json.loads(again.out)["rows"][0]["energy_uj"] == compared[2][0].energy_uj
    other = run_command("compare", network_file, "--data", data, "--images", 6, "--lanes", 4,
                        "--json")  # fmt: skip
    assert "tiny: unchanged" not in other.err
    assert json.loads(other.out)["rows"][0]["images"] == 6


def test_models_lists_a_folder_and_costs_of_the_same_weights_only(
    compared, run_command, network_file, tmp_path
):
    folder = tmp_path / "models"
    folder.mkdir()
    network = load_network(network_file)
    save_network(network, folder / "a.safetensors")
    other = network.weight("hidden1").copy()
    other[0, 0] ^= 1
    changed = replace(network, tensors={**network.tensors, "hidden1.weight": other})
    save_network(changed, folder / "b.safetensors")
    (folder / "comparison.json").write_text((tmp_path / "comparison.json").read_text())
    found = json.loads(run_command("models", folder, "--json").out)["models"]
    assert [one["file"].rsplit("/", 1)[1] for one in found] == ["a.safetensors", "b.safetensors"]
    assert found[0]["cost"]["energy_uj"] == compared[2][0].energy_uj
    assert found[1]["cost"] is None
    assert found[0]["accuracy_test"] == 0.1
    shown = run_command("models", folder).out
    assert "│ a " in shown
    assert "784-12-10" in shown


def test_what_cannot_be_compared_is_said_in_one_line(run_command, network_file, data, tmp_path):
    none = run_command("models", tmp_path)
    assert (none.status, none.line.split(": ", 1)[1]) == (
        2, f"{tmp_path}: no network files (*.safetensors) in this folder; name the folder of a "
        f"checkout's models, or train one with `spikeforge train`",
    )  # fmt: skip
    many = run_command("compare", network_file, "--data", data, "--images", 500)
    assert many.status == 2
    assert "--images must be in 1..12, the test images of MNIST" in many.err.splitlines()[-1]
    missing = run_command("compare", network_file, tmp_path / "no.safetensors", "--data", data)
    assert missing.status == 2
    assert "no.safetensors" in missing.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ('{"schema": 1, "rows": [{"name": 3}]}', "rows.0.name"),
        ("x" * 5_000_000, "must be at most 4194304 bytes; compare again"),
    ],
)
def test_a_broken_comparison_is_refused(tmp_path, text, message):
    path = tmp_path / "comparison.json"
    path.write_text(text)
    with pytest.raises(SpikeforgeError) as error:
        load_comparison(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_network_without_an_estimate_says_why(compared):
    row = compared[2][0].model_copy(
        update={"energy_uj": None, "power_mw": None, "latency_ms": None, "missing": "no such block"}
    )
    assert terminal_plot([row]) == ""
    caption = comparison_table([row]).caption
    assert "tiny: no estimate: no such block" in str(caption)
