"""MNIST and Fashion-MNIST from public mirrors: checked by checksum, whole or not there at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import queue
import threading
import time
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.progress import Bar, console, progress

__all__ = ["SOURCES", "RemoteFile", "Source", "download"]

ANSWER_SECONDS = 4.0  # a mirror that says nothing for so long is given up
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class RemoteFile:
    """One file of the set, with the size and MD5 of its unpacked bytes.

    Attributes:
        name: Without ``.gz``.
        size: Unpacked, in bytes.
        md5: Of the unpacked bytes, hexadecimal.
        packed_kb: Size of the gzipped file in kB, for the progress bar only.
    """

    name: str
    size: int
    md5: str
    packed_kb: int = 1


@dataclass(frozen=True)
class Source:
    """Where one set of four files can be fetched.

    Attributes:
        name: Of the set, for messages.
        mirrors: Addresses of folders that hold all its files, gzipped.
        files: Training images, training labels, test images, test labels.
    """

    name: str
    mirrors: tuple[str, ...]
    files: tuple[RemoteFile, ...]


SOURCES: Mapping[str, Source] = {
    "mnist": Source(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist",
         "https://storage.googleapis.com/cvdf-datasets/mnist"),
        (RemoteFile("train-images-idx3-ubyte", 47_040_016, "6bbc9ace898e44ae57da46a324031adb",
                    9_912),
         RemoteFile("train-labels-idx1-ubyte", 60_008, "a25bea736e30d166cdddb491f175f624", 29),
         RemoteFile("t10k-images-idx3-ubyte", 7_840_016, "2646ac647ad5339dbf082846283269ea", 1_649),
         RemoteFile("t10k-labels-idx1-ubyte", 10_008, "27ae3e4e09519cfbb04c329615203637", 5)),
    ),
    "fashion": Source(
        "Fashion-MNIST",
        ("https://storage.googleapis.com/tensorflow/tf-keras-datasets",
         "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"),
        (RemoteFile("train-images-idx3-ubyte", 47_040_016, "f4a8712d7a061bf5bd6d2ca38dc4d50a",
                    26_422),
         RemoteFile("train-labels-idx1-ubyte", 60_008, "9018921c3c673c538a1fc5bad174d6f9", 30),
         RemoteFile("t10k-images-idx3-ubyte", 7_840_016, "8181f5470baa50b63fa0f6fddb340f0a", 4_422),
         RemoteFile("t10k-labels-idx1-ubyte", 10_008, "15d484375f8d13e6eb1aabb0c3f46965", 5)),
    ),
}  # fmt: skip


class _UnreachableError(Exception):
    """No mirror answered: the caller goes on without a network."""


def download(source: Source, folder: Path) -> bool:
    """Fetch the four files of a set (MNIST 11 MB, Fashion-MNIST 31 MB) into a folder.

    All four are fetched and checked before the first one is written, so the folder never holds a
    half-finished set that looks whole.

    Args:
        source: What to fetch, and from where.
        folder: Where the gzipped files go; made if it is missing.

    Returns:
        True if the set is there now; False without a network, or with ``SPIKEFORGE_OFFLINE=1``.

    Raises:
        SpikeforgeError: If a mirror answers with something else than this set.
    """
    if os.environ.get("SPIKEFORGE_OFFLINE", "0") not in ("", "0"):
        return False
    try:
        _await_any_mirror(source)
        total = sum(file.packed_kb for file in source.files)
        with progress(f"Downloading {source.name}, kB", total) as bar:
            packed = {file.name: _fetch(source, file, bar) for file in source.files}
    except _UnreachableError as reason:
        note = f"Note: {source.name} could not be downloaded ({reason})."
        console.print(note, soft_wrap=True, markup=False)
        return False
    for name, data in packed.items():
        write_atomically(folder / f"{name}.gz", data)
    return True


def _fetch(source: Source, file: RemoteFile, bar: Bar) -> bytes:
    bar.note(file.name)
    reason = "no mirror"
    for mirror in source.mirrors:
        try:
            data = _get(f"{mirror}/{file.name}.gz", file.size, bar)
        except (http.client.HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", error))
            continue
        _check(source, file, f"{mirror}/{file.name}.gz", data)
        return data
    raise _UnreachableError(reason)


def _get(url: str, limit: int, bar: Bar) -> bytes:
    """The body of an answer, of about ``limit`` bytes at most (packed files are smaller)."""
    data = bytearray()
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
        while len(data) <= limit and (chunk := answer.read(_CHUNK_BYTES)):
            data += chunk
            bar.advance(len(chunk) / 1000)
    return bytes(data)


def _await_any_mirror(source: Source) -> None:
    """Ask all mirrors at once, with one deadline over names, addresses and answers."""
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask(mirror: str) -> None:
        request = urllib.request.Request(f"{mirror}/{source.files[-1].name}.gz", method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
                answers.put("")
        except (http.client.HTTPException, OSError) as error:
            answers.put(str(getattr(error, "reason", error)))

    for mirror in source.mirrors:
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    deadline = time.monotonic() + ANSWER_SECONDS
    reason = f"no answer within {ANSWER_SECONDS:.0f} s"
    for _ in source.mirrors:
        try:
            reason = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if not reason:
            return
    raise _UnreachableError(reason)


def _check(source: Source, file: RemoteFile, url: str, data: bytes) -> None:
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(data, file.size + 1)
    except zlib.error as error:
        plain = b""
        found = f"no gzip file ({error})"
    else:
        found = hashlib.md5(plain, usedforsecurity=False).hexdigest()
    if len(plain) != file.size or found != file.md5:
        raise SpikeforgeError(
            f"{url}: wrong checksum: the unpacked file must have the MD5 {file.md5}, not {found}; "
            f"nothing was kept, try again, or fetch {source.name} yourself and give its folder "
            f"with --data, or set SPIKEFORGE_OFFLINE=1"
        )
