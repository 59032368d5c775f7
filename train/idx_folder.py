"""A folder with the four IDX files of MNIST, Fashion-MNIST or one of EMNIST's splits."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from train.catalogue import ImageSet
from train.dataset import Dataset
from train.download import SOURCES
from train.idx import check_pair, read_images, read_labels

__all__ = ["holds_idx_set", "read_idx_set"]

VALIDATION = 6_000
_USUAL = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
)  # fmt: skip


@dataclass(frozen=True)
class _Layout:
    """How one set is kept in its files.

    Attributes:
        names: Training images, training labels, test images, test labels; without ``.gz``.
        first_label: The file's number of the first class.
        transposed: The images lie on their side, rows and columns exchanged.
        validation_last: The validation images are the last ones of the training set, as many as
            there are test images; else the first 6,000.
    """

    names: tuple[str, ...]
    first_label: int = 0
    transposed: bool = False
    validation_last: bool = False


def _layout(chosen: ImageSet) -> _Layout:
    if not chosen.key.startswith("emnist-"):
        return _Layout(_USUAL)
    names = tuple(f"{chosen.key}-{name.replace('t10k', 'test')}" for name in _USUAL)
    return _Layout(names, int(chosen.key == "emnist-letters"), True, True)


def holds_idx_set(folder: Path, chosen: ImageSet) -> bool:
    """Whether all four files of a set are in a folder."""
    return all(_find(folder, name) is not None for name in _layout(chosen).names)


def read_idx_set(folder: Path, chosen: ImageSet) -> Dataset:
    """Read a set from a folder, its files gzipped or not.

    Raises:
        SpikeforgeError: If a file is missing, damaged, of another set, or the counts do not match.
    """
    layout = _layout(chosen)
    paths = [_find(folder, name) for name in layout.names]
    for name, path in zip(layout.names, paths, strict=True):
        if path is None:
            raise SpikeforgeError(
                f"{folder}: holds no {name} (or {name}.gz); --data takes a folder with "
                f"{chosen.files}"
            )
    found = [path for path in paths if path is not None]
    train_images, train_labels = _pair(found[0], found[1], chosen, layout)
    test_images, test_labels = _pair(found[2], found[3], chosen, layout)
    size = len(test_images) if layout.validation_last else VALIDATION
    if len(train_images) <= size:
        raise SpikeforgeError(
            f"{found[0]}: training needs more than the {size} validation images, "
            f"not {len(train_images)}; use the whole training set"
        )
    return Dataset(
        name=chosen.name, train_images=train_images, train_labels=train_labels,
        test_images=test_images, test_labels=test_labels, split="test",
        validation_at=len(train_images) - size if layout.validation_last else 0,
        validation_size=size, class_names=chosen.class_names,
    )  # fmt: skip


def _find(folder: Path, name: str) -> Path | None:
    stem, kind, rest = name.rsplit("-", 2)
    for base in (name, f"{stem}.{kind}-{rest}"):
        for candidate in (folder / f"{base}.gz", folder / base):
            if candidate.is_file():
                return candidate
    return None


def _pair(
    images_path: Path, labels_path: Path, chosen: ImageSet, layout: _Layout
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    labels = read_labels(labels_path, chosen.classes, layout.first_label)
    _check_origin(labels_path, labels, chosen)
    images = read_images(images_path)
    check_pair(images_path, labels_path, images, labels)
    if layout.transposed:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
    return images, labels


def _check_origin(path: Path, labels: NDArray[np.uint8], chosen: ImageSet) -> None:
    """MNIST and Fashion-MNIST have the same file names; their labels tell them apart."""
    content = struct.pack(">II", 0x801, len(labels)) + labels.tobytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    for key, source in SOURCES.items():
        if key != chosen.key and found in [file.md5 for file in source.files]:
            raise SpikeforgeError(
                f"{path}: these are the labels of {source.name}, where {chosen.name} is asked for; "
                f'give the folder of {chosen.name}, or set data = "{key}" in the recipe'
            )
