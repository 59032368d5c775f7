"""Sums in two banks: one is added to while the other is read, row by row, and cleared."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.scatter.banks import Banks
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.items import op_stream
from hw.scatter.ports import bank_port
from hw.widths import address_bits

__all__ = ["Accumulate"]


class Accumulate(wiring.Component):
    """A[row] += weight * factor for ``lanes`` neurons a cycle; in a pool, A[row] = max(A[row], k).

    An operation accepted in cycle s reads its weights in s, its sums in s + 1, and writes in s + 2;
    two of the same row in a row forward the sum. Nothing stalls the pipeline: ``i`` is ready unless
    the bank to be filled still waits for the scan or is under it.

    A mark accepted in cycle s closes its bank: ``bank.closed`` is high from s + 2 on, if the bank
    before has been freed by then; else from the cycle after that. A bank that is freed in cycle f
    takes operations from f + 1 on. After reset both banks are cleared, which takes ``rows`` cycles
    and the input waits for.

    Members:
        i: In(op_stream). Operations and marks.
        bank: Out(bank_port). Closed banks, in order.
        weight_re, weight_row: Out. Reads a weight row (absent in a pool).
        weight: In(lanes * weight_bits). That row, one cycle later.
        own_re, own_row, own_weight: The same of the recurrent weights (absent without).
        cleared: Out(1). The banks were cleared after reset.
        sum_read, added: Out(1). Sums are read, or written, by an operation (for counting).
        active: Out(1). A register or memory may change in this cycle.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = geometry
        members: dict[str, Any] = {
            "i": In(op_stream(geometry)),
            "bank": Out(bank_port(geometry)),
            "cleared": Out(1),
            "sum_read": Out(1),
            "added": Out(1),
            "active": Out(1),
        }
        lanes = geometry.lanes
        for name, rows, bits in (
            ("weight", geometry.weight_rows, geometry.weight_bits),
            ("own", geometry.recurrent_rows, geometry.recurrent_bits),
        ):
            if rows:
                members[f"{name}_re"] = Out(1)
                members[f"{name}_row"] = Out(address_bits(rows))
                members["weight" if name == "weight" else "own_weight"] = In(lanes * bits)
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        g = self._geometry
        m.submodules.banks = banks = Banks(g)
        fill, scan, taken = Signal(), Signal(), Signal()
        busy = Signal(2)  # its mark was accepted, it is not free yet
        closed = Signal(2)  # its last sum is written
        accept = Signal()
        word, word_mark, adding = Signal(), Signal(), Signal()  # second, second, third cycle
        m.d.comb += [
            self.i.ready.eq(banks.cleared & ~busy.bit_select(fill, 1)),
            accept.eq(self.i.valid & self.i.ready),
            self.bank.closed.eq(closed.bit_select(scan, 1) & ~taken),
            banks.scan_re.eq(self.bank.re),
            banks.scan_row.eq(self.bank.row),
            banks.scan_bank.eq(scan),
            self.bank.data.eq(banks.scanned),
            self.cleared.eq(banks.cleared),
            self.added.eq(adding),
            self.active.eq(
                self.i.valid | word | word_mark | adding
                | self.bank.take | self.bank.free | banks.active
            ),
        ]  # fmt: skip
        m.d.sync += [
            word.eq(accept & ~self.i.p.last),
            word_mark.eq(accept & self.i.p.last),
            adding.eq(word),
        ]
        word_bank = Signal(reset_less=True)
        with m.If(accept):
            m.d.sync += word_bank.eq(fill)
            with m.If(self.i.p.last):
                m.d.sync += [busy.bit_select(fill, 1).eq(1), fill.eq(~fill)]
        with m.If(word_mark):
            m.d.sync += closed.bit_select(word_bank, 1).eq(1)
        with m.If(self.bank.take):
            m.d.sync += taken.eq(1)
        with m.If(self.bank.free):
            m.d.sync += [
                taken.eq(0), scan.eq(~scan), closed.bit_select(scan, 1).eq(0),
                busy.bit_select(scan, 1).eq(0),
            ]  # fmt: skip
        self._add_steps(m)
        self._add_sums(m, banks, accept, word, word_bank, adding)
        return m

    def _add_steps(self, m: Module) -> None:
        """Which step of its image the bank under the scan is."""
        steps = self._geometry.steps
        step = Signal(range(max(2, steps)))
        m.d.comb += [self.bank.first.eq(step == 0), self.bank.last.eq(step == steps - 1)]
        if steps > 1:
            with m.If(self.bank.free):
                m.d.sync += step.eq(Mux(step == steps - 1, 0, step + 1))

    def _add_sums(
        self, m: Module, banks: Banks, accept: Signal, word: Signal, word_bank: Signal,
        adding: Signal,
    ) -> None:  # fmt: skip
        """Second and third cycle of an operation: sums are read, and written."""
        op = Signal(self.i.p.shape(), reset_less=True)
        with m.If(accept):
            m.d.sync += op.eq(self.i.p)
        products = self._add_products(m, accept, word, op)
        row, bank = Signal.like(op.row, name="sum_row"), Signal(name="sum_bank")
        again, forward = Signal(), Signal(reset_less=True)  # the row that is being written
        held = Signal(len(banks.store), reset_less=True)
        old = Signal.like(banks.store)
        m.d.comb += [
            again.eq(adding & (row == op.row)),  # of the same bank: a mark takes a cycle between
            banks.load_re.eq(word & ~again),
            banks.load_row.eq(op.row),
            banks.load_bank.eq(word_bank),
            self.sum_read.eq(banks.load_re),
            old.eq(Mux(forward, held, Mux(bank, banks.loaded[1], banks.loaded[0]))),
            banks.store_we.eq(adding),
            banks.store_row.eq(row),
            banks.store_bank.eq(bank),
            banks.store.eq(Cat(self._added(old, n, change) for n, change in enumerate(products))),
        ]
        with m.If(word):
            m.d.sync += [row.eq(op.row), bank.eq(word_bank), forward.eq(again)]
        with m.If(adding):
            m.d.sync += held.eq(banks.store)

    def _add_products(self, m: Module, accept: Signal, word: Signal, op: Any) -> list[Signal]:
        """What is added to each lane, in a register, two cycles after the operation came in."""
        geometry = self._geometry
        shape = unsigned(geometry.acc_bits) if geometry.is_pool else signed(geometry.acc_bits)
        products = [
            Signal(shape, name=f"product_{lane}", reset_less=True) for lane in range(geometry.lanes)
        ]
        if geometry.is_pool:
            with m.If(word):
                m.d.sync += products[0].eq(op.level)
            return products
        own = self.i.p.own if geometry.recurrent_bits else 0
        m.d.comb += [
            self.weight_re.eq(accept & ~self.i.p.last & ~own),
            self.weight_row.eq(self.i.p.weight),
        ]
        if geometry.recurrent_bits:
            m.d.comb += [
                self.own_re.eq(accept & ~self.i.p.last & own),
                self.own_row.eq(self.i.p.weight),
            ]
        for lane, product in enumerate(products):
            with m.If(word):
                m.d.sync += product.eq(self._weighted(self.weight, lane, op))
                if geometry.recurrent_bits:
                    with m.If(op.own):
                        own_bits = geometry.recurrent_bits
                        m.d.sync += product.eq(_weight(self.own_weight, lane, own_bits))
        return products

    def _weighted(self, word: Value, lane: int, op: Any) -> Value:
        """One weight times the tap's gain, the level or the bit plane's power of two."""
        geometry = self._geometry
        weight = _weight(word, lane, geometry.weight_bits)
        if geometry.taps:
            gained = Array(weight * tap.gain for tap in geometry.taps)
            weight = gained[op.tap] if len(geometry.taps) > 1 else gained[0]
        if geometry.graded == "bitplane":
            return weight << op.plane
        return weight * op.level if geometry.levels_in > 1 else weight

    def _added(self, old: Signal, lane: int, change: Signal) -> Value:
        bits = self._geometry.acc_bits
        before = old[lane * bits : (lane + 1) * bits]
        if self._geometry.is_pool:
            return Mux(change > before, change, before)
        return (before.as_signed() + change)[:bits]


def _weight(word: Value, lane: int, bits: int) -> Value:
    """A lane's weight as it counts: with 1 bit, 0 stands for +1."""
    weight = word[lane * bits : (lane + 1) * bits]
    return Mux(weight, -1, 1) if bits == 1 else weight.as_signed()
