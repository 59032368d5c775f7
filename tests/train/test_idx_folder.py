from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from train import data, idx_folder
from train.catalogue import SETS
from train.data import load_dataset
from train.download import RemoteFile, Source


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch, tmp_path):
    for each in SETS.values():
        monkeypatch.delenv(each.variable, raising=False)
    monkeypatch.setenv("SPIKEFORGE_OFFLINE", "1")
    monkeypatch.setattr(data, "cache_folder", lambda name: tmp_path / "no-cache" / name)
    monkeypatch.setattr(idx_folder, "VALIDATION", 20)


def write(folder, names, train, test, first=0, classes=10):
    """Four IDX files of random pixels; returns the training images as they lie in the file."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(3)
    kept = []
    for name, count in zip(names, (train, train, test, test), strict=True):
        if "images" in name:
            kept.append(random.integers(0, 256, (count, 28, 28)).astype(np.uint8))
            raw = struct.pack(">4I", 0x803, count, 28, 28) + kept[-1].tobytes()
        else:
            labels = (first + np.arange(count) % classes).astype(np.uint8)
            raw = struct.pack(">2I", 0x801, count) + labels.tobytes()
        (folder / name).write_bytes(raw)
    return kept[0]


USUAL = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip


def emnist(split):
    return tuple(f"emnist-{split}-{name.replace('t10k', 'test')}" for name in USUAL)


def test_fashion_is_found_by_its_own_variable_and_in_debians_folder(tmp_path, monkeypatch):
    write(tmp_path / "named", USUAL, 30, 4)
    write(tmp_path / "debian", USUAL, 30, 5)
    entry = replace(SETS["fashion"], folders=(str(tmp_path / "debian"),))
    monkeypatch.setitem(SETS, "fashion", entry)
    found = load_dataset(None, "fashion")
    assert (found.name, len(found.test), found.shape) == ("Fashion-MNIST", 5, (1, 28, 28))
    assert found.class_names[7] == "Sneaker"
    monkeypatch.setenv("SPIKEFORGE_FASHION", str(tmp_path / "named"))
    assert len(load_dataset(None, "fashion").test) == 4


def test_fashion_does_not_look_in_mnists_folder(tmp_path, monkeypatch):
    write(tmp_path / "mnist", USUAL, 30, 4)
    monkeypatch.setenv("SPIKEFORGE_DATA", str(tmp_path / "mnist"))
    monkeypatch.setitem(SETS, "fashion", replace(SETS["fashion"], folders=()))
    with pytest.raises(
        SpikeforgeError,
        match=r"no Fashion-MNIST at hand: .* --data DIR or SPIKEFORGE_FASHION, or install Debian's",
    ):
        load_dataset(None, "fashion")


def test_mnist_given_as_fashion_is_noticed_by_its_labels(tmp_path, monkeypatch):
    write(tmp_path / "d", USUAL, 30, 4)
    raw = (tmp_path / "d" / USUAL[1]).read_bytes()
    file = RemoteFile(USUAL[1], len(raw), hashlib.md5(raw).hexdigest())
    monkeypatch.setitem(idx_folder.SOURCES, "mnist", Source("MNIST", (), (file,)))
    assert load_dataset(tmp_path / "d").name == "MNIST"
    with pytest.raises(
        SpikeforgeError,
        match=r"labels of MNIST, where Fashion-MNIST is asked for.*data = \"mnist\"",
    ):
        load_dataset(tmp_path / "d", "fashion")


def test_emnist_lies_on_its_side_in_the_file_and_upright_in_the_set(tmp_path):
    raw = write(tmp_path / "d", emnist("balanced"), 60, 8, classes=47)
    found = load_dataset(tmp_path / "d", "emnist-balanced")
    assert np.array_equal(found.train_images[5], raw[5].T)
    assert (found.classes, found.class_names[10], found.class_names[46]) == (47, "A", "t")


def test_emnists_validation_images_are_the_last_ones_as_many_as_test_images(tmp_path):
    write(tmp_path / "d", emnist("digits"), 60, 8)
    found = load_dataset(tmp_path / "d", "emnist-digits")
    assert (found.validation_at, len(found.validation), len(found.training)) == (52, 8, 52)


def test_emnists_letters_count_from_one_in_the_file(tmp_path):
    write(tmp_path / "d", emnist("letters"), 60, 8, first=1, classes=26)
    found = load_dataset(tmp_path / "d", "emnist-letters")
    assert found.classes == 26
    assert found.train_labels[:27].tolist() == [*range(26), 0]
    write(tmp_path / "d", emnist("letters"), 60, 8, first=0, classes=26)
    with pytest.raises(SpikeforgeError, match=r"label 0 must be in 1\.\.26, not 0"):
        load_dataset(tmp_path / "d", "emnist-letters")


def test_another_split_of_emnist_is_no_stand_in(tmp_path):
    write(tmp_path / "d", emnist("digits"), 60, 8)
    with pytest.raises(SpikeforgeError, match=r"holds no emnist-balanced-train-images-idx3-ubyte"):
        load_dataset(tmp_path / "d", "emnist-balanced")


def test_an_unknown_set_is_refused_with_the_known_ones():
    with pytest.raises(SpikeforgeError, match=r"mnist, fashion, .*not 'fashon'.*'fashion'"):
        load_dataset(None, "fashon")
