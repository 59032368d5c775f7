"""Buffers for what moves over the streams between the layers of a compiled accelerator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError

__all__ = ["Recording"]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Buffers that the model fills: a row for each tap.

    Attributes:
        names: Ports of the taps.
        values: Values that each tap showed, in order, shape (taps, capacity).
        lengths: How many of them there are, shape (taps,).
    """

    names: list[str]
    values: NDArray[np.uint64]
    lengths: NDArray[np.int64]

    def streams(self) -> dict[str, NDArray[np.uint64]]:
        """What each tap showed, by layer name.

        Raises:
            SpikeforgeError: If a buffer was too short, which would hide what came after.
        """
        if (self.lengths >= self.values.shape[1]).any():
            raise SpikeforgeError("a stream moves more than its network can send: the RTL babbles")
        return {
            name.removeprefix("tap_"): row[:length]
            for name, row, length in zip(self.names, self.values, self.lengths, strict=True)
        }
