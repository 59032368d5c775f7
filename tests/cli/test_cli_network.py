"""Commands on a network file, as a person and as a program uses them."""

from __future__ import annotations

import json

import pytest

from spikeforge.netfile import load_network


@pytest.fixture
def record(run_command):
    """Run a command with --json: one object, nothing else on standard output."""

    def call(*args):
        done = run_command(*args, "--json")
        assert done.status == 0, done.err
        found = json.loads(done.out)
        assert isinstance(found, dict)
        return found

    return call


def test_inspect_tells_what_is_in_the_file(run_command, record, network_file):
    network = load_network(network_file)
    found = record("inspect", network_file)
    assert found["network"] == {
        "name": "tiny", "architecture": network.architecture_hash(),
        "content": network.content_hash,
    }  # fmt: skip
    assert [layer["outputs"] for layer in found["structure"]["layers"]] == [12, 10]
    assert found["weight_bits_total"] == 4 * (784 * 12 + 12 * 10)
    shown = run_command("inspect", network_file).out
    for text in ("784 -> 12", "12 -> 10", "weights 4 bits", "threshold 40", "10.00%"):
        assert text in shown


def test_inspect_prints_odd_names_as_they_are(run_command, edit_own_network):
    done = run_command("inspect", edit_own_network(dataset="[/red] [bold]mine[/]"))
    assert done.status == 0
    assert "[/red] [bold]mine[/]" in done.out


def test_rtl_writes_verilog_and_content(run_command, record, network_file, tmp_path):
    found = record("rtl", network_file, "--out", tmp_path / "a", "--lanes", 4)
    files = [name.removeprefix(f"{tmp_path / 'a'}/") for name in found["files"]]
    assert "rtl/accelerator.v" in files
    assert "weights/content.bin" in files
    for name in files:
        assert (tmp_path / "a" / name).stat().st_size
    network = load_network(network_file)
    assert found["network"]["architecture"] == network.architecture_hash(lanes=4)
    done = run_command("rtl", network_file, "--out", tmp_path / "[/b]", "--memory", "init")
    assert done.status == 0
    assert "hidden1: 12 neurons in 1 groups of 12 lanes" in done.out
    assert str(tmp_path / "[/b]" / "rtl" / "accelerator.v") in done.out.splitlines()
    assert not (tmp_path / "[/b]" / "weights" / "content.bin").exists()


def test_simulate_is_exact_on_every_image(record, finished_run, data):
    found = record("simulate", finished_run.network, "--data", data, "--lanes", 8)
    assert found["exact"] == {"images": 12, "class_mismatches": 0, "cycle_mismatches": 0}
    assert found["dataset"] == {"name": "MNIST", "split": "test", "images": 12}
    assert found["accuracy"]["rtl"] == found["accuracy"]["quantized"]
    assert 0 < found["cycles"]["efficiency"] <= 1


def test_simulate_says_so_in_words(run_command, finished_run, data):
    done = run_command("simulate", finished_run.network, "--data", data, "--images", 3,
                       "--lanes", 8, "--workers", 1)  # fmt: skip
    assert done.status == 0
    assert "on 3 images" in done.out
    assert "0 classes or membranes, 0 cycle counts" in done.out
    assert "M cycles/s" in done.out


def test_verify_compares_events_with_and_without_stalls(record, finished_run, data):
    found = record("verify", finished_run.network, "--data", data, "--images", 2, "--lanes", 8,
                   "--seed", 5)  # fmt: skip
    assert found["exact"] == {"event_images": 2, "event_mismatches": 0, "cycle_mismatches": 0}


def test_power_is_called_an_estimate(run_command, finished_run, data):
    done = run_command("power", finished_run.network, "--data", data, "--images", 5, "--lanes", 8)
    assert done.status == 0
    for text in ("estimate", "mW", "µJ", "ihp-sg13g2"):
        assert text in done.out


@pytest.mark.parametrize("by", ["reference", "rtl"])
def test_classify_a_picture(run_command, record, finished_run, picture, by):
    more = ["--rtl"] if by == "rtl" else []
    found = record("classify", finished_run.network, picture, picture, "--lanes", 8, *more)
    assert found["by"] == by
    assert [answer["image"] for answer in found["images"]] == [str(picture)] * 2
    answer = found["images"][0]
    assert answer["class"] == answer["membranes"].index(max(answer["membranes"]))
    assert answer["margin"] >= 0
    done = run_command("classify", finished_run.network, picture)
    assert done.out.startswith(f"{picture}: {answer['class']}  (margin over the next class: ")
    assert len(done.out.splitlines()) == 1


def test_doctor_finds_this_machine_in_order(run_command, record):
    found = {item["name"]: item for item in record("doctor")["findings"]}
    assert found["g++"]["state"] == found["Verilator"]["state"] == "ok"
    assert found["data"]["mend"]
    assert "Verilator" in run_command("doctor").out


def test_doctor_without_tools_is_bad_input(run_command, monkeypatch):
    monkeypatch.setenv("PATH", "")
    done = run_command("doctor", "--json")
    assert done.status == 2
    states = {item["name"]: item["state"] for item in json.loads(done.out)["findings"]}
    assert states["g++"] == "error"


def test_train_writes_a_network(run_command, record, recipe, data, tmp_path):
    path, out = recipe(), tmp_path / "[/net].safetensors"
    found = record("train", path, "--data", data, "--out", out, "--seed", 7)
    network = load_network(out)
    assert found["network"]["content"] == network.content_hash
    assert found["accuracy"]["quantized"] == network.metadata.accuracy_quantized
    assert network.metadata.seed == 7
    before = out.read_bytes()
    again = run_command("train", path, "--data", data, "--out", out, "--seed", 7)
    assert "unchanged, taken from the cache" in again.err
    assert f"Written to {out}" in again.out
    assert out.read_bytes() == before
