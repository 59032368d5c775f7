"""Where an event lands: from its wire address to the first row it reaches, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Array, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.scatter.geometry import ScatterGeometry
from hw.scatter.items import item_stream
from hw.scatter.quotient import quotient
from hw.widths import address_bits

__all__ = ["DECODE_CYCLES", "Decode", "Reach", "reaches", "start_stream"]

# Cycles that an event of a map spends here; a dense layer needs no decoding.
DECODE_CYCLES = 2


@dataclass(frozen=True)
class Reach:
    """What one input coordinate (row or column) reaches along its axis.

    Attributes:
        first: First output coordinate.
        count: How many follow each other; 0 if the padding or the stride leaves none.
        offset: Kernel coordinate of the first; it falls by the stride from one to the next.
    """

    first: int
    count: int
    offset: int


def reaches(extent: int, outputs: int, kernel: int, stride: int, padding: int) -> list[Reach]:
    """The reach of every coordinate of an axis: output o sees ``o * stride - padding + k``."""
    found = []
    for place in range(extent):
        first = max(0, -(-(place + padding - kernel + 1) // stride))
        last = min(outputs - 1, (place + padding) // stride)
        if last < first:
            found.append(Reach(0, 0, 0))
        else:
            found.append(Reach(first, last - first + 1, place + padding - first * stride))
    return found


def start_stream(geometry: ScatterGeometry) -> stream.Signature:
    """A decoded item: all of :func:`item_stream` but the address, and where to start.

    Payload:
        lines, columns: Output rows and columns reached; both 0 if none. In a dense layer 0 wide.
        row: First row of sums.
        weight: First weight row (0 wide in a pool).
    """
    item = item_stream(geometry).members["payload"].shape
    kept = {key: field.shape for key, field in item if key != "address"}
    height, width = (0, 0) if geometry.dense else geometry.out_shape[1:]
    rows = max(geometry.weight_rows, geometry.recurrent_rows)
    places = {
        "lines": unsigned(height.bit_length()),
        "columns": unsigned(width.bit_length()),
        "row": unsigned(geometry.row_bits),
        "weight": unsigned(address_bits(rows) if rows else 0),
    }
    return stream.Signature(data.StructLayout({**kept, **places}))


class Decode(wiring.Component):
    """Two pipeline registers: address to (pixel, channel), pixel to (row, column); then tables.

    Members:
        i: In(item_stream). Events with their wire address ``(h * W + w) * C + c``, and marks.
        o: Out(start_stream). The same, with places instead of addresses.
        active: Out(1). A register may change in this cycle.

    An item is offered at ``o`` two cycles after it was accepted; one a cycle passes. A register
    takes its next item in the cycle in which it gives up the one before.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        super().__init__(
            {"i": In(item_stream(geometry)), "o": Out(start_stream(geometry)), "active": Out(1)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        channels, height, width = self._geometry.in_shape
        pixels = height * width
        pixel, channel = quotient(m, "pixel", self.i.p.address, pixels * channels, channels)
        first_channel = Signal.like(channel, reset_less=True)
        first_pixel = Signal.like(pixel, reset_less=True)
        line, column = quotient(m, "line", first_pixel, pixels, width)
        second_channel = Signal.like(channel, reset_less=True)
        second_line = Signal.like(line, reset_less=True)
        second_column = Signal.like(column, reset_less=True)
        kept = data.StructLayout(
            {key: field.shape for key, field in self.i.p.shape() if key != "address"}
        )
        first = Signal(kept, reset_less=True)
        second = Signal(kept, reset_less=True)
        first_valid, second_valid, first_moves, second_moves = (Signal() for _ in range(4))
        m.d.comb += [
            second_moves.eq(~second_valid | self.o.ready),
            first_moves.eq(~first_valid | second_moves),
            self.i.ready.eq(first_moves),
            self.o.valid.eq(second_valid),
            self.active.eq(self.i.valid | first_valid | second_valid),
        ]
        with m.If(first_moves):
            m.d.sync += first_valid.eq(self.i.valid)
            with m.If(self.i.valid):
                m.d.sync += [first_pixel.eq(pixel), first_channel.eq(channel)]
                m.d.sync += [first[key].eq(self.i.p[key]) for key, _ in kept]
        with m.If(second_moves):
            m.d.sync += second_valid.eq(first_valid)
            with m.If(first_valid):
                m.d.sync += [second_line.eq(line), second_column.eq(column)]
                m.d.sync += [second_channel.eq(first_channel), second.eq(first)]
        m.d.comb += [self.o.p[key].eq(second[key]) for key, _ in kept]
        self._add_places(m, second_line, second_column, second_channel)
        return m

    def _add_places(self, m: Module, line: Signal, column: Signal, channel: Signal) -> None:
        geometry = self._geometry
        channels, height, width = geometry.in_shape
        kernel, stride, padding = geometry.kernel, geometry.stride, geometry.padding
        down = reaches(height, geometry.out_shape[1], kernel[0], stride[0], padding[0])
        across = reaches(width, geometry.out_shape[2], kernel[1], stride[1], padding[1])
        some = Signal()
        lines = Array(reach.count for reach in down)[line]
        columns = Array(reach.count for reach in across)[column]
        line_rows = geometry.out_shape[2] * geometry.block_rows
        per_group = channels // geometry.groups
        m.d.comb += [
            some.eq((lines != 0) & (columns != 0)),
            self.o.p.lines.eq(Mux(some, lines, 0)),
            self.o.p.columns.eq(Mux(some, columns, 0)),
            self.o.p.row.eq(
                Array(reach.first * line_rows for reach in down)[line]
                + Array(reach.first * geometry.block_rows for reach in across)[column]
                + Array(c // per_group * geometry.blocks for c in range(channels))[channel]
            ),
        ]
        if not geometry.is_pool:
            line_weights = kernel[1] * geometry.blocks
            m.d.comb += self.o.p.weight.eq(
                channel * (kernel[0] * line_weights)
                + Array(reach.offset * line_weights for reach in down)[line]
                + Array(reach.offset * geometry.blocks for reach in across)[column]
            )
