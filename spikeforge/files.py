"""Files that are either whole or not there, and folders checked before long work starts."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path

from spikeforge.errors import SpikeforgeError

__all__ = ["explain_os_error", "file_sha256", "prepare_folder", "write_atomically"]


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file so that an interruption leaves the old one or the new one, never a half.

    Raises:
        SpikeforgeError: If the disk is full or the place cannot be written.
    """
    raw = data.encode() if isinstance(data, str) else data
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as part:
            name = part.name
            part.write(raw)
            part.flush()
            os.fsync(part.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
        name = None
    except OSError as error:
        raise SpikeforgeError(explain_os_error(path, error)) from None
    finally:
        if name is not None:
            Path(name).unlink(missing_ok=True)


def prepare_folder(path: Path) -> Path:
    """Make an output folder and prove that it can be written, before any work is done.

    Raises:
        SpikeforgeError: If it cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise SpikeforgeError(explain_os_error(path, error)) from None
    return path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def explain_os_error(path: Path | str, error: OSError) -> str:
    """One line on what the system refused at a place, and what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: the disk is full; free some space and run again, nothing was lost"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path}: cannot be written ({error.strerror}); choose another place with --out"
    return f"{path}: {error.strerror}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
