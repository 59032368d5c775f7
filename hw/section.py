"""One memory's share of the content, and how numbers become its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Section", "pack_rows"]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One memory's content.

    Attributes:
        layer: The layer it belongs to.
        tensor: ``weight``, ``recurrent``, ``threshold``, ``bias`` or ``index``.
        lanes: Numbers in a row.
        bits: Width of a number.
        depth: Rows.
    """

    layer: str
    tensor: str
    lanes: int
    bits: int
    depth: int

    @property
    def name(self) -> str:
        """Name of the memory and its hex file, such as ``hidden_weight``."""
        return f"{self.layer}_{self.tensor}"

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return -(-self.lanes * self.bits // 8)


def pack_rows(numbers: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """Rows of numbers as bytes, from lowest to highest bits, filled up with zero bits.

    Args:
        numbers: Shape (depth, lanes); negative ones become two's complement.
        bits: Width of a number.

    Returns:
        Shape (depth, row_bytes).
    """
    spread = (numbers[:, :, None] >> np.arange(bits)) & 1
    return np.packbits(spread.reshape(len(numbers), -1).astype(np.uint8), axis=1, bitorder="little")
