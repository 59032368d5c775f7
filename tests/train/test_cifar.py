from __future__ import annotations

import pickle

import pytest

from spikeforge.errors import SpikeforgeError
from train import cifar
from train.data import load_dataset

RECORDS = 6  # of a file here; 10,000 in the real one
NAMES = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The six files; a record is a label, then 1024 red, 1024 green and 1024 blue bytes."""
    monkeypatch.setattr(cifar, "RECORDS", RECORDS)
    monkeypatch.setattr(cifar, "VALIDATION", 4)
    for number, name in enumerate(NAMES):
        rows = [
            bytes([(number + at) % 10]) + bytes([number]) * 1024 + bytes([at]) * 1024
            + bytes(range(32)) * 32
            for at in range(RECORDS)
        ]  # fmt: skip
        (tmp_path / name).write_bytes(b"".join(rows))
    return tmp_path


def test_records_become_planes_of_red_green_and_blue(folder):
    found = load_dataset(folder, "cifar10")
    assert (found.name, found.shape, found.classes) == ("CIFAR-10", (3, 32, 32), 10)
    assert found.train_images.shape == (30, 3, 32, 32)
    red, green, blue = found.train_images[2 * RECORDS + 5]
    assert (red == 2).all()
    assert (green == 5).all()
    assert blue[7].tolist() == list(range(32))
    assert found.train_labels[2 * RECORDS + 5] == 7
    assert found.class_names[found.test_labels[1]] == "frog"


def test_the_last_training_images_are_validation(folder):
    found = load_dataset(folder, "cifar10")
    assert (found.validation_at, len(found.training), len(found.validation)) == (26, 26, 4)


def test_the_archives_own_folder_is_found_inside(folder):
    inner = folder / "cifar-10-batches-bin"
    inner.mkdir()
    for name in NAMES:
        (folder / name).rename(inner / name)
    assert len(load_dataset(folder, "cifar10").test) == RECORDS


def test_pickles_are_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").write_text, ("",))

    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(SpikeforgeError, match=r"pickles that could run any code; use the binary"):
        load_dataset(tmp_path, "cifar10")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-1], r"data_batch_3\.bin: truncated: 18437 bytes, where 6 records"),
        (lambda raw: raw + b"x", r"data_batch_3\.bin: too long: more than 18438 bytes"),
        (lambda raw: b"", r"data_batch_3\.bin: truncated: 0 bytes"),
        (lambda raw: raw[:3073] + b"\x0a" + raw[3074:], r"label 1 must be in 0\.\.9, not 10"),
    ],
    ids=["short", "long", "empty", "label"],
)
def test_damaged_files_are_refused(folder, change, message):
    path = folder / "data_batch_3.bin"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(SpikeforgeError, match=message):
        load_dataset(folder, "cifar10")


def test_a_missing_file_is_named(folder):
    (folder / "test_batch.bin").unlink()
    with pytest.raises(SpikeforgeError, match=r"holds no test_batch\.bin; --data takes .*binary"):
        load_dataset(folder, "cifar10")


def test_nothing_is_downloaded_for_it(monkeypatch):
    monkeypatch.delenv("SPIKEFORGE_CIFAR10", raising=False)
    with pytest.raises(SpikeforgeError, match=r"no CIFAR-10 at hand: .*cifar-10-binary\.tar\.gz"):
        load_dataset(None, "cifar10")
