"""N-MNIST: one ``.bin`` file a recording, 40 bits an event.

From the first byte: x, y, then one bit of polarity (1 for ON) and 23 bits of time in microseconds,
the highest byte first. Format: G. Orchard et al., "Converting Static Image Datasets to Spiking
Neuromorphic Datasets Using Saccades", Frontiers in Neuroscience 9, 2015, and its data page.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeforge.errors import SpikeforgeError
from train.events.base import MAX_EVENTS, Events, checked_events, read_bytes

__all__ = ["SHAPE", "nmnist_files", "read_nmnist"]

SHAPE = (34, 34)
_EVENT_BYTES = 5


def read_nmnist(path: Path, sort: bool = False) -> Events:
    """Read one recording.

    Args:
        path: A ``.bin`` file.
        sort: Put events in order whose times go back, instead of refusing them.

    Raises:
        SpikeforgeError: If the file is missing, empty, truncated, or an event lies beyond the
            sensor of 34 x 34 pixels or goes back in time.
    """
    data = read_bytes(path, MAX_EVENTS * _EVENT_BYTES)
    if len(data) % _EVENT_BYTES:
        raise SpikeforgeError(
            f"{path}: truncated: {len(data)} bytes are no whole number of events of "
            f"{_EVENT_BYTES} bytes; copy the file again"
        )
    table = np.frombuffer(data, np.uint8).reshape(-1, _EVENT_BYTES).astype(np.int64)
    x, y, high, middle, low = table.T
    time_us = (high & 0x7F) << 16 | middle << 8 | low
    return checked_events(path, x, y, high >> 7, time_us, SHAPE, sort)


def nmnist_files(folder: Path) -> list[tuple[Path, int]]:
    """The recordings of one part of the set with their classes, in a fixed order.

    Args:
        folder: ``Train`` or ``Test``, with the folders ``0`` to ``9`` inside.

    Raises:
        SpikeforgeError: If one of the ten folders is missing or empty.
    """
    found: list[tuple[Path, int]] = []
    for digit in range(10):
        files = sorted((folder / str(digit)).glob("*.bin"))
        if not files:
            raise SpikeforgeError(
                f"{folder / str(digit)}: holds no .bin file; name N-MNIST's folder Train or Test, "
                f"unpacked"
            )
        found += [(path, digit) for path in files]
    return found
