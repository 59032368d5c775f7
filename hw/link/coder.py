"""A pixel becomes a level, as :func:`spikeforge.coding.encode` defines it, in gates."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.link.protocol import Coding
from spikeforge.schema import InputCoding, InputSpec

__all__ = ["PixelCoder", "image_coding", "level_bits"]

_MOST_STEPS = 255


def image_coding(spec: InputSpec) -> Coding:
    """How images are coded for a network; NONE: it takes events only."""
    if spec.coding is InputCoding.GRADED:
        return Coding.GRADED
    if spec.coding is InputCoding.TTFS_LEVELS and spec.steps <= _MOST_STEPS:
        return Coding.TTFS_LEVELS
    return Coding.NONE


def level_bits(spec: InputSpec) -> int:
    """Width of a level."""
    if spec.coding is InputCoding.GRADED:
        return spec.bits
    return spec.steps.bit_length() if spec.coding is InputCoding.TTFS_LEVELS else 1


class PixelCoder(wiring.Component):
    """Combinational.

    Members:
        pixel: In(8).
        level: Out. 0: silent.

    The division by 255 is exact for every y = pixel * T + 127 that can come: y / 255 rounded down
    is (y + 1 + (y >> 8)) >> 8 below 65,535.
    """

    def __init__(self, spec: InputSpec):
        self._spec = spec
        super().__init__({"pixel": In(8), "level": Out(level_bits(spec))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, coding = self._spec, image_coding(self._spec)
        if coding is Coding.GRADED:
            m.d.comb += self.level.eq(self.pixel >> (8 - spec.bits))
        elif coding is Coding.TTFS_LEVELS:
            scaled = Signal(16)
            m.d.comb += [
                scaled.eq(self.pixel * spec.steps + 127),
                self.level.eq(
                    Mux(self.pixel >= spec.threshold, (scaled + 1 + (scaled >> 8)) >> 8, 0)
                ),
            ]
        return m
