"""The output folder: ours or empty, and written only when all files have passed their checks."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spikeforge.errors import SpikeforgeError
from spikeforge.files import explain_os_error, prepare_folder

__all__ = ["RECORD", "checked_folder", "move_files"]

RECORD = "asic.json"
"""Lies in every folder that the hand-off wrote."""


@contextmanager
def checked_folder(out: Path) -> Iterator[Path]:
    """A folder for files on trial within the output folder; it goes in any case.

    Raises:
        SpikeforgeError: If the output folder has files of someone else in it, or cannot be written.
    """
    new = not out.exists()
    _refuse_foreign(out)
    prepare_folder(out)
    try:
        with tempfile.TemporaryDirectory(dir=out, prefix=".part-") as trial:
            yield Path(trial)
    finally:
        if new:
            with suppress(OSError):  # it stays unless it is empty
                out.rmdir()


def _refuse_foreign(out: Path) -> None:
    if not out.is_dir() or (out / RECORD).is_file():
        return
    first = min((path.name for path in out.iterdir()), default=None)
    if first is not None:
        raise SpikeforgeError(
            f"--out must be a new or empty folder, or one with the {RECORD} of an earlier run, but "
            f"{out} has {first!r} in it and no {RECORD}; name another folder"
        )


def move_files(trial: Path, out: Path, names: Iterable[str]) -> None:
    """Move checked files into place, the record last; what an earlier run wrote beyond them goes.

    Raises:
        SpikeforgeError: If a file cannot be moved.
    """
    names = sorted(names)
    for name in _earlier(out) - set(names):
        (out / name).unlink(missing_ok=True)
    for name in [*names, RECORD]:
        try:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(trial / name, out / name)
        except OSError as error:
            raise SpikeforgeError(explain_os_error(out / name, error)) from None


def _earlier(out: Path) -> set[str]:
    """Names of an earlier run's files, as far as they lie within the folder."""
    try:
        names = list(json.loads((out / RECORD).read_text())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    root = out.resolve()
    return {str(name) for name in names if (root / str(name)).resolve().is_relative_to(root)}
