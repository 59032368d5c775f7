"""The assumptions of the fpga method, in words."""

from __future__ import annotations

__all__ = ["ECP5_NOTES", "NOTES", "NOT_INCLUDED", "TERMS"]

TERMS = (
    "static", "clock tree", "quiet cells", "busy cells", "DSP", "block RAM", "SPRAM",
    "clock source",
)  # fmt: skip

NOTES = (
    "lowest and highest: every assumption at that end; low and high: memory accesses at that end, "
    "the model's own value for the rest",
    "the fit saw designs of 28 to 228 cells and 6 to 48 MHz; larger designs and slower clocks are "
    "extrapolated, linearly",
    "busy cells: each bit of a counted addition, comparison, register write and transfer, and each "
    "partial product, makes one cell busy for a cycle, at the current of a cell of an 8 x 8 "
    "multiplier with new operands in every cycle, glitches included; control and multiplexers are "
    "not counted. lowest: a register bit shares the cell of the logic before it and is not counted "
    "beside it; highest: every cell is busy while an image is inside",
    "quiet cells: all others, the serial link's among them, at the current of a counter's cells. "
    "highest: at what a published design that fills the chip draws idle, a cell",
    "DSP: busy in every cycle while an image is inside; lowest: never",
    "block RAM and SPRAM: counted accesses times CACTI's energies for plain RAMs of a neighbouring "
    "node, without and with a guard of 3; no published current names them. highest: every block "
    "is read in every cycle while an image is inside. Their leakage is in the static term",
    "memories that are clocked without access cost nothing except at the highest end, where the "
    "published design's idle current holds them",
    "between images the clock keeps running and every cell is quiet",
)

NOT_INCLUDED = (
    "pins and their supplies",
    "the oscillator on the board (its current is unknown)",
    "the board's regulators",
    "the flash, and loading content from it",
    "the serial link at work",
)

ECP5_NOTES = (
    "ECP5: no readable source gives its static current, or that of its clock network, cells, DSPs "
    "or block RAMs; only cycles and times are known",
)
