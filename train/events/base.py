"""What all readers share: checked events, and files whose size is bounded before they are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError

__all__ = ["MAX_EVENTS", "Events", "checked_events", "read_bytes"]

MAX_TIME_US = 1 << 48  # nine years; sums and products of times stay far within 64 bits
MAX_EVENTS = 1 << 25  # of one recording; the longest of the sets that are read here has a tenth


@dataclass(frozen=True)
class Events:
    """One recording, in the order of time.

    Attributes:
        x: Columns, uint16, shape (N,).
        y: Rows, uint16, shape (N,).
        polarity: 1 for ON (brighter), 0 for OFF, uint8, shape (N,); always 1 for a cochlea.
        time_us: Times in microseconds, int64, shape (N,), never falling.
        shape: Height and width of the sensor; a cochlea of n channels is (1, n).
    """

    x: NDArray[np.uint16]
    y: NDArray[np.uint16]
    polarity: NDArray[np.uint8]
    time_us: NDArray[np.int64]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.time_us)

    def between(self, start_us: int, end_us: int) -> Events:
        """The events with start_us <= time < end_us."""
        first, last = np.searchsorted(self.time_us, [start_us, end_us])
        part = slice(first, max(first, last))
        return Events(
            self.x[part], self.y[part], self.polarity[part], self.time_us[part], self.shape
        )


def checked_events(
    where: Path | str,
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    polarity: NDArray[np.int64],
    time_us: NDArray[np.int64],
    shape: tuple[int, int],
    sort: bool = False,
) -> Events:
    """Build events from what a file said.

    Args:
        where: File (and part of it), for messages.
        x: Columns, shape (N,).
        y: Rows, shape (N,).
        polarity: 0 or 1, shape (N,).
        time_us: Times in microseconds, shape (N,).
        shape: Height and width of the sensor.
        sort: Put events in order whose times go back, instead of refusing them.

    Raises:
        SpikeforgeError: If there are no events or too many, one lies beyond the sensor, or the
            times are negative, absurd or go back.
    """
    if not 1 <= len(time_us) <= MAX_EVENTS:
        raise SpikeforgeError(
            f"{where}: a recording must have 1..{MAX_EVENTS} events, not {len(time_us)}; "
            f"copy the file again"
        )
    for name, values, size in (
        ("x", x, shape[1]), ("y", y, shape[0]), ("polarity", polarity, 2),
        ("time", time_us, MAX_TIME_US),
    ):  # fmt: skip
        wrong = (values < 0) | (values >= size)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise SpikeforgeError(
                f"{where}: {name} of event {at} must be in 0..{size - 1}, not {values[at]}; the "
                f"file is damaged or of another sensor"
            )
    back = np.diff(time_us) < 0
    if back.any() and not sort:
        at = int(np.argmax(back)) + 1
        raise SpikeforgeError(
            f"{where}: time of event {at} goes back from {time_us[at - 1]} to {time_us[at]} us; "
            f"copy the file again, or read it with sort=True"
        )
    order = np.argsort(time_us, kind="stable") if back.any() else slice(None)
    return Events(
        x[order].astype(np.uint16), y[order].astype(np.uint16), polarity[order].astype(np.uint8),
        time_us[order].astype(np.int64), shape,
    )  # fmt: skip


def read_bytes(path: Path, limit: int) -> bytes:
    """The whole of a file.

    Raises:
        SpikeforgeError: If it is missing, cannot be read, or has more than ``limit`` bytes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise SpikeforgeError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise SpikeforgeError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(data) > limit:
        raise SpikeforgeError(
            f"{path}: must have at most {limit} bytes; name a recording of this format"
        )
    return data
