"""Events in MATLAB files: the six columns that CIFAR10-DVS' converter dat2mat writes.

Time in microseconds, two columns that mean nothing here, x, y, and polarity as 1 (ON) or -1 (OFF);
x and y count from 0. Versions 5 to 7 are read here, 7.3 (which is HDF5) by h5py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from train.events.aedat import SHAPE
from train.events.base import Events, checked_events, read_bytes
from train.events.hdf5 import opened
from train.events.mat5 import matrices

__all__ = ["read_mat"]

MAX_ROWS = 1 << 23  # of one matrix
_COLUMNS = 6
_MAX_BYTES = 1 << 29
_HDF5_AT, _HDF5 = 512, b"\x89HDF"
_MAX_EXACT = 2.0**53  # up to here, a double keeps every whole number


def read_mat(path: Path, shape: tuple[int, int] = SHAPE, sort: bool = False) -> Events:
    """Read one recording.

    Args:
        path: A ``.mat`` file with one matrix of six columns, whatever its name.
        shape: Height and width of the sensor.
        sort: Put events in order whose times go back, instead of refusing them.

    Raises:
        SpikeforgeError: If the file is missing or damaged, holds no such matrix or several, or the
            events are not whole numbers, lie beyond the sensor or go back in time.
    """
    data = read_bytes(path, _MAX_BYTES)
    if data[_HDF5_AT:].startswith(_HDF5):
        table = _hdf5(path)
    else:
        try:
            table = _classic(path, data)
        except ValueError as error:
            raise SpikeforgeError(
                f"{path}: not a whole .mat file ({error}); copy it again"
            ) from None
    whole = np.isfinite(table) & (abs(table) < _MAX_EXACT)
    if not whole.all() or (table != np.rint(table)).any():
        raise SpikeforgeError(
            f"{path}: times, x, y and polarity must be whole numbers; copy the file again"
        )
    time_us, _, _, x, y, sign = table.astype(np.int64).T
    polarity = np.where(sign == 1, 1, np.where(sign == -1, 0, -1))
    return checked_events(path, x, y, polarity, time_us, shape, sort)


def _classic(path: Path, data: bytes) -> NDArray[Any]:
    """Versions 5 to 7: names and sizes first, then the one matrix."""
    listed = [m for m in matrices(data) if len(m.shape) == 2 and m.shape[1] == _COLUMNS]
    _check_only(path, [(each.name, each.shape[0]) for each in listed])
    return listed[0].numbers()


def _hdf5(path: Path) -> NDArray[Any]:
    """Version 7.3, which keeps a matrix as its transpose."""
    with opened(path) as file:
        import h5py

        listed = []
        for name in file:
            array = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
            if (
                isinstance(array, h5py.Dataset)
                and not (array.external or array.is_virtual)
                and array.dtype.kind in "fiu"
                and len(array.shape) == 2
                and array.shape[0] == _COLUMNS
            ):
                listed.append(array)
        _check_only(path, [(each.name.strip("/"), each.shape[1]) for each in listed])
        return np.asarray(listed[0][()]).T


def _check_only(path: Path, listed: Sequence[tuple[str, int]]) -> None:
    """Refuse any but one matrix, given by names and numbers of rows."""
    if len(listed) != 1:
        found = ", ".join(name[:40] for name, _ in listed[:4]) or "none"
        raise SpikeforgeError(
            f"{path}: must hold one matrix of {_COLUMNS} columns (time, 0, -1, x, y, polarity), "
            f"not {found}; name a recording of CIFAR10-DVS"
        )
    if listed[0][1] > MAX_ROWS:
        raise SpikeforgeError(f"{path}: must have at most {MAX_ROWS} events, not {listed[0][1]}")
