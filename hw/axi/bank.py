"""An AXI4-Lite slave that decodes the declared registers."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.axi.registers import BITS, Access, Register, address_width

__all__ = ["OKAY", "SLVERR", "RegisterBank", "axi_lite"]

OKAY, SLVERR = 0, 2
_WORD = 2  # low address bits within a word


def axi_lite(address_bits: int) -> wiring.Signature:
    """AXI4-Lite with 32-bit data, as its master sees it."""
    return wiring.Signature(
        {
            "awaddr": Out(address_bits), "awprot": Out(3), "awvalid": Out(1), "awready": In(1),
            "wdata": Out(BITS), "wstrb": Out(BITS // 8), "wvalid": Out(1), "wready": In(1),
            "bresp": In(2), "bvalid": In(1), "bready": Out(1),
            "araddr": Out(address_bits), "arprot": Out(3), "arvalid": Out(1), "arready": In(1),
            "rdata": In(BITS), "rresp": In(2), "rvalid": In(1), "rready": Out(1),
        }
    )  # fmt: skip


class RegisterBank(wiring.Component):
    """Registers behind AXI4-Lite; one write and one read may be under way at a time.

    Members:
        axi: In(axi_lite). Address and data of a write may come in any order. The two lowest
            address bits and the protection bits are ignored.
        value_<register>: In(32 or 64). What a host reads (registers with access ``read`` that are
            named in ``variable``; the others are constants).
        hold_<register>: Out(32). What a host wrote (access ``read, write``).
        write_<register>: Out(1). A write takes place in this cycle (access ``write``).
        data, strobe: Out(32), Out(4). Of that write.
        wait: In(1). Writes to registers with access ``write`` wait while it is high.

    Anything that a register does not allow, and any address without a register, is answered by
    SLVERR; the read data are 0 then, and the write has no effect. No output depends on an input
    of the same cycle. A read is answered in the second cycle after its address, a write in the
    second after the later of address and data.
    """

    def __init__(self, registers: tuple[Register, ...], variable: frozenset[str]):
        self._registers = registers
        self._variable = variable
        members: dict[str, wiring.Member] = {
            "axi": In(axi_lite(address_width(registers))),
            "data": Out(BITS),
            "strobe": Out(BITS // 8),
            "wait": In(1),
        }
        for register in registers:
            if register.access is Access.BOTH:
                members[f"hold_{register.key}"] = Out(BITS, init=register.value)
            elif register.access is Access.WRITE:
                members[f"write_{register.key}"] = Out(1)
            elif register.key in variable:
                members[f"value_{register.key}"] = In(BITS * register.words)
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self._add_write(m)
        self._add_read(m)
        return m

    def _add_write(self, m: Module) -> None:
        axi = self.axi
        addressed, filled, ready = Signal(), Signal(), Signal()
        word = Signal(len(axi.awaddr) - _WORD)
        m.d.comb += [
            axi.awready.eq(~addressed),
            axi.wready.eq(~filled),
            ready.eq(addressed & filled & ~axi.bvalid),
        ]
        with m.If(axi.awvalid & axi.awready):
            m.d.sync += [addressed.eq(1), word.eq(axi.awaddr[_WORD:])]
        with m.If(axi.wvalid & axi.wready):
            m.d.sync += [filled.eq(1), self.data.eq(axi.wdata), self.strobe.eq(axi.wstrb)]
        with m.If(axi.bvalid & axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        done = [addressed.eq(0), filled.eq(0), axi.bvalid.eq(1), axi.bresp.eq(OKAY)]
        with m.If(ready), m.Switch(word):
            for register in self._registers:
                if register.access is Access.BOTH:
                    with m.Case(register.offset >> _WORD):
                        m.d.sync += done
                        self._hold(m, getattr(self, f"hold_{register.key}"))
                elif register.access is Access.WRITE:
                    with m.Case(register.offset >> _WORD), m.If(~self.wait):
                        m.d.sync += done
                        m.d.comb += getattr(self, f"write_{register.key}").eq(1)
            with m.Default():
                m.d.sync += [*done, axi.bresp.eq(SLVERR)]

    def _hold(self, m: Module, held: Signal) -> None:
        """Byte by byte, those with a strobe."""
        for byte in range(BITS // 8):
            with m.If(self.strobe[byte]):
                m.d.sync += held.word_select(byte, 8).eq(self.data.word_select(byte, 8))

    def _add_read(self, m: Module) -> None:
        axi = self.axi
        addressed = Signal()
        word = Signal(len(axi.araddr) - _WORD)
        m.d.comb += axi.arready.eq(~addressed)
        with m.If(axi.arvalid & axi.arready):
            m.d.sync += [addressed.eq(1), word.eq(axi.araddr[_WORD:])]
        with m.If(axi.rvalid & axi.rready):
            m.d.sync += axi.rvalid.eq(0)
        with m.If(addressed & ~axi.rvalid):
            m.d.sync += [addressed.eq(0), axi.rvalid.eq(1), axi.rresp.eq(OKAY)]
            with m.Switch(word):
                for register in self._registers:
                    if register.access is Access.WRITE:
                        continue
                    for number in range(register.words):
                        with m.Case((register.offset >> _WORD) + number):
                            m.d.sync += axi.rdata.eq(self._read(register, number))
                with m.Default():
                    m.d.sync += [axi.rdata.eq(0), axi.rresp.eq(SLVERR)]

    def _read(self, register: Register, number: int) -> Any:
        if register.access is Access.BOTH:
            return getattr(self, f"hold_{register.key}")
        if register.key not in self._variable:
            return register.value >> (BITS * number) & ((1 << BITS) - 1)
        value = getattr(self, f"value_{register.key}")
        return value[BITS * number : BITS * (number + 1)]
