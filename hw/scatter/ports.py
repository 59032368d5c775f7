"""The ports between the parts of a scatter layer."""

from __future__ import annotations

from amaranth import signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.scatter.geometry import ScatterGeometry

__all__ = ["bank_port", "readout_port"]


def bank_port(geometry: ScatterGeometry) -> wiring.Signature:
    """A closed bank of sums, read row by row and cleared on the way (Out: the accumulator).

    Banks come in the order of the steps. ``re`` may come in the cycle of ``take`` already, and
    every row must be read exactly once before or with ``free``: reading clears it.

    Members:
        closed: A bank is complete and nobody has taken it.
        first: It is step 0 of its image (valid from closed to free).
        last: It is the last step of its image (valid from closed to free); windowed: both are 1.
        take: Scan starts on it; only while closed is high, which it leaves in the next cycle.
        re: Read a row of the taken bank.
        row: Which, 0..rows-1.
        data: That row one cycle later, lane 0 in the lowest bits, each lane ``acc_bits`` wide
            (two's complement; unsigned in a pool). Kept until the next read, but after ``free``
            only for one cycle.
        free: In the cycle of the last read or later: the bank is done with. In the next cycle
            closed may be high for the other bank, and this one is filled again.
    """
    return wiring.Signature(
        {
            "closed": Out(1),
            "first": Out(1),
            "last": Out(1),
            "take": In(1),
            "re": In(1),
            "row": In(geometry.row_bits),
            "data": Out(geometry.lanes * geometry.acc_bits),
            "free": In(1),
        }
    )


def readout_port(geometry: ScatterGeometry) -> wiring.Signature:
    """Rows of the output layer, every row of every step in order (Out: the scan).

    A stream in all but its payload, which is one port a lane.

    Members:
        valid, ready: As in a stream.
        row: Which row, 0..rows-1.
        last_row: It is the last row of its step.
        first_step: The step is step 0 of its image.
        last_step: The step is the last of its image.
        membranes: V of each lane as compared with the threshold, in LSBs.
        finals: V of each lane as stored after the step.
        fired: One bit a lane; 0 for a lane without a neuron.
    """
    bits = geometry.membrane_bits
    return wiring.Signature(
        {
            "valid": Out(1),
            "ready": In(1),
            "row": Out(geometry.row_bits),
            "last_row": Out(1),
            "first_step": Out(1),
            "last_step": Out(1),
            "membranes": Out(signed(bits)).array(geometry.lanes),
            "finals": Out(signed(bits)).array(geometry.lanes),
            "fired": Out(geometry.lanes),
        }
    )
