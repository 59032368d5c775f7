"""AEDAT 2.0 recordings of a DVS128, such as CIFAR10-DVS (also called DVS-CIFAR10).

Lines that begin with ``#``, then events of two big-endian 32-bit words: address and time in
microseconds. In the address, bit 0 is 1 for OFF, bits 1 to 7 count columns from the right, bits 8
to 14 are the row, and bit 15 marks what is no pixel. This is the layout of the set's own converter
(dat2mat, J. A. Perez-Carrasco). H. Li et al., "CIFAR10-DVS: An Event-Stream Dataset for Object
Classification", Frontiers in Neuroscience 11, 2017.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeforge.errors import SpikeforgeError
from train.events.base import MAX_EVENTS, Events, checked_events, read_bytes

__all__ = ["CLASSES", "SHAPE", "cifar10_dvs_files", "read_aedat"]

SHAPE = (128, 128)
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_EVENT_BYTES = 8
_MAX_HEADER_BYTES = 1 << 16
_SPECIAL = 1 << 15


def read_aedat(path: Path, sort: bool = False) -> Events:
    """Read one recording.

    Args:
        path: An ``.aedat`` file of version 2.0.
        sort: Put events in order whose times go back, instead of refusing them.

    Raises:
        SpikeforgeError: If the file is missing, truncated, of another version or another camera,
            or its times go back.
    """
    data = read_bytes(path, MAX_EVENTS * _EVENT_BYTES + _MAX_HEADER_BYTES)
    body = data[_header_bytes(path, data) :]
    if len(body) % _EVENT_BYTES:
        raise SpikeforgeError(
            f"{path}: truncated: {len(body)} bytes of events are no whole number of events of "
            f"{_EVENT_BYTES} bytes; copy the file again"
        )
    address, time_us = np.frombuffer(body, ">u4").reshape(-1, 2).T.astype(np.int64)
    foreign = address >> 16 != 0
    if foreign.any():
        at = int(np.argmax(foreign))
        raise SpikeforgeError(
            f"{path}: address of event {at} must be in 0x0000..0xffff, not 0x{address[at]:08x}; "
            f"the file is damaged or not of a DVS128"
        )
    pixel = address & _SPECIAL == 0
    address, time_us = address[pixel], time_us[pixel]
    x, y = SHAPE[1] - 1 - (address >> 1 & 0x7F), address >> 8 & 0x7F
    return checked_events(path, x, y, 1 - (address & 1), time_us, SHAPE, sort)


def _header_bytes(path: Path, data: bytes) -> int:
    if not data.startswith(b"#!AER-DAT2.0"):
        raise SpikeforgeError(
            f"{path}: must begin with '#!AER-DAT2.0', not {data[:12].decode('latin-1')!r}; name an "
            f"AEDAT 2.0 recording"
        )
    at = 0
    while data[at : at + 1] == b"#":
        end = data.find(b"\n", at, _MAX_HEADER_BYTES)
        if end < 0:
            raise SpikeforgeError(
                f"{path}: its header has no end within {_MAX_HEADER_BYTES} bytes; copy the file "
                f"again"
            )
        at = end + 1
    return at


def cifar10_dvs_files(folder: Path) -> list[tuple[Path, int]]:
    """The recordings of CIFAR10-DVS with their classes, in a fixed order.

    The set has no test part of its own; who uses it must say how it was split.

    Args:
        folder: With a folder for each class inside, holding ``.aedat`` or ``.mat`` files.

    Raises:
        SpikeforgeError: If one of the ten folders is missing or empty.
    """
    found: list[tuple[Path, int]] = []
    for label, name in enumerate(CLASSES):
        files = sorted((folder / name).glob("*.aedat")) or sorted((folder / name).glob("*.mat"))
        if not files:
            raise SpikeforgeError(
                f"{folder / name}: holds no .aedat or .mat file; name CIFAR10-DVS's folder, its "
                f"ten archives unpacked"
            )
        found += [(path, label) for path in files]
    return found
