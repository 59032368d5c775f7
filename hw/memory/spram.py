"""Memories from the iCE40UP5K's single-port RAM, four blocks of 16k x 16 bits.

Ports as in Lattice's *iCE40 Technology Library* (SB_SPRAM256KA). A block cannot be initialized, a
write leaves its output undefined, and four of its bits share a write enable.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from amaranth import Cat, ClockSignal, Instance, Module, Mux, Signal

from hw.memory.banks import Access, add_banks, bit_mask
from hw.memory.composition import Cell, Composition, compose

__all__ = ["SPRAM", "add_spram", "spram_composition", "spram_models"]

SPRAM = Cell(name="SB_SPRAM256KA", width=16, depth=1 << 14, area_um2=1.0)
_NIBBLE = 4
_LEAST_BITS = 4 * 4096
"""Memories below this, four block RAMs, stay block RAM: there are four SPRAMs and 30 of those."""


def spram_composition(width: int, depth: int, grain: int, ports: int) -> Composition | None:
    """Blocks for a memory, or nothing where block RAM serves better (or only block RAM can)."""
    writable = grain == width or grain % _NIBBLE == 0
    if ports != 1 or not writable or width * depth < _LEAST_BITS:
        return None
    return compose(width, depth, [SPRAM])


def add_spram(m: Module, ram: Any, composition: Composition) -> None:
    """Build a :class:`hw.ram.Ram`; while it is written, nothing reads."""
    write = Signal()
    m.d.comb += write.eq(ram.we.any())
    port = Access(
        read=ram.re & ~write, write=write, address=Mux(write, ram.wa, ram.ra), data=ram.wd,
        mask=bit_mask(ram.we, ram.grain),
    )  # fmt: skip
    add_banks(m, composition, (port,), _instance, ram.rd)


def _instance(cell: Cell, ports: tuple[Access, ...], out: Signal) -> Instance:
    (port,) = ports
    return Instance(
        cell.name,
        i_CLOCK=ClockSignal(),
        i_CHIPSELECT=port.read | port.write,
        i_WREN=port.write,
        i_ADDRESS=port.address,
        i_DATAIN=port.data,
        i_MASKWREN=Cat(port.mask[n] for n in range(0, cell.width, _NIBBLE)),
        i_STANDBY=0,
        i_SLEEP=0,
        i_POWEROFF=1,  # low switches it off
        o_DATAOUT=out,
    )


def spram_models(verilog: str) -> str:
    """Simulation model of the block, if a text has one; synthesis knows the block itself."""
    if SPRAM.name not in verilog:
        return ""
    return files("hw.memory").joinpath("spram.v").read_text()
