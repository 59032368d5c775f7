"""A RAM as a black box, so that block RAM, SPRAM and ASIC macros can take its place.

Its Verilog (``ram.v``) goes into the generated file. Amaranth's own ``Memory`` always carries
initial content, one statement a row, which costs minutes of compile time for a weight memory.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from amaranth import ClockSignal, Instance, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.geometry import address_bits

__all__ = ["Ram", "ram_verilog"]


def ram_verilog() -> str:
    """Source text of the ``spikeforge_ram`` module."""
    return files("hw").joinpath("ram.v").read_text()


class Ram(wiring.Component):
    """One read port, one write port; latency of a read: 1 cycle, throughput one a cycle.

    Members:
        re: In(1). Read; without it ``rd`` keeps its last word.
        ra: In(address). Word to read.
        rd: Out(width). The word, one cycle later.
        we: In(width / grain). Write enable for each grain of bits.
        wa: In(address). Word to write.
        wd: In(width). What to write.

    Reading a word in the cycle in which it is written gives the old word. No reset.
    """

    def __init__(self, *, width: int, depth: int, grain: int, init: str = ""):
        if width % grain:
            raise ValueError(f"width must be a multiple of grain, not {width!r} of {grain!r}")
        self.depth = depth
        self.width = width
        self.grain = grain
        self.init = init
        address = address_bits(depth)
        super().__init__(
            {
                "re": In(1),
                "ra": In(address),
                "rd": Out(width),
                "we": In(width // grain),
                "wa": In(address),
                "wd": In(width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.ram = Instance(
            "spikeforge_ram",
            p_WIDTH=self.width,
            p_DEPTH=self.depth,
            p_ADDRESS=address_bits(self.depth),
            p_GRAIN=self.grain,
            p_INIT=self.init,
            i_clk=ClockSignal(),
            i_re=self.re,
            i_ra=self.ra,
            o_rd=self.rd,
            i_we=self.we,
            i_wa=self.wa,
            i_wd=self.wd,
        )
        return m
