"""Sizes of the nodes without neurons: joins of residual paths, and average pooling."""

from __future__ import annotations

from dataclasses import dataclass

from hw.node import Node
from spikeforge.schema import ResidualKind
from spikeforge.shapes import Shape

__all__ = ["JoinGeometry", "PoolMapGeometry"]


@dataclass(frozen=True, kw_only=True)
class PoolMapGeometry(Node):
    """Average pooling: an event goes on under the address of each pooled neuron it belongs to.

    Attributes:
        in_shape, out_shape: (C, H, W) of what arrives and of what leaves.
        kernel, stride: Of both directions.
        levels: Largest level of an event.
        multiplicity: Most events of one address that arrive before a mark.
        marks: Marks an image.
    """

    in_shape: Shape
    out_shape: Shape
    kernel: int
    stride: int
    levels: int
    multiplicity: int
    marks: int

    @property
    def fan_in(self) -> int:
        """Addresses that arrive."""
        channels, height, width = self.in_shape
        return channels * height * width

    @property
    def width(self) -> int:
        """Addresses that leave."""
        channels, height, width = self.out_shape
        return channels * height * width

    @property
    def levels_out(self) -> int:
        """Largest level that leaves: none is changed."""
        return self.levels

    @property
    def summary(self) -> str:
        """What it is, in a few words."""
        return f"{self.fan_in} addresses to {self.width}, average pool"

    @property
    def marks_out(self) -> int:
        """Marks that leave with an image."""
        return self.marks

    @property
    def multiplicity_out(self) -> int:
        """Every event of a window leaves under the same address."""
        return self.multiplicity * self.kernel**2

    def window(self, place: int, extent: int) -> tuple[int, int]:
        """First pooled row (or column) that holds a row (column), and how many do.

        Args:
            place: Row or column of the input map.
            extent: Rows or columns of the pooled map.
        """
        first = max(0, -(-(place - self.kernel + 1) // self.stride))
        last = min(place // self.stride, extent - 1)
        return (first, last - first + 1) if last >= first else (0, 0)


@dataclass(frozen=True, kw_only=True)
class JoinGeometry(Node):
    """Two paths joined element by element.

    Attributes:
        function: ADD, AND or IAND.
        out_shape: (C, H, W) of both sources and of what leaves.
        levels: Largest level of either source.
        multiplicities: Most events of one address before a mark, for both sources.
        marks: Marks an image.
        marks_ahead: Steps (windowed: images) that one path may be ahead of the other while a fork
            feeds both; each source's FIFO holds as many whole ones.
    """

    function: ResidualKind
    out_shape: Shape
    levels: int
    multiplicities: tuple[int, int]
    marks: int
    marks_ahead: int = 1

    @property
    def fan_in(self) -> int:
        """Addresses that arrive from either source."""
        return self.width

    @property
    def width(self) -> int:
        """Addresses that leave."""
        channels, height, width = self.out_shape
        return channels * height * width

    @property
    def levels_out(self) -> int:
        """Largest level that leaves."""
        return self.levels

    @property
    def summary(self) -> str:
        """What it is, in a few words."""
        return f"{self.width} addresses, {self.function.value.upper()} of two paths"

    @property
    def marks_out(self) -> int:
        """Marks that leave with an image."""
        return self.marks

    @property
    def multiplicity_out(self) -> int:
        """With ADD the events of both sources leave one by one; else an address leaves once."""
        return sum(self.multiplicities) if self.function is ResidualKind.ADD else 1

    def fifo_depth(self, side: int) -> int:
        """Items that the FIFO of source 0 or 1 holds: whole steps, marks included."""
        return self.marks_ahead * (self.width * self.multiplicities[side] + 1)
