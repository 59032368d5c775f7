"""MATLAB files of versions 5 to 7: real matrices of numbers out of untrusted bytes, nothing else.

A file is a header of 128 bytes and then elements: a type, a size, and data in steps of 8 bytes. A
matrix holds four elements: flags, dimensions, name and numbers, which may be kept in a narrower
type than the matrix's own; it may be packed by zlib as a whole. Numbers lie column by column.
Format: MathWorks, "MAT-File Format", chapter 1.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Matrix", "matrices"]

_HEADER_BYTES = 128
_MATRIX, _PACKED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8",
            13: "u8"}  # fmt: skip
_CLASSES = range(6, 16)  # double, single, and the integers
_COMPLEX = 0x0800
_PEEK_BYTES = 512  # flags, dimensions and name of a matrix lie within


@dataclass(frozen=True)
class Matrix:
    """A matrix whose numbers are not unpacked yet.

    Attributes:
        name: Of the variable.
        shape: Its dimensions.
    """

    name: str
    shape: tuple[int, ...]
    _order: str
    _packed: bool
    _data: memoryview
    _at: int

    def numbers(self) -> NDArray[Any]:
        """Unpack the numbers, as many as the dimensions say.

        Raises:
            ValueError: If the file holds fewer, or of another kind.
        """
        count = math.prod(self.shape)
        whole = _unpacked(self._data, self._at + 8 + 8 * count) if self._packed else self._data
        kind, data, _ = _element(whole, self._at, self._order)
        if kind not in _NUMBERS:
            raise ValueError(f"{self.name} holds elements of type {kind}, not numbers")
        numbers = np.dtype(self._order + _NUMBERS[kind])
        if len(data) != count * numbers.itemsize:
            raise ValueError(f"{self.name} has {len(data)} bytes for {count} numbers of {numbers}")
        return np.frombuffer(data, numbers).reshape(self.shape, order="F")


def matrices(data: bytes) -> Iterator[Matrix]:
    """The real matrices of numbers of a file; other variables are passed over.

    Raises:
        ValueError: If the bytes are no whole file of these versions.
    """
    if len(data) < _HEADER_BYTES or data[126:128] not in (b"IM", b"MI"):
        raise ValueError("its first 128 bytes are no header of MATLAB 5 to 7")
    order = "<" if data[126:128] == b"IM" else ">"
    view, following = memoryview(data), _HEADER_BYTES
    while following < len(view):
        at = following
        kind, body, following = _element(view, at, order)
        packed = kind == _PACKED
        head = _unpacked(body, _PEEK_BYTES) if packed else view[at:following]
        if _word(head, 0, order) == _MATRIX:
            found = _described(head, order, body if packed else head, packed)
            if found is not None:
                yield found


def _described(head: memoryview, order: str, data: memoryview, packed: bool) -> Matrix | None:
    """The matrix whose element a view begins with, or None for another kind of variable."""
    _, flags, at = _element(head, 8, order)
    _, sizes, at = _element(head, at, order)
    _, name, at = _element(head, at, order)
    shape = tuple(np.frombuffer(sizes, order + "i4").tolist()) if len(sizes) % 4 == 0 else ()
    word = _word(flags, 0, order)
    if word & 0xFF not in _CLASSES or word & _COMPLEX or len(shape) < 2 or min(shape) < 0:
        return None
    text = bytes(name).decode("latin-1")
    return Matrix(text, shape, order, packed, data, at)


def _element(view: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """Type and data of the element at a place, and where the next one begins."""
    kind, size = _word(view, at, order), _word(view, at + 4, order)
    if kind >> 16:  # up to four bytes lie within the tag
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise ValueError(f"the element at byte {at} has {size} bytes in place of at most 4")
        return kind, view[at + 4 : at + 4 + size], at + 8
    data = view[at + 8 : at + 8 + size]
    if len(data) != size:
        raise ValueError(f"truncated: the element at byte {at} promises {size} bytes")
    return kind, data, at + 8 + (size if kind == _PACKED else _padded(size))


def _padded(size: int) -> int:
    return -(-size // 8) * 8


def _word(view: memoryview, at: int, order: str) -> int:
    if at + 4 > len(view):
        raise ValueError(f"truncated at byte {len(view)}")
    return int.from_bytes(view[at : at + 4], "little" if order == "<" else "big")


def _unpacked(data: memoryview, limit: int) -> memoryview:
    """The first bytes of packed data, at most ``limit``."""
    try:
        return memoryview(zlib.decompressobj().decompress(data, limit))
    except zlib.error as error:
        raise ValueError(f"not a whole zlib stream: {error}") from None
