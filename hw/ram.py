"""A RAM as a black box: block RAM, registers, SPRAM or ASIC macros, as the technology has them.

The generic one (``ram.v``) goes into the generated file. Amaranth's own ``Memory`` always carries
initial content, one statement a row, which costs minutes of compile time for a weight memory.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from amaranth import ClockSignal, Instance, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.memory.composition import Composition
from hw.memory.sg13g2 import add_sg13g2, sg13g2_composition, sg13g2_models
from hw.memory.spram import add_spram, spram_composition, spram_models
from hw.memory.technology import Technology, bank_words_of, technology_of
from hw.widths import address_bits

__all__ = ["Ram", "ram_composition", "ram_verilog"]


def ram_verilog(design: str = "") -> str:
    """What a design's memories need: ``spikeforge_ram``, and models of the cells it names."""
    generic = files("hw").joinpath("ram.v").read_text()
    return generic + spram_models(design) + sg13g2_models(design)


def ram_composition(
    technology: Technology, *, width: int, depth: int, grain: int, ports: int,
    bank_words: int | None = None,
) -> Composition | None:  # fmt: skip
    """Cells that a technology makes a memory of; nothing for a generic one."""
    if technology is Technology.SPRAM:
        return spram_composition(width, depth, grain, ports)
    if technology is Technology.SG13G2:
        return sg13g2_composition(width, depth, grain, ports, bank_words)
    return None


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

    Args:
        width: Bits of a word.
        depth: Words.
        grain: Bits with a write enable of their own.
        init: Hex file of its first content, or nothing: then it is unknown until written.
        ports: 1 if reads and writes never fall into one cycle and ``rd`` need not outlive a write
            (content, written only while loading), so that one port will do; 2 otherwise.
        apart: No word is ever read in the cycle in which it is written: no logic for the old one.

    Platform overrides:
        ``memory_technology`` (:class:`hw.memory.technology.Technology`) chooses what it is made of,
        ``bank_words`` the deepest macro.
    """

    def __init__(
        self, *, width: int, depth: int, grain: int, init: str = "", ports: int = 2,
        apart: bool = False,
    ):  # fmt: skip
        if width % grain:
            raise ValueError(f"width must be a multiple of grain, not {width!r} of {grain!r}")
        if ports not in (1, 2):
            raise ValueError(f"ports must be 1 or 2, not {ports!r}")
        self.depth = depth
        self.width = width
        self.grain = grain
        self.init = init
        self.ports = ports
        self.apart = apart
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
        technology = technology_of(platform)
        found = ram_composition(
            technology, width=self.width, depth=self.depth, grain=self.grain, ports=self.ports,
            bank_words=bank_words_of(platform),
        )  # fmt: skip
        if found is None or self.init:
            m.submodules.ram = self._generic()
        elif technology is Technology.SPRAM:
            add_spram(m, self, found)
        else:
            add_sg13g2(m, self, found)
        return m

    def _generic(self) -> Instance:
        return Instance(
            "spikeforge_ram",
            p_WIDTH=self.width,
            p_DEPTH=self.depth,
            p_ADDRESS=address_bits(self.depth),
            p_GRAIN=self.grain,
            p_PORTS=self.ports,
            p_APART=int(self.apart),
            p_INIT=self.init,
            i_clk=ClockSignal(),
            i_re=self.re,
            i_ra=self.ra,
            o_rd=self.rd,
            i_we=self.we,
            i_wa=self.wa,
            i_wd=self.wd,
        )
