"""A file is whole or not there, whatever fails while it is written."""

from __future__ import annotations

import errno
import os

import pytest

from spikeforge.errors import SpikeforgeError
from spikeforge.files import explain_os_error, file_sha256, prepare_folder, write_atomically

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def raising(error):
    def fail(*args, **options):
        raise error

    return fail


@pytest.mark.parametrize("data", ["µJ\n", "µJ\n".encode()])
def test_text_and_bytes_are_written_with_their_folders(tmp_path, data):
    path = tmp_path / "a" / "b" / "file.txt"
    write_atomically(path, data)
    assert path.read_text(encoding="utf-8") == "µJ\n"
    assert os.listdir(path.parent) == ["file.txt"]


def test_the_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "file: the disk is full; free some space and run again"),
        (errno.EDQUOT, "file: the disk is full"),
        (errno.EACCES, r"file: cannot be written \(Permission denied\); choose another place"),
        (errno.EROFS, r"file: cannot be written \(Read-only file system\)"),
        (errno.EIO, "file: Input/output error"),
    ],
)
def test_a_failing_write_leaves_the_old_file_whole(tmp_path, monkeypatch, step, number, message):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, step, raising(OSError(number, os.strerror(number))))
    with pytest.raises(SpikeforgeError, match=message):
        write_atomically(path, b"new" * 1000)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_an_interruption_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, "fsync", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path):
    with pytest.raises(SpikeforgeError, match=f"{tmp_path}: Is a directory"):
        write_atomically(tmp_path, b"")
    assert os.listdir(tmp_path.parent).count(tmp_path.name) == 1
    assert not [name for name in os.listdir(tmp_path.parent) if name.startswith(".part")]


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SpikeforgeError, match=r"file: (Not a directory|File exists)"):
        prepare_folder(tmp_path / "file")
    with pytest.raises(SpikeforgeError, match=r"file/below: (Not a directory|File exists)"):
        write_atomically(tmp_path / "file" / "below", b"")


def test_a_prepared_folder_is_there_and_empty(tmp_path):
    folder = prepare_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert os.listdir(folder) == []


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, monkeypatch):
    refused = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr("tempfile.TemporaryFile", raising(refused))
    with pytest.raises(SpikeforgeError, match="choose another place with --out"):
        prepare_folder(tmp_path)


def test_a_full_disk_is_told_alike_everywhere():
    assert explain_os_error("x", FULL).startswith("x: the disk is full")


def test_a_files_sha256_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(path) == known
