from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from train.events.mat5 import matrices


def element(order, kind, data):
    """A tag of 8 bytes and the data, padded; up to four bytes lie within the tag."""
    if 0 < len(data) <= 4:
        return struct.pack(order + "I", len(data) << 16 | kind) + data.ljust(4, b"\0")
    return struct.pack(order + "II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(name, table, order="<", kept="u1", number=2, mclass=6, flags=0):
    """A matrix of doubles, its numbers kept in a narrower type, as MATLAB does to save room."""
    body = (
        element(order, 6, struct.pack(order + "II", flags | mclass, 0))
        + element(order, 5, struct.pack(f"{order}{table.ndim}i", *table.shape))
        + element(order, 1, name.encode())
        + element(order, number, table.astype(order + kept).tobytes(order="F"))
    )
    return struct.pack(order + "II", 14, len(body)) + body


def packed(data, order="<"):
    stream = zlib.compress(data)
    return struct.pack(order + "II", 15, len(stream)) + stream


def mat(*parts, order="<"):
    mark = struct.pack(order + "HH", 0x0100, 0x4D49)
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + b"".join(parts)


TABLE = np.arange(12).reshape(2, 6)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kept", "number"), [("u1", 2), ("i2", 3), ("i4", 5), ("f8", 9)])
@pytest.mark.parametrize("pack", [packed, lambda data, order: data], ids=["packed", "plain"])
def test_numbers_are_read_in_either_byte_order_and_any_width(order, kept, number, pack):
    data = mat(pack(matrix("m", TABLE, order, kept, number), order), order=order)
    (found,) = matrices(data)
    assert (found.name, found.shape) == ("m", (2, 6))
    assert np.array_equal(found.numbers(), TABLE)


def test_several_variables_follow_each_other():
    data = mat(matrix("a", TABLE), packed(matrix("long_name", TABLE[:, :3])), matrix("c", TABLE.T))
    assert [found.name for found in matrices(data)] == ["a", "long_name", "c"]
    assert np.array_equal([*matrices(data)][2].numbers(), TABLE.T)


@pytest.mark.parametrize("changes", [{"mclass": 4}, {"mclass": 1}, {"flags": 0x0800}])
def test_text_cells_and_complex_numbers_are_passed_over(changes):
    assert not list(matrices(mat(packed(matrix("m", TABLE, **changes)))))


def test_a_stream_that_unpacks_to_more_than_its_header_says_is_not_unpacked_whole():
    data = mat(packed(matrix("m", TABLE, kept="f8", number=9) + bytes(20_000_000)))
    tracemalloc.start()
    (found,) = matrices(data)
    numbers = found.numbers()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(numbers, TABLE)
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no header"),
        (mat(matrix("m", TABLE))[:-4], "promises 64 bytes"),
        (mat(b"\x0e\0\0\0"), "truncated at byte 132"),
        (mat(struct.pack("<II", 15, 4) + b"abcd"), "not a whole zlib stream"),
        (mat(struct.pack("<I", 5 << 16 | 1) + b"abcd"), "5 bytes in place of at most 4"),
    ],
)  # fmt: skip
def test_damage_is_named(data, message):
    with pytest.raises(ValueError, match=message):
        list(matrices(data))


def test_fewer_numbers_than_the_dimensions_say_are_refused():
    whole = bytearray(matrix("m", TABLE))
    at = whole.index(struct.pack("<ii", 2, 6))
    whole[at : at + 4] = struct.pack("<i", 1 << 20)
    for data in (mat(bytes(whole)), mat(packed(bytes(whole)))):
        (found,) = matrices(data)
        with pytest.raises(ValueError, match=r"m has 12 bytes for 6291456 numbers"):
            found.numbers()
