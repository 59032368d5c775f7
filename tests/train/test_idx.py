from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from train.idx import MAX_ITEMS, check_pair, read_images, read_labels


def images_bytes(count=3, side=28, promised=None, magic=0x803):
    header = struct.pack(">IIII", magic, count if promised is None else promised, side, side)
    return header + bytes(i % 256 for i in range(count * side * side))


def labels_bytes(labels, magic=0x801):
    return struct.pack(">II", magic, len(labels)) + bytes(labels)


@pytest.fixture
def write(tmp_path):
    def _write(data, name="file"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return _write


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_files_are_read_gzipped_or_not_whatever_their_name(write, pack):
    images = read_images(write(pack(images_bytes(3)), "a"))
    labels = read_labels(write(pack(labels_bytes([9, 0, 4])), "b"))
    assert images.shape == (3, 28, 28)
    assert images.dtype == np.uint8
    assert images[0, 0, :5].tolist() == [0, 1, 2, 3, 4]
    assert labels.tolist() == [9, 0, 4]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize("missing", [1, 784, 2000])
def test_a_truncated_file_is_refused_with_both_sizes(write, pack, missing):
    path = write(pack(images_bytes(3)[:-missing]))
    with pytest.raises(
        SpikeforgeError, match=rf"file: truncated: {2352 - missing} bytes of images.*promises 2352"
    ):
        read_images(path)


def test_a_truncated_header_is_refused(write):
    with pytest.raises(
        SpikeforgeError, match=r"truncated: 10 bytes, where the header alone has 16"
    ):
        read_images(write(images_bytes()[:10]))


def test_an_empty_file_is_refused(write):
    with pytest.raises(SpikeforgeError, match=r"truncated: 0 bytes"):
        read_labels(write(b""))


def test_a_broken_gzip_file_is_refused(write):
    whole = gzip.compress(images_bytes(50))
    with pytest.raises(SpikeforgeError, match=r"not a whole gzip file.*download the file again"):
        read_images(write(whole[: len(whole) // 2]))
    damaged = bytearray(whole)
    damaged[-5] ^= 0xFF
    with pytest.raises(SpikeforgeError, match=r"not a whole gzip file"):
        read_images(write(bytes(damaged[:-8])))


def test_a_file_with_bytes_left_over_is_refused(write):
    with pytest.raises(SpikeforgeError, match=r"too long: more than 2352 bytes"):
        read_images(write(images_bytes(3) + b"x"))


def test_swapped_files_are_refused_by_their_magic_number(write):
    with pytest.raises(SpikeforgeError, match=r"must be 0x00000803, not 0x00000801.*swapped"):
        read_images(write(labels_bytes([1, 2])))
    with pytest.raises(SpikeforgeError, match=r"must be 0x00000801, not 0x00000803"):
        read_labels(write(images_bytes()))


def test_images_of_another_size_are_refused(write):
    with pytest.raises(SpikeforgeError, match=r"must be 28 x 28 pixels, not 32 x 32"):
        read_images(write(images_bytes(side=32)))


@pytest.mark.parametrize("promised", [0, MAX_ITEMS + 1, 0xFFFFFFFF])
def test_a_count_out_of_range_is_refused_before_anything_is_read(write, promised):
    path = write(images_bytes(1, promised=promised))
    with pytest.raises(SpikeforgeError, match=rf"must be in 1\.\.{MAX_ITEMS}, not {promised}"):
        read_images(path)


def test_a_gzip_bomb_unpacks_no_further_than_its_header_promises(write):
    path = write(gzip.compress(images_bytes(1) + bytes(50_000_000)))
    with pytest.raises(SpikeforgeError, match=r"too long: more than 784 bytes"):
        read_images(path)


def test_labels_out_of_range_are_refused(write):
    with pytest.raises(SpikeforgeError, match=r"label 2 must be in 0\.\.9, not 10"):
        read_labels(write(labels_bytes([0, 9, 10, 200])))


def test_counts_that_differ_are_refused(tmp_path):
    with pytest.raises(SpikeforgeError, match=r"labels: holds 2 labels for the 3 images of images"):
        check_pair(
            tmp_path / "images", tmp_path / "labels",
            np.zeros((3, 28, 28), np.uint8), np.zeros(2, np.uint8),
        )  # fmt: skip


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(SpikeforgeError, match=r"nowhere: no such file"):
        read_images(tmp_path / "nowhere")
    with pytest.raises(SpikeforgeError, match=r"cannot be read \(Is a directory\)"):
        read_images(tmp_path)
