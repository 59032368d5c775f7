"""AEDAT 3.1 recordings, such as DVS-Gesture: packets of events, and a table of gestures.

After a text header that ends in ``#!END-HEADER`` come packets: 28 bytes that say how many events of
which kind and size follow. A polarity event is two little-endian 32-bit words: bit 0 valid, bit 1
polarity, bits 2 to 16 y, bits 17 to 31 x; then the time in microseconds, whose upper bits are the
packet's overflow count. Format: iniVation, "AEDAT file formats". Set: A. Amir et al., "A Low
Power, Fully Event-Based Gesture Recognition System", CVPR 2017.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from train.events.base import MAX_EVENTS, Events, checked_events, read_bytes

__all__ = ["GESTURES", "SHAPE", "read_aedat31", "read_gestures"]

SHAPE = (128, 128)
GESTURES = 11
_PACKET = struct.Struct("<hhiiiiii")
_POLARITY_EVENT, _EVENT_BYTES = 1, 8
_MAX_HEADER_BYTES = 1 << 16
_MAX_BYTES = 1 << 28
_MAX_TABLE_BYTES = 1 << 16
_END = b"#!END-HEADER"
_COLUMNS = "class,startTime_usec,endTime_usec"


def read_aedat31(path: Path, shape: tuple[int, int] = SHAPE, sort: bool = False) -> Events:
    """Read the valid polarity events of a recording; packets of other kinds are passed over.

    Args:
        path: An ``.aedat`` file of version 3.1, uncompressed.
        shape: Height and width of the sensor.
        sort: Put events in order whose times go back, instead of refusing them.

    Raises:
        SpikeforgeError: If the file is missing, truncated, of another version, a packet promises
            more than the file holds, an event lies beyond the sensor, or the times go back.
    """
    data = read_bytes(path, _MAX_BYTES)
    at = _header_bytes(path, data)
    words: list[NDArray[np.int64]] = []
    while at < len(data):
        kind, overflow, count, at, start = _packet(path, data, at)
        if kind == _POLARITY_EVENT:
            table = np.frombuffer(data, "<u4", 2 * count, start).reshape(-1, 2).astype(np.int64)
            table[:, 1] += overflow << 31
            words.append(table[table[:, 0] & 1 == 1])
    address, time_us = np.concatenate([np.empty((0, 2), np.int64), *words]).T
    return checked_events(
        path, address >> 17, address >> 2 & 0x7FFF, address >> 1 & 1, time_us, shape, sort
    )


def _header_bytes(path: Path, data: bytes) -> int:
    if not data.startswith(b"#!AER-DAT3.1"):
        raise SpikeforgeError(
            f"{path}: must begin with '#!AER-DAT3.1', not {data[:12].decode('latin-1')!r}; name an "
            f"AEDAT 3.1 recording"
        )
    end = data.find(_END, 0, _MAX_HEADER_BYTES)
    line = data.find(b"\n", end, _MAX_HEADER_BYTES) if end >= 0 else -1
    if line < 0:
        raise SpikeforgeError(
            f"{path}: its header has no {_END.decode()} within {_MAX_HEADER_BYTES} bytes; copy the "
            f"file again"
        )
    named = [part for part in data[:end].split(b"\n") if part.startswith(b"#Format:")]
    if named and named[0].split(b":", 1)[1].strip() != b"RAW":
        form = named[0].split(b":", 1)[1].strip().decode("latin-1")
        raise SpikeforgeError(f"{path}: its format must be RAW, not {form!r}; save it uncompressed")
    return line + 1


def _packet(path: Path, data: bytes, at: int) -> tuple[int, int, int, int, int]:
    """Kind, overflow count, number of events, and where the next packet and this one's data are."""
    start = at + _PACKET.size
    if start > len(data):
        raise SpikeforgeError(
            f"{path}: truncated: {len(data) - at} bytes at {at}, where the header of a packet has "
            f"{_PACKET.size}; copy the file again"
        )
    kind, _, size, _, overflow, _, count, valid = _PACKET.unpack_from(data, at)
    if size < 1 or not 0 <= count <= MAX_EVENTS or not 0 <= valid <= count or overflow < 0:
        raise SpikeforgeError(
            f"{path}: the packet at byte {at} promises {count} events of {size} bytes, {valid} of "
            f"them valid, after {overflow} overflows; copy the file again"
        )
    if kind == _POLARITY_EVENT and size != _EVENT_BYTES:
        raise SpikeforgeError(
            f"{path}: polarity events must have {_EVENT_BYTES} bytes, not {size} as in the packet "
            f"at byte {at}; name an AEDAT 3.1 recording"
        )
    following = start + size * count
    if following > len(data):
        raise SpikeforgeError(
            f"{path}: truncated: the packet at byte {at} promises {count} events of {size} bytes, "
            f"{following - len(data)} bytes more than the file holds; copy the file again"
        )
    return kind, overflow, count, following, start


def read_gestures(path: Path, labels: Path, sort: bool = False) -> list[tuple[Events, int]]:
    """Cut a recording of DVS-Gesture into its gestures.

    Args:
        path: The recording.
        labels: Its table, ``<name>_labels.csv``: class 1..11, start and end in microseconds.
        sort: Put events in order whose times go back, instead of refusing them.

    Returns:
        The events of each gesture with its class, counted from 0.

    Raises:
        SpikeforgeError: If one of the files is damaged, or a gesture has no event.
    """
    events = read_aedat31(path, SHAPE, sort)
    found = []
    for number, (label, start, end) in enumerate(_table(labels)):
        part = events.between(start, end)
        if not len(part):
            raise SpikeforgeError(
                f"{labels}: gesture {number} from {start} to {end} us has no event in {path.name}; "
                f"take both files of one recording"
            )
        found.append((part, label - 1))
    return found


def _table(path: Path) -> list[tuple[int, int, int]]:
    lines = read_bytes(path, _MAX_TABLE_BYTES).decode("latin-1").split()
    if not lines or lines[0] != _COLUMNS:
        raise SpikeforgeError(
            f"{path}: its first line must be '{_COLUMNS}', not {(lines or [''])[0][:40]!r}; name "
            f"the table of a DVS-Gesture recording"
        )
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split(",")
        row = [int(cell) for cell in cells if cell.isascii() and cell.isdigit() and len(cell) < 16]
        if len(cells) != 3 or len(row) != 3 or not 1 <= row[0] <= GESTURES or row[1] >= row[2]:
            raise SpikeforgeError(
                f"{path}: line {number} must be a class 1..{GESTURES}, a start and a later end, "
                f"not {line[:40]!r}; copy the file again"
            )
        rows.append((row[0], row[1], row[2]))
    return rows
