"""Memories from the SRAM macros of the IHP SG13G2 open PDK.

Sizes, ports and areas are those of the PDK's Liberty files. The macros are black boxes here; their
simulation models are ours. A memory that is smaller as flip-flops stays generic. The one macro
without a write mask (8192 x 32) is left out: content is loaded byte by byte.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from amaranth import ClockSignal, Instance, Module, Mux, Signal

from hw.memory.banks import Access, add_banks, add_write_buffer, bit_mask
from hw.memory.composition import Cell, Composition, compose

__all__ = [
    "MACROS", "add_sg13g2", "sg13g2_black_boxes", "sg13g2_composition", "sg13g2_models",
]  # fmt: skip

_PREFIX = "RM_IHPSG13_"
# Ports, depth, width, the c of the name, area in um2.
_SIZES = (
    (1, 64, 64, 2, 50489.1), (1, 256, 8, 3, 17546.9), (1, 256, 16, 2, 28127.1),
    (1, 256, 32, 2, 49488.5), (1, 256, 48, 2, 70849.9), (1, 256, 64, 2, 93180.5),
    (1, 512, 8, 3, 26138.0), (1, 512, 16, 2, 45309.3), (1, 512, 32, 2, 79719.9),
    (1, 512, 64, 2, 150102.0), (1, 1024, 8, 2, 49419.2), (1, 1024, 16, 2, 79673.7),
    (1, 1024, 32, 2, 140183.0), (1, 1024, 64, 2, 263946.0), (1, 2048, 64, 2, 491634.0),
    (1, 4096, 8, 3, 146413.0), (1, 4096, 16, 3, 257609.0),
    (2, 256, 32, 2, 96266.6), (2, 512, 32, 2, 150650.0), (2, 1024, 32, 2, 264167.0),
)  # fmt: skip

MACROS: dict[int, tuple[Cell, ...]] = {
    ports: tuple(
        Cell(name=f"{_PREFIX}{ports}P_{depth}x{width}_c{c}_bm_bist", width=width, depth=depth,
             area_um2=area)
        for count, depth, width, c, area in _SIZES if count == ports
    )
    for ports in (1, 2)
}  # fmt: skip
"""Macros by their number of ports."""

_SHALLOW, _SMALL_UM2 = 256, 0.5e6
"""Words of macros whose reads cost least, and the area that they may always take for it."""
_BIT_AREA_UM2 = 48.9888 + 18.144
"""A bit of a memory made of flip-flops: sg13g2_dfrbpq_1, and sg13g2_mux2_1 to read it."""


def sg13g2_composition(
    width: int, depth: int, grain: int, ports: int, bank_words: int | None = None
) -> Composition | None:
    """Macros for a memory, or nothing where flip-flops are smaller (or only they can do it).

    Shallow macros take more area and less energy: ``bank_words`` is the depth of the deepest to
    use, as far as there are any; a memory that is small anyway gets the shallowest then.
    """
    if ports == 2 and grain != width:
        return None  # the write buffer holds whole words
    cells = MACROS[ports]
    most = max(bank_words or 0, min(cell.depth for cell in cells))
    shallow = [cell for cell in cells if bank_words is None or cell.depth <= most]
    found = compose(width, depth, shallow)
    if bank_words is not None:
        least = [cell for cell in cells if cell.depth <= _SHALLOW]
        other = compose(width, depth, least)
        found = other if other.area_um2 <= _SMALL_UM2 else found
    return found if found.area_um2 < width * depth * _BIT_AREA_UM2 else None


def add_sg13g2(m: Module, ram: Any, composition: Composition) -> None:
    """Build a :class:`hw.ram.Ram` from macros of as many ports as it needs."""
    if ram.ports == 1:
        write = Signal()
        m.d.comb += write.eq(ram.we.any())
        port = Access(
            read=ram.re & ~write, write=write, address=Mux(write, ram.wa, ram.ra), data=ram.wd,
            mask=bit_mask(ram.we, ram.grain),
        )  # fmt: skip
        add_banks(m, composition, (port,), _instance, ram.rd)
        return
    word = Signal(ram.width)
    writing, reading, buffered, caught = add_write_buffer(
        m, read=ram.re, read_address=ram.ra, write=ram.we, write_address=ram.wa, data=ram.wd
    )
    add_banks(m, composition, (writing, reading), _instance, word)
    m.d.comb += ram.rd.eq(Mux(buffered, caught, word))


def _instance(cell: Cell, ports: tuple[Access, ...], out: Signal) -> Instance:
    """A macro; the first port is A, the last one reads."""
    pins: dict[str, Any] = {}
    for letter, port in zip("AB", ports, strict=False):
        reads = port is ports[-1]
        pins |= {
            f"i_{letter}_CLK": ClockSignal(),
            f"i_{letter}_MEN": port.read | port.write,
            f"i_{letter}_REN": port.read,
            f"i_{letter}_WEN": port.write,
            f"i_{letter}_ADDR": port.address,
            f"i_{letter}_DIN": Signal(cell.width) if port.data is None else port.data,
            f"i_{letter}_BM": Signal(cell.width) if port.mask is None else port.mask,
            f"i_{letter}_DLY": 1,
            f"o_{letter}_DOUT": out if reads else Signal(cell.width, name="unused_output"),
        }
        pins |= {f"i_{letter}_BIST_{pin}": 0 for pin in ("EN", "CLK", "MEN", "REN", "WEN")}
        pins |= {
            f"i_{letter}_BIST_ADDR": Signal(len(port.address)),
            f"i_{letter}_BIST_DIN": Signal(cell.width),
            f"i_{letter}_BIST_BM": Signal(cell.width),
        }
    return Instance(cell.name, **pins)


def sg13g2_models(verilog: str) -> str:
    """Simulation models of the macros that a text has instances of."""
    used = _used(verilog)
    if not used:
        return ""
    cores = files("hw.memory").joinpath("sg13g2.v").read_text()
    return "`ifndef SYNTHESIS\n" + cores + "".join(_shell(*each) for each in used) + "`endif\n"


def sg13g2_black_boxes(verilog: str) -> str:
    """Empty modules with the ports of the macros that a text has instances of."""
    return "".join(f"{_head(*each)}endmodule\n" for each in _used(verilog))


def _used(verilog: str) -> list[tuple[Cell, int]]:
    """The macros that a text names, and how many ports each has."""
    names = set(re.findall(rf"{_PREFIX}[12]P_\w+", verilog))
    cells = {cell.name: (cell, ports) for ports, same in MACROS.items() for cell in same}
    return [cells[name] for name in sorted(names)]


def _head(cell: Cell, ports: int) -> str:
    """A macro's module up to the end of its ports, which are the PDK's."""
    address, data = cell.depth.bit_length() - 2, cell.width - 1
    declared = []
    for letter in "AB"[:ports]:
        for bist in ("", "BIST_"):
            pins = [("CLK", 0), ("MEN", 0), ("REN", 0), ("WEN", 0), ("ADDR", address),
                    ("DIN", data), ("BM", data), ("EN" if bist else "DLY", 0)]  # fmt: skip
            declared += [f"    input wire [{top}:0] {letter}_{bist}{pin}" for pin, top in pins]
        declared.append(f"    output wire [{data}:0] {letter}_DOUT")
    return f"\nmodule {cell.name} (\n" + ",\n".join(declared) + "\n);\n"


def _shell(cell: Cell, ports: int) -> str:
    """A macro's own name and ports around the common model."""
    connected = []
    for letter in "AB"[:ports]:
        for pin in ("CLK", "MEN", "REN", "WEN", "ADDR", "DIN", "BM", "DOUT"):
            inner = pin.lower() if ports == 1 else f"{letter.lower()}_{pin.lower()}"
            connected.append(f"      .{inner}({letter}_{pin})")
    width, address = cell.width, cell.depth.bit_length() - 1
    return (
        _head(cell, ports)
        + f"  spikeforge_macro_{ports}p #(.WIDTH({width}), .ADDRESS({address})) model (\n"
        + ",\n".join(connected) + "\n  );\nendmodule\n"
    )  # fmt: skip
