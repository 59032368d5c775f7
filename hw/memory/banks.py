"""Banks of cells behind a memory's ports: address decoding, column padding, output multiplexer.

A cell reads in one cycle and keeps its output until its next read. The bank that was read last is
remembered in a register, which steers the multiplexer, so a composed memory answers in one cycle
like a single cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Module, Signal, Value

from hw.memory.composition import Bank, Cell, Composition

__all__ = ["Access", "add_banks", "add_write_buffer", "bit_mask"]


@dataclass(frozen=True, kw_only=True)
class Access:
    """Signals of one port of a memory or cell; a port that never writes leaves data and mask out.

    Attributes:
        read, write: One bit each, never both in a cycle.
        address: The word.
        data: What to write.
        mask: One bit for each bit of data, 1 where it is to be written.
    """

    read: Any
    write: Any
    address: Any
    data: Any = None
    mask: Any = None


Attach = Callable[[Cell, tuple[Access, ...], Signal], Any]
"""Makes the instance of a cell from its ports and its output, which the last port reads."""


def bit_mask(grains: Value, grain: int) -> Value:
    """Write enables of grains as write enables of bits."""
    return Cat(enable.replicate(grain) for enable in grains)


def add_banks(
    m: Module, composition: Composition, ports: tuple[Access, ...], attach: Attach, out: Value
) -> None:
    """Build a composed memory; the last of its ports is the one that reads.

    Args:
        m: Where to add cells and the multiplexer.
        composition: The banks.
        ports: The memory's ports.
        attach: Makes a cell.
        out: The memory's output, valid a cycle after a read and kept until the next.
    """
    words = []
    for number, (begin, bank) in enumerate(composition.begins()):
        inner = [_within(m, port, begin, bank) for port in ports]
        words.append(_add_columns(m, f"bank{number}", bank, inner, attach))
    if len(words) == 1:
        m.d.comb += out.eq(words[0])
        return
    reading = ports[-1]
    chosen = Signal(range(len(words)), reset_less=True)
    with m.If(reading.read):
        for number, (begin, bank) in enumerate(composition.begins()):
            with m.If(_selects(reading.address, begin, bank)):
                m.d.sync += chosen.eq(number)
    with m.Switch(chosen):
        for number, word in enumerate(words):
            with m.Case(number):
                m.d.comb += out.eq(word)


def _selects(address: Value, begin: int, bank: Bank) -> Value:
    """Whether an address lies in a bank, which begins at a multiple of its depth."""
    assert begin % bank.depth == 0
    low = bank.depth.bit_length() - 1
    return address[low:] == begin >> low


def _within(m: Module, port: Access, begin: int, bank: Bank) -> Access:
    """A port of the memory as one bank sees it."""
    low = bank.depth.bit_length() - 1
    here = Signal()
    # A bank as deep as the address reaches has no high bits to compare.
    m.d.comb += here.eq(_selects(port.address, begin, bank) if len(port.address) > low else 1)
    return Access(
        read=port.read & here, write=port.write & here, address=port.address[:low],
        data=port.data, mask=port.mask,
    )  # fmt: skip


def _add_columns(m: Module, name: str, bank: Bank, ports: list[Access], attach: Attach) -> Value:
    """The cells of a bank side by side; bits beyond the word are never written."""
    words, begin = [], 0
    for number, cell in enumerate(bank.cells):
        word = Signal(cell.width, name=f"{name}_column{number}")
        inner = tuple(_slice(m, port, begin, cell) for port in ports)
        m.submodules[f"{name}_column{number}"] = attach(cell, inner, word)
        words.append(word)
        begin += cell.width
    return Cat(*words)


def _slice(m: Module, port: Access, begin: int, cell: Cell) -> Access:
    """A port of a bank as one of its cells sees it."""
    address = Signal(cell.depth.bit_length() - 1, name="cell_address")
    m.d.comb += address.eq(port.address)
    if port.data is None:
        return Access(read=port.read, write=port.write, address=address)
    data, mask = Signal(cell.width, name="cell_data"), Signal(cell.width, name="cell_mask")
    m.d.comb += [
        data.eq(port.data[begin : begin + cell.width]),
        mask.eq(port.mask[begin : begin + cell.width]),
    ]
    return Access(read=port.read, write=port.write, address=address, data=data, mask=mask)


def add_write_buffer(
    m: Module, *, read: Value, read_address: Value, write: Value, write_address: Value, data: Value
) -> tuple[Access, Access, Signal, Signal]:
    """Keep a read and a write of one word apart, so that two-port cells never see both at once.

    A write reaches the cells a cycle late; a read of the word then waiting takes it from here.
    So a read in the cycle of a write gives the old word, and from the next cycle on the new one.

    Returns:
        The ports for the cells (write, read), and for the output: whether the last read came from
        here, and the word.
    """
    waiting, hit = Signal(), Signal()
    address = Signal.like(write_address, name="waiting_address", reset_less=True)
    word = Signal.like(data, name="waiting_word", reset_less=True)
    caught = Signal.like(data, name="caught_word", reset_less=True)
    from_here = Signal(reset_less=True)
    m.d.comb += hit.eq(waiting & (address == read_address))
    m.d.sync += waiting.eq(write)
    with m.If(write):
        m.d.sync += [address.eq(write_address), word.eq(data)]
    with m.If(read):
        m.d.sync += from_here.eq(hit)
        with m.If(hit):
            m.d.sync += caught.eq(word)
    everything = waiting.replicate(len(word))
    return (
        Access(read=0, write=waiting, address=address, data=word, mask=everything),
        Access(read=read & ~hit, write=0, address=read_address),
        from_here,
        caught,
    )
