"""CIFAR-10 from its binary files: records of one label byte and 3 x 32 x 32 pixels.

The Python version of the set is pickles, which run code when they are read; it is refused.
Format: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from train.catalogue import ImageSet
from train.dataset import Dataset

__all__ = ["holds_cifar", "read_cifar"]

VALIDATION = 5_000
RECORDS = 10_000
_SHAPE = (3, 32, 32)
_RECORD_BYTES = 1 + 3 * 32 * 32
_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = "test_batch.bin"
_INNER = "cifar-10-batches-bin"  # what the archive unpacks to


def holds_cifar(folder: Path) -> bool:
    """Whether all six binary files are in a folder."""
    return all((_inside(folder) / name).is_file() for name in (*_TRAIN, _TEST))


def read_cifar(folder: Path, chosen: ImageSet) -> Dataset:
    """Read the binary version; the last 5,000 training images are the validation split.

    Args:
        folder: With the six ``.bin`` files, or the folder that the archive unpacks to inside.
        chosen: The entry of the set.

    Raises:
        SpikeforgeError: If a file is missing, truncated, too long, or holds other labels; if the
            folder holds the Python version.
    """
    inside = _inside(folder)
    for name in (*_TRAIN, _TEST):
        if not (inside / name).is_file():
            raise SpikeforgeError(_missing(folder, name))
    parts = [_batch(inside / name, chosen.classes) for name in _TRAIN]
    test_images, test_labels = _batch(inside / _TEST, chosen.classes)
    images = np.concatenate([each for each, _ in parts])
    return Dataset(
        name=chosen.name, train_images=images,
        train_labels=np.concatenate([each for _, each in parts]),
        test_images=test_images, test_labels=test_labels, split="test",
        validation_at=len(images) - VALIDATION, validation_size=VALIDATION,
        class_names=chosen.class_names,
    )  # fmt: skip


def _inside(folder: Path) -> Path:
    return folder / _INNER if (folder / _INNER).is_dir() else folder


def _missing(folder: Path, name: str) -> str:
    pickles = [folder / "data_batch_1", folder / "cifar-10-batches-py" / "data_batch_1"]
    if any(path.is_file() for path in pickles):
        return (
            f"{folder}: holds the Python version of CIFAR-10, pickles that could run any code; "
            f"use the binary version, cifar-10-binary.tar.gz, unpacked"
        )
    return (
        f"{folder}: holds no {name}; --data takes a folder with the six files of CIFAR-10's "
        f"binary version, cifar-10-binary.tar.gz, unpacked"
    )


def _batch(path: Path, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    wanted = RECORDS * _RECORD_BYTES
    try:
        with path.open("rb") as file:
            data = file.read(wanted + 1)
    except OSError as error:
        raise SpikeforgeError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(data) != wanted:
        state = "too long: more than" if len(data) > wanted else "truncated:"
        raise SpikeforgeError(
            f"{path}: {state} {min(len(data), wanted)} bytes, where {RECORDS} records of "
            f"{_RECORD_BYTES} bytes are {wanted}; copy or unpack the file again"
        )
    table = np.frombuffer(data, np.uint8).reshape(RECORDS, _RECORD_BYTES)
    labels, images = table[:, 0].copy(), table[:, 1:].reshape(-1, *_SHAPE).copy()
    if labels.max() >= classes:
        at = int(np.argmax(labels >= classes))
        raise SpikeforgeError(
            f"{path}: label {at} must be in 0..{classes - 1}, not {labels[at]}; copy or unpack the "
            f"file again"
        )
    return images, labels
