"""Spoken digits from cochlea models, in HDF5: SHD (700 channels) and N-TIDIGITS (64 channels).

SHD: B. Cramer et al., "The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking
Neural Networks", IEEE TNNLS 33, 2022. ``spikes/times`` (seconds), ``spikes/units`` and ``labels``.
N-TIDIGITS: J. Anumula et al., "Feature Representations for Neuromorphic Audio Spike Streams",
Frontiers in Neuroscience 12, 2018. ``train_labels`` names the recordings; ``train_addresses`` and
``train_timestamps`` (seconds) have one array each; ``test_`` likewise.

Only data inside the file itself is read: links to other files and external storage are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from train.events.base import MAX_EVENTS, Events, checked_events

__all__ = ["NTIDIGITS_CLASSES", "SHD_CLASSES", "opened", "read_ntidigits", "read_shd"]

SHD_CLASSES = 20
SHD_CHANNELS = 700
NTIDIGITS_CLASSES = 11
NTIDIGITS_CHANNELS = 64
MAX_RECORDINGS = 1 << 20
_SPOKEN = {"z": 0, "o": 10} | {str(digit): digit for digit in range(1, 10)}  # zero and "oh"


def read_shd(path: Path, sort: bool = False) -> Iterator[tuple[Events, int]]:
    """Read SHD, one recording after the other.

    Args:
        path: ``shd_train.h5`` or ``shd_test.h5``, unpacked.
        sort: Put events in order whose times go back, instead of refusing them.

    Yields:
        Events of a sensor of 1 x 700, all ON, and the class 0..19 (German after English digits).

    Raises:
        SpikeforgeError: If the file is no HDF5, lacks a part or has one of another form, the
            counts differ, a channel or class is out of range, or the times go back.
    """
    with opened(path) as file:
        times, units = (_rows(path, file, f"spikes/{name}") for name in ("times", "units"))
        labels = _small(path, _array(path, file, "labels"), "labels", "iu")
        if not len(times) == len(units) == len(labels):
            raise SpikeforgeError(
                f"{path}: holds {len(times)} times, {len(units)} units and {len(labels)} labels; "
                f"the counts must be equal, copy the file again"
            )
        for at, label in enumerate(labels.tolist()):
            if not 0 <= label < SHD_CLASSES:
                raise SpikeforgeError(
                    f"{path}: label {at} must be in 0..{SHD_CLASSES - 1}, not {label}; copy the "
                    f"file again"
                )
            where = f"{path}: recording {at}"
            yield _spikes(where, _row(where, times, at), _row(where, units, at), SHD_CHANNELS,
                          sort), label  # fmt: skip


def read_ntidigits(
    path: Path, part: str = "train", sort: bool = False
) -> Iterator[tuple[Events, int]]:
    """Read the single digits of N-TIDIGITS, one recording after the other; sequences are left out.

    Args:
        path: ``n-tidigits.hdf5``.
        part: ``train`` or ``test``.
        sort: Put events in order whose times go back, instead of refusing them.

    Yields:
        Events of a sensor of 1 x 64, all ON, and the class: 0 for "zero", 1 to 9, 10 for "oh".

    Raises:
        SpikeforgeError: As :func:`read_shd`, or if a recording is named that is not there.
    """
    if part not in ("train", "test"):
        raise SpikeforgeError(f"part must be train or test, not {part!r}")
    with opened(path) as file:
        names = _small(path, _array(path, file, f"{part}_labels"), f"{part}_labels", "SO")
        for raw in names.tolist():
            name = raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)
            spoken = name.rsplit("-", 1)[-1]
            if "/" in name or not spoken or set(spoken) - set(_SPOKEN):
                raise SpikeforgeError(
                    f"{path}: the name of a recording must end in '-' and its digits (1..9, z, o), "
                    f"not {name[:40]!r}; copy the file again"
                )
            if len(spoken) > 1:
                continue
            times, channels = (
                _small(path, _array(path, file, f"{part}_{kind}/{name}"), name, "fiu")
                for kind in ("timestamps", "addresses")
            )
            yield (
                _spikes(f"{path}: {name}", times, channels, NTIDIGITS_CHANNELS, sort),
                _SPOKEN[spoken],
            )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An HDF5 file; whatever h5py says about damage becomes one line.

    Raises:
        SpikeforgeError: If h5py is missing, or the file is missing or damaged.
    """
    try:
        import h5py
    except ImportError:
        raise SpikeforgeError(
            "reading HDF5 needs h5py; install it with 'pip install spikeforge[events]'"
        ) from None
    if not path.is_file():
        raise SpikeforgeError(f"{path}: no such file; check the path")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, SpikeforgeError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpikeforgeError(f"{path}: not a whole HDF5 file ({reason}); copy it again") from None


def _array(path: Path, file: Any, name: str) -> Any:
    """A one-dimensional array inside the file, its size checked; not yet read."""
    import h5py

    group = file
    for step in name.split("/"):
        link = group.get(step, getlink=True) if isinstance(group, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            state = "holds no" if link is None else "must hold, not link to,"
            raise SpikeforgeError(f"{path}: {state} {name}; name a file of this data set")
        group = group[step]
    if not isinstance(group, h5py.Dataset) or group.external or group.is_virtual:
        raise SpikeforgeError(f"{path}: {name} must be an array kept in this file; copy it again")
    if len(group.shape) != 1 or not group.shape[0] <= MAX_EVENTS:
        raise SpikeforgeError(
            f"{path}: {name} must have one dimension of at most {MAX_EVENTS}, not the shape "
            f"{group.shape}; copy the file again"
        )
    return group


def _small(path: Path, array: Any, name: str, kinds: str) -> NDArray[Any]:
    """Read a whole array of simple numbers or names."""
    text = "S" in kinds
    if array.dtype.kind not in kinds or (text and array.shape[0] > MAX_RECORDINGS):
        raise SpikeforgeError(
            f"{path}: {name} must be an array of {'names' if text else 'numbers'}, not "
            f"{array.shape[0]} of {array.dtype}; copy the file again"
        )
    return np.asarray(array[()])


def _rows(path: Path, file: Any, name: str) -> Any:
    """An array whose rows are lists of numbers, each of its own length; not yet read.

    The type's flags are looked at too: HDF5 1.14 reads a type of an unknown kind and then crashes.
    """
    import h5py

    array = _array(path, file, name)
    base = h5py.check_vlen_dtype(array.dtype)
    flags = array.id.get_type().encode()[3:6]
    if base is None or base.kind not in "fiu" or any(flags):
        raise SpikeforgeError(
            f"{path}: {name} must be an array of lists of numbers, not of {array.dtype}; copy the "
            f"file again"
        )
    return array


def _row(where: str, array: Any, at: int) -> NDArray[Any]:
    """One recording of an array whose rows differ in length."""
    row = array[at]
    if not isinstance(row, np.ndarray) or row.ndim != 1 or row.dtype.kind not in "fiu":
        raise SpikeforgeError(f"{where}: {array.name} must be a list of numbers; copy it again")
    return row


def _spikes(
    where: str, seconds: NDArray[Any], channels: NDArray[Any], size: int, sort: bool
) -> Events:
    if len(seconds) != len(channels):
        raise SpikeforgeError(
            f"{where}: has {len(seconds)} times for {len(channels)} channels; the counts must be "
            f"equal, copy the file again"
        )
    wide = seconds.astype(np.float64)
    wrong = ~((wide >= 0) & (wide < 1e6)) if len(wide) else np.zeros(0, bool)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise SpikeforgeError(
            f"{where}: time of event {at} must be in 0..1000000 s, not {wide[at]}; copy the file "
            f"again"
        )
    if channels.dtype.kind == "f" and not np.isfinite(channels).all():
        raise SpikeforgeError(f"{where}: a channel is not a number; copy the file again")
    nothing = np.zeros(len(wide), np.int64)
    return checked_events(
        where, channels.astype(np.int64), nothing, nothing + 1,
        np.rint(wide * 1e6).astype(np.int64), (1, size), sort,
    )  # fmt: skip
