"""IDX files, the format of MNIST: read whole or refused with one line, gzipped or not.

A file is untrusted: its header is checked before anything is allocated, and no more bytes are
unpacked than the header promises.
"""

from __future__ import annotations

import gzip
import zlib
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError

__all__ = ["CLASSES", "SIDE", "check_pair", "read_images", "read_labels"]

SIDE = 28
CLASSES = 10
MAX_ITEMS = 1 << 20
_IMAGES_MAGIC = 0x00000803
_LABELS_MAGIC = 0x00000801
_Read = tuple[int, int, int, NDArray[np.uint8]]
_AGAIN = "copy or download the file again"


def read_images(path: Path) -> NDArray[np.uint8]:
    """Read a file of 28 x 28 images.

    Args:
        path: An IDX file of unsigned bytes with three dimensions; gzipped if it starts so.

    Returns:
        Pixels 0..255, shape (N, 28, 28).

    Raises:
        SpikeforgeError: If the file is missing, truncated, too long, of another kind or size.
    """
    count, rows, columns, data = _read(path, _IMAGES_MAGIC, "images", dimensions=3)
    return data.reshape(count, rows, columns)


def read_labels(path: Path, classes: int = CLASSES, first: int = 0) -> NDArray[np.uint8]:
    """Read a file of labels.

    Args:
        path: An IDX file of unsigned bytes with one dimension; gzipped if it starts so.
        classes: Number of classes.
        first: The file's number of the first class.

    Returns:
        Labels 0..classes - 1, shape (N,).

    Raises:
        SpikeforgeError: If the file is missing, truncated, of another kind, or holds other labels.
    """
    *_, data = _read(path, _LABELS_MAGIC, "labels", dimensions=1)
    wrong = (data < first) | (data >= first + classes)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise SpikeforgeError(
            f"{path}: label {at} must be in {first}..{first + classes - 1}, not {data[at]}; "
            f"{_AGAIN}"
        )
    return data - np.uint8(first) if first else data


def check_pair(
    images_path: Path, labels_path: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> None:
    """Refuse images and labels that do not belong together.

    Raises:
        SpikeforgeError: If their counts differ.
    """
    if len(images) != len(labels):
        raise SpikeforgeError(
            f"{labels_path}: holds {len(labels)} labels for the {len(images)} images of "
            f"{images_path.name}; the two counts must be equal, take both files of one set"
        )


def _read(path: Path, magic: int, kind: str, dimensions: int) -> _Read:
    """Header and payload; rows and columns are 1 for a file of labels."""
    try:
        with _open(path) as stream:
            sizes = _header(path, stream, magic, kind, dimensions)
            wanted = int(np.prod(sizes))
            data = stream.read(wanted + 1)
    except FileNotFoundError:
        raise SpikeforgeError(f"{path}: no such file; check the folder given as data") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SpikeforgeError(f"{path}: not a whole gzip file ({error}); {_AGAIN}") from None
    except OSError as error:
        raise SpikeforgeError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(data) != wanted:
        state = "truncated: " if len(data) < wanted else "too long: more than "
        raise SpikeforgeError(
            f"{path}: {state}{min(len(data), wanted)} bytes of {kind}, where its header promises "
            f"{wanted}; {_AGAIN}"
        )
    count, rows, columns = (*sizes, 1, 1)[:3]
    return count, rows, columns, np.frombuffer(data, np.uint8)


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")


def _header(
    path: Path, stream: gzip.GzipFile | BufferedReader, magic: int, kind: str, dimensions: int
) -> tuple[int, ...]:
    raw = stream.read(4 + 4 * dimensions)
    found = int.from_bytes(raw[:4], "big")
    if len(raw) >= 4 and found != magic:
        raise SpikeforgeError(
            f"{path}: not an IDX file of {kind}: its magic number must be 0x{magic:08x}, "
            f"not 0x{found:08x}; check that the four files were not swapped"
        )
    if len(raw) < 4 + 4 * dimensions:
        raise SpikeforgeError(
            f"{path}: truncated: {len(raw)} bytes, where the header alone has "
            f"{4 + 4 * dimensions}; {_AGAIN}"
        )
    sizes = tuple(int.from_bytes(raw[i : i + 4], "big") for i in range(4, len(raw), 4))
    if not 1 <= sizes[0] <= MAX_ITEMS:
        raise SpikeforgeError(
            f"{path}: the number of {kind} must be in 1..{MAX_ITEMS}, not {sizes[0]}; {_AGAIN}"
        )
    if dimensions == 3 and sizes[1:] != (SIDE, SIDE):
        raise SpikeforgeError(
            f"{path}: images must be {SIDE} x {SIDE} pixels, not {sizes[1]} x {sizes[2]}; "
            f"use a data set of MNIST's size"
        )
    return sizes
