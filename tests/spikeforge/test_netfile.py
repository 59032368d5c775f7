"""The network file: what is not a whole, unedited network is refused with one line."""

from __future__ import annotations

import errno
import json
import os
import pickle

import numpy as np
import pytest
from safetensors.numpy import save

from spikeforge import netfile
from spikeforge.errors import SpikeforgeError
from spikeforge.netfile import load_network, save_network
from spikeforge.network import Metadata, Network

HEADER = {"schema_version", "name", "input", "layers", "readout", "metadata", "architecture",
          "content", "digest"}  # fmt: skip
METADATA = {"dataset", "split", "accuracy_float", "accuracy_quantized", "recipe", "seed",
            "package_version", "scales", "history"}  # fmt: skip


@pytest.fixture
def file(parts, tmp_path):
    path = tmp_path / "net.safetensors"
    save_network(Network(**parts), path)
    return path


def refused(path, message):
    with pytest.raises(SpikeforgeError, match=message) as caught:
        load_network(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert said.isprintable()
    assert len(said) < 500


def outer(text, body=b""):
    return len(text).to_bytes(8, "little") + text + body


def test_the_header_says_everything_the_design_asks_for(file):
    data = file.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    entry = json.loads(header["__metadata__"]["spikeforge"])
    assert set(entry) == HEADER
    assert set(entry["metadata"]) == set(Metadata.model_fields) == METADATA
    assert (entry["schema_version"], entry["metadata"]["seed"]) == (1, 3)


def test_weights_take_a_byte_each(file):
    data = file.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header["hidden0.weight"]["dtype"] == "I8"
    assert header["hidden0.bias"]["dtype"] == "I64"


def test_a_missing_file_and_a_folder(tmp_path):
    refused(tmp_path / "none", "no such network file; make one with 'spikeforge train'")
    refused(tmp_path, r"cannot be read \(Is a directory\)")


def test_a_file_beyond_the_limit_is_neither_read_nor_written(file, monkeypatch, make_network):
    monkeypatch.setattr(netfile, "MAX_FILE_BYTES", 100)
    refused(file, rf"a network file has at most 100 bytes, not {file.stat().st_size}")
    with pytest.raises(SpikeforgeError, match="at most 100 bytes"):
        save_network(make_network(), file.with_name("other"))
    assert not file.with_name("other").exists()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_never_opened(tmp_path, protocol):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    path = tmp_path / "net.safetensors"
    path.write_bytes(pickle.dumps({"a": Trap()}, protocol))
    refused(path, "looks like a pickle or torch.save file, which is never opened")
    assert not (tmp_path / "trapped").exists()


def test_a_torch_file_renamed_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"PK\x03\x04" + bytes(100))  # torch.save writes a zip archive
    refused(path, "looks like a pickle or torch.save file")


@pytest.mark.parametrize("length", [0x280, 0x480])
def test_a_truncated_file_is_not_taken_for_a_pickle(tmp_path, length):
    path = tmp_path / "net.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b'{"__metadata__":{')
    refused(path, "not a whole safetensors file .* copy or export it again")


@pytest.mark.parametrize("length", [1 << 25, 1 << 63, (1 << 64) - 1])
def test_a_huge_header_length_is_refused(tmp_path, length):
    path = tmp_path / "net.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}")
    refused(path, f"header would have {length} bytes, at most 16777216 are allowed")


@pytest.mark.parametrize(
    "data",
    [
        save({"a": np.zeros(3, np.float32)}),
        save({"a": np.zeros(3, np.float32)}, {"format": "pt"}),
        outer(b"{}"),
        outer(b'{"__metadata__": null}'),
        outer(b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}', b"\0\0"),
    ],
)
def test_a_plain_safetensors_file_is_told_apart(tmp_path, data):
    path = tmp_path / "net.safetensors"
    path.write_bytes(data)
    refused(path, "a safetensors file, but no Spikeforge network")


def test_a_kind_of_number_without_integers_is_refused(file):
    text = file.read_bytes()
    length = int.from_bytes(text[:8], "little")
    header = json.loads(text[8 : 8 + length])
    header["hidden0.weight"]["dtype"] = "F8_E4M3"
    file.write_bytes(outer(json.dumps(header).encode(), text[8 + length :]))
    refused(file, "tensors must hold integers, not 'F8_E4M3'")


@pytest.mark.parametrize("entry", ["", "[1]", '"schema_version"', "{}", "[" * 100_000, "1" * 9999])
def test_an_entry_that_is_no_header_is_refused(tmp_path, entry):
    path = tmp_path / "net.safetensors"
    path.write_bytes(outer(json.dumps({"__metadata__": {"spikeforge": entry}}).encode()))
    refused(path, "the 'spikeforge' header entry is not a network's")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_schema_is_refused(file, edit_file, version):
    edit_file(file, lambda entry: entry.update(schema_version=version))
    refused(file, f"schema_version must be 1, not {version!r}; update Spikeforge, or export")


def test_an_edited_header_is_refused(file, edit_file):
    edit_file(file, lambda entry: entry["metadata"].update(accuracy_quantized=1.0), sign=False)
    refused(file, "the header was edited .* export the network again")


def test_a_header_without_its_digest_is_refused(file, edit_file):
    edit_file(file, lambda entry: entry.pop("digest"), sign=False)
    refused(file, "the header was edited")


def test_edited_tensors_are_refused(file):
    data = bytearray(file.read_bytes())
    data[-1] = 0 if data[-1] else 1  # the last byte of the last weight
    file.write_bytes(data)
    refused(file, r"the tensors were edited \(content hash [0-9a-f]{12}, the header says")


def test_swapped_numbers_within_their_width_are_refused(file):
    network = load_network(file)
    start = 8 + int.from_bytes(file.read_bytes()[:8], "little")
    data = bytearray(file.read_bytes())
    at = data.index(network.weight("hidden0").tobytes(), start)
    data[at : at + 24] = network.weight("hidden0")[::-1].tobytes()
    file.write_bytes(data)
    refused(file, "the tensors were edited")


def neuron(at, **changes):
    return lambda entry: entry["layers"][at]["neuron"].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.update(extra=1), "unknown key extra"),
        (lambda e: e["metadata"].update(sead=1), "unknown key metadata.sead .*'seed'"),
        (neuron(0, colour="red"), "unknown key layers.0.dense.neuron.colour"),
        (lambda e: e.pop("readout"), "readout is missing"),
        (lambda e: e.update(schema_version=True), "schema_version should be a valid integer"),
        (lambda e: e["metadata"]["scales"].update(readout=float("nan")),
         "metadata.scales.readout should be a finite number, not nan"),
        (lambda e: e["metadata"]["scales"].update(readout=float("inf")), "should be a finite"),
        (lambda e: e["metadata"]["scales"].update(readout=-0.1),
         "metadata.scales.readout must be a finite number above 0, not -0.1"),
        (lambda e: e["metadata"].update(accuracy_quantized=1.5), "accuracy_quantized should be"),
        (lambda e: e["layers"][0].update(weight_bits=2), r"hidden0.weight must lie in -2\.\.1"),
        (lambda e: e["layers"][0].update(weight_bits=99), "weight_bits should be less than or"),
        (lambda e: e["layers"][0].update(kind="lstm"), "layers.0 tag 'lstm' .* does not match"),
        (lambda e: e["layers"][1].update(inputs=9), "the shapes must chain"),
        (lambda e: e["input"].update(shape=[1, 28, 28]), "takes 6 inputs, but input gives 784"),
        (neuron(0, membrane_bits=3), r"hidden0.neuron.membrane_bits must be at least \d+,"),
        (neuron(0, leak=3), "unknown key layers.0.dense.neuron.leak"),
        (lambda e: e.update(layers=[]), "layers Tuple should have at least 1 item"),
        (lambda e: e["readout"].update(classes=1 << 40), "readout.classes should be less than or"),
        (lambda e: e.update({"a\nb\x1b": 1}), "unknown key"),
    ],
)  # fmt: skip
def test_a_header_signed_again_is_still_checked_field_by_field(file, edit_file, change, message):
    edit_file(file, change)
    refused(file, message)


@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_network(file, monkeypatch, make_network, place):
    before = file.read_bytes()

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, place, full)
    with pytest.raises(SpikeforgeError, match=f"{file}: the disk is full"):
        save_network(make_network(seed=5), file)
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]
