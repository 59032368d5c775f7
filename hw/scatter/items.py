"""What moves inside the front of a scatter layer: items (events and marks), then operations."""

from __future__ import annotations

from amaranth import unsigned
from amaranth.lib import data, stream

from hw.scatter.geometry import ScatterGeometry
from hw.widths import address_bits

__all__ = ["item_stream", "level_bits", "op_stream", "tap_bits"]


def tap_bits(geometry: ScatterGeometry) -> int:
    """Width of a tap's number; 0 with one tap."""
    return (max(1, len(geometry.taps)) - 1).bit_length()


def level_bits(geometry: ScatterGeometry) -> int:
    """Width of an arriving level."""
    return geometry.levels_in.bit_length()


def item_stream(geometry: ScatterGeometry) -> stream.Signature:
    """An event on its way into a layer, or a mark.

    Payload:
        last: 1 for a mark (all else is 0 then).
        own: 1 for one of the layer's own spikes (0 wide without recurrence).
        tap: Which tap it plays for.
        level: Its level, at least 1.
        address: Its wire address.
    """
    widest = max(geometry.fan_in, geometry.width if geometry.recurrent_bits else 0)
    return stream.Signature(
        data.StructLayout(
            {
                "last": unsigned(1),
                "own": unsigned(1 if geometry.recurrent_bits else 0),
                "tap": unsigned(tap_bits(geometry)),
                "level": unsigned(level_bits(geometry)),
                "address": unsigned(address_bits(widest)),
            }
        )
    )


def op_stream(geometry: ScatterGeometry) -> stream.Signature:
    """One row to add (or, in a pool, to compare), or the mark that closes the bank.

    Payload:
        last: 1 for a mark.
        own: 1 if the weights are the recurrent ones.
        tap: Whose gain.
        level: Factor; 1 stands for itself.
        plane: Power of two by which a graded event counts in this turn (bit planes only).
        row: Row of sums.
        weight: Row of weights (0 wide in a pool).
    """
    rows = max(geometry.weight_rows, geometry.recurrent_rows)
    planes = level_bits(geometry) if geometry.graded == "bitplane" else 1
    return stream.Signature(
        data.StructLayout(
            {
                "last": unsigned(1),
                "own": unsigned(1 if geometry.recurrent_bits else 0),
                "tap": unsigned(tap_bits(geometry)),
                "level": unsigned(level_bits(geometry)),
                "plane": unsigned((planes - 1).bit_length()),
                "row": unsigned(geometry.row_bits),
                "weight": unsigned(address_bits(rows) if rows else 0),
            }
        )
    )
