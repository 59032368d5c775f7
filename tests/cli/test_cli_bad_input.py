"""Bad input gives one clear line, status 2, nothing on standard output, and nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import pickle
import struct

import numpy as np
import pytest
from PIL import Image

from spikeforge.netfile import load_network


@pytest.fixture
def refused(run_command):
    """Run a command that must be refused; returns its line."""

    def call(*args):
        done = run_command(*args)
        assert (done.status, done.out) == (2, ""), done.err
        told = [line for line in done.err.splitlines() if not line.startswith(("Data:", "Note:"))]
        assert len(told) == 1, done.err
        assert told[0].startswith("error: ")
        return told[0]

    return call


@pytest.fixture
def _no_training(monkeypatch):
    def trained(*args):
        raise AssertionError("training began before the input was checked")

    monkeypatch.setattr("spikeforge.cli.flow.train_or_reuse", trained)


def test_idx_truncated(refused, network_file, own_data):
    path = own_data / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    said = refused("simulate", network_file, "--data", own_data)
    assert f"{path}: truncated: 9407 bytes of images, where its header promises 9408" in said


def test_idx_of_the_wrong_magic(refused, network_file, own_data):
    path = own_data / "t10k-images-idx3-ubyte"
    path.write_bytes(struct.pack(">4I", 0x801, 12, 28, 28) + bytes(9408))
    said = refused("power", network_file, "--data", own_data)
    assert "its magic number must be 0x00000803, not 0x00000801" in said


def test_idx_of_other_sizes(refused, network_file, own_data):
    path = own_data / "t10k-images-idx3-ubyte"
    path.write_bytes(struct.pack(">4I", 0x803, 12, 32, 32) + bytes(12 * 1024))
    said = refused("verify", network_file, "--data", own_data)
    assert "images must be 28 x 28 pixels, not 32 x 32" in said


def test_idx_labels_out_of_range(refused, recipe, own_data, tmp_path):
    path = own_data / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(struct.pack(">2I", 0x801, 12) + bytes([10] * 12))
    said = refused("train", recipe(), "--data", own_data, "--out", tmp_path / "net")
    assert "label 0 must be in 0..9, not 10" in said
    assert not (tmp_path / "net").exists()


def test_a_data_folder_that_is_none(refused, network_file, tmp_path):
    said = refused("simulate", network_file, "--data", tmp_path / "none")
    assert "no such folder; --data takes a folder with MNIST's four IDX files" in said
    assert "holds no train-images" in refused("simulate", network_file, "--data", tmp_path)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
@pytest.mark.usefixtures("_no_training")
def test_a_read_only_output_folder(refused, monkeypatch, recipe, network_file, tmp_path, code):
    def refuse(*args, **options):
        raise OSError(code, os.strerror(code))

    source = recipe()
    monkeypatch.setattr("spikeforge.files.tempfile.TemporaryFile", refuse)
    for command in (
        ["run", "--recipe", source, "--out", tmp_path / "o"],
        ["train", source, "--out", tmp_path / "o" / "net"],
        ["rtl", network_file, "--out", tmp_path / "o"],
    ):
        said = refused(*command)
        assert f"{tmp_path / 'o'}: cannot be written ({os.strerror(code)})" in said
        assert "choose another place with --out" in said


def test_a_file_where_the_output_folder_should_be(refused, network_file, tmp_path):
    (tmp_path / "o").write_text("mine")
    assert "File exists" in refused("rtl", network_file, "--out", tmp_path / "o")
    assert (tmp_path / "o").read_text() == "mine"


def test_report_on_a_folder_without_a_run(refused, tmp_path):
    said = refused("report", tmp_path)
    assert f"{tmp_path}: no run in this folder (there is no report.json); do `spikeforge" in said
    assert os.listdir(tmp_path) == []
    assert "no run in this folder" in refused("report", tmp_path / "none")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size", "batchsize", "unknown key training.batchsize (did you mean 'batch_size'?)"),
        ("epochs = 2", "epochs = 0", "training.epochs should be greater than or equal to 1, not 0"),
        ("[16]", "[0]", "network.hidden.0 should be greater than or equal to 1, not 0"),
        ("seed = 3", "seed = ", "not a TOML file (Invalid value"),
        ('name = "small"', "", "name is missing"),
    ],
)
def test_a_wrong_recipe(refused, recipe, tmp_path, old, new, message):
    path = recipe(old, new)
    for command in (["run", "--recipe", path], ["train", path, "--out", tmp_path / "net"]):
        assert message in refused(*command)
    assert not (tmp_path / "net").exists()


def test_a_misspelt_rule(refused, recipe, data, tmp_path):
    path = recipe("seed = 3", 'rule = "windwed"')
    said = refused("train", path, "--data", data, "--out", tmp_path / "net")
    assert "rule must be one of bpsta, hm2-bp, lee2016, st-rsbp, stdbp, stidi-bp, " in said
    assert "windowed, not 'windwed' (did you mean 'windowed'?)" in said


def test_a_misspelt_recipe(refused):
    said = refused("run", "--recipe", "mnist-tinny")
    assert "no recipe 'mnist-tinny' (did you mean 'mnist-tiny'?); there are fashion-" in said
    assert "none.toml: no such recipe file" in refused("train", "none.toml", "--out", "x")


@pytest.mark.parametrize("command", [["inspect"], ["rtl", "--out", "o"], ["simulate"], ["verify"],
                                     ["power"], ["classify", "a.png"]])  # fmt: skip
def test_a_damaged_network_file(refused, own_network, command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    name, *rest = command
    whole = own_network.read_bytes()
    for data, message in (
        (whole[:-10], "not a whole safetensors file"),
        (whole.replace(b'seed\\": 0', b'seed\\": 1'), "the header was edited"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "the tensors were edited"),
        (whole.replace(b'schema_version\\": 1', b'schema_version\\": 2'), "schema_version must be"),
        (pickle.dumps({"weights": [1, 2]}), "looks like a pickle or torch.save file"),
    ):
        assert data != whole
        own_network.write_bytes(data)
        assert message in refused(name, own_network, *rest)
    assert os.listdir(tmp_path) == [own_network.name]
    own_network.unlink()
    assert "no such network file" in refused(name, own_network, *rest)


@pytest.mark.parametrize("lanes", [0, -1, 13])
def test_lanes_that_do_not_fit(refused, network_file, picture, tmp_path, lanes):
    for command in (
        ["rtl", network_file, "--out", tmp_path / "o"], ["simulate", network_file],
        ["verify", network_file], ["power", network_file], ["classify", network_file, picture],
    ):  # fmt: skip
        said = refused(*command, "--lanes", lanes)
        assert f"lanes must be in 1..12, the width of the widest layer of tiny, not {lanes}" in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(("lanes", "hidden", "widest"), [(0, 16, 16), (17, 16, 16), (11, 4, 10)])
@pytest.mark.usefixtures("_no_training")
def test_lanes_are_checked_before_training(refused, recipe, tmp_path, lanes, hidden, widest):
    path = recipe("[16]", f"[{hidden}]")
    said = refused("run", "--recipe", path, "--lanes", lanes, "--out", tmp_path / "o")
    assert f"lanes must be in 1..{widest}, the width of the widest layer of small" in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("clock", ["0", "-5", "nan", "1e9"])
@pytest.mark.usefixtures("_no_training")
def test_a_clock_that_no_circuit_has(refused, network_file, recipe, data, clock):
    for command in (["power", network_file, "--data", data], ["run", "--recipe", recipe()]):
        assert "clock" in refused(*command, "--clock-mhz", clock)


@pytest.mark.usefixtures("_no_training")
def test_an_unknown_technology(refused, network_file, recipe):
    for command in (["power", network_file], ["run", "--recipe", recipe()]):
        said = refused(*command, "--technology", "ihp-sg13g3")
        assert "did you mean 'ihp-sg13g2'?" in said


@pytest.mark.parametrize("count", [0, 13])
@pytest.mark.usefixtures("_no_training")
def test_more_images_than_there_are(refused, network_file, recipe, data, tmp_path, count):
    for command in ("simulate", "verify", "power"):
        said = refused(command, network_file, "--data", data, "--images", count)
        assert f"--images must be in 1..12, the test images of MNIST, not {count}" in said
    run = ["run", "--recipe", recipe(), "--data", data, "--out", tmp_path / "o"]
    assert "--images must be in 1..12" in refused(*run, "--images", count, "--cocotb-images", 1)
    assert "--cocotb-images must be in 1..12" in refused(*run, "--cocotb-images", count)


def test_workers_below_one(refused, network_file):
    assert "--workers must be a positive integer, not 0" in refused(
        "simulate", network_file, "--workers", 0
    )


@pytest.mark.usefixtures("_no_training")
def test_no_compiler(refused, monkeypatch, network_file, recipe, data, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SPIKEFORGE_CACHE", str(tmp_path / "cache"))
    for command in (
        ["run", "--recipe", recipe(), "--data", data, "--out", tmp_path / "o"],
        ["simulate", network_file, "--data", data],
        ["verify", network_file, "--data", data, "--images", 2],
    ):
        said = refused(*command)
        assert "no C++ compiler (g++) and no make and no perl found on PATH; install them" in said


def test_a_full_disk_while_a_network_is_written(refused, monkeypatch, own_network, tmp_path):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = own_network.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    said = refused("rtl", own_network, "--out", tmp_path / "o")
    assert "the disk is full; free some space and run again, nothing was lost" in said
    assert own_network.read_bytes() == before
    assert [path for path in (tmp_path / "o").rglob("*") if path.is_file()] == []


def test_a_full_disk_during_a_build_is_one_line_too(refused, monkeypatch, own_network, data):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device", "/cache/obj")

    monkeypatch.setattr("sim.simulate.build_model", full)
    said = refused("simulate", own_network, "--data", data)
    assert said.startswith("error: /cache/obj: the disk is full; free some space")


def test_pictures_that_are_none(refused, network_file, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "black.png")
    for name, message in (
        ("none.png", "no such file; name a picture of a digit"),
        ("text.png", "is not a picture that can be read"),
        ("black.png", "no digit can be seen"),
    ):
        assert message in refused("classify", network_file, tmp_path / name)


def test_a_report_of_another_schema(refused, tmp_path):
    (tmp_path / "report.json").write_text(json.dumps({"schema": 2}))
    assert "schema must be 1, not 2" in refused("report", tmp_path)
    assert os.listdir(tmp_path) == ["report.json"]


def test_with_json_errors_stay_off_standard_output(refused, own_network):
    own_network.write_bytes(b"")
    assert "not a whole safetensors file" in refused("inspect", own_network, "--json")


def test_the_tiny_network_itself_is_all_right(network_file):
    assert load_network(network_file).name == "tiny"
