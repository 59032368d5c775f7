"""Two memories of sums that change places: one is read and added to, one is scanned and cleared."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.ram import Ram
from hw.scatter.geometry import ScatterGeometry

__all__ = ["Banks"]


class Banks(wiring.Component):
    """Each bank serves the scan or the adder, never both; whoever uses it keeps to that.

    Reads take a cycle. A row that the scan reads in cycle c is set to zero in c + 1. After reset
    all rows are, one a cycle in both banks.

    Members:
        scan_re: In(1), scan_row, scan_bank: In. The scan reads a row.
        scanned: Out(lanes * acc_bits). That row, kept until the next read of the bank.
        load_re: In(1), load_row, load_bank: In. The adder reads a row.
        loaded: Out(lanes * acc_bits, twice). That row, of either bank.
        store_we: In(1), store_row, store_bank, store: In. The adder writes a row.
        cleared: Out(1). All rows were cleared after reset.
        active: Out(1). A register or memory may change in this cycle.

    Memory: two RAMs of ``rows`` words of ``lanes`` sums, each with a read and a write port.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        row, width = geometry.row_bits, geometry.lanes * geometry.acc_bits
        super().__init__(
            {
                "scan_re": In(1), "scan_row": In(row), "scan_bank": In(1), "scanned": Out(width),
                "load_re": In(1), "load_row": In(row), "load_bank": In(1),
                "loaded": Out(width).array(2),
                "store_we": In(1), "store_row": In(row), "store_bank": In(1), "store": In(width),
                "cleared": Out(1), "active": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        geometry = self._geometry
        width = geometry.lanes * geometry.acc_bits
        clearing = Signal(geometry.row_bits)
        clear, clear_row, clear_bank = Signal(), Signal(geometry.row_bits), Signal()
        m.d.sync += clear.eq(self.scan_re)
        with m.If(self.scan_re):
            m.d.sync += [clear_row.eq(self.scan_row), clear_bank.eq(self.scan_bank)]
        with m.If(~self.cleared):
            m.d.sync += clearing.eq(clearing + 1)
            with m.If(clearing == geometry.rows - 1):
                m.d.sync += self.cleared.eq(1)
        for number in range(2):
            ram = Ram(width=width, depth=geometry.rows, grain=width)
            m.submodules[f"bank_{number}"] = ram
            scanning = self.scan_re & (self.scan_bank == number)
            storing = self.store_we & (self.store_bank == number)
            m.d.comb += [
                ram.re.eq(scanning | (self.load_re & (self.load_bank == number))),
                ram.ra.eq(Mux(scanning, self.scan_row, self.load_row)),
                ram.we.eq(~self.cleared | storing | (clear & (clear_bank == number))),
                ram.wa.eq(
                    Mux(~self.cleared, clearing, Mux(storing, self.store_row, clear_row))
                ),
                ram.wd.eq(Mux(storing, self.store, 0)),
                self.loaded[number].eq(ram.rd),
            ]  # fmt: skip
        m.d.comb += [
            self.scanned.eq(Mux(clear_bank, self.loaded[1], self.loaded[0])),
            self.active.eq(~self.cleared | self.scan_re | clear | self.load_re | self.store_we),
        ]
        return m
