"""Which rows of the output layer a read-out needs, and what it must remember until then."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.ram import Ram
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.ports import readout_port
from spikeforge.schema import ReadoutKind

__all__ = ["CountedRows", "Rows", "StoredRows", "rows_for"]


class Rows(wiring.Component):
    """Rows that are read out straight from the port, where they wait; all others are dropped.

    For ``max_membrane`` the rows of the last step, and for ``first_spike`` with a single row that
    of the deciding step, in the cycle in which they arrive. No memory but one flag.

    Members:
        i: In(readout_port). Rows of all steps.
        rest: In(1). Take no row in this cycle.
        valid: Out(1). A row is there to be read out, until ``done``.
        done: In(1). In this cycle the row is done with.
        last_row: Out(1). It is the last one of the result.
        by_spike: Out(1). Somebody fires in the deciding step (``first_spike``).
        fired: Out(lanes). Who fires in it.
        membranes: Out, a lane each. Membranes to read out, in LSBs.
        counts: Out, a lane each. Spikes of the image (only for ``spike_count``).
        active: Out(1). A register or memory may change in this cycle.
    """

    def __init__(self, geometry: ScatterGeometry, kind: ReadoutKind):
        self._geometry = g = geometry
        self._kind = kind
        counts = {}
        if kind is ReadoutKind.SPIKE_COUNT:
            counts["counts"] = Out(g.steps.bit_length()).array(g.lanes)
        super().__init__(
            {
                **counts,
                "i": In(readout_port(g)),
                "rest": In(1),
                "valid": Out(1),
                "done": In(1),
                "last_row": Out(1),
                "by_spike": Out(1),
                "fired": Out(g.lanes),
                "membranes": Out(signed(g.membrane_bits)).array(g.lanes),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        wanted = Signal()
        self._connect_port(m)
        m.d.comb += [
            self.active.eq(self.i.valid),
            self.valid.eq(self.i.valid & wanted),
            self.i.ready.eq(~self.rest & (~wanted | self.done)),
        ]
        if self._kind is ReadoutKind.MAX_MEMBRANE:
            m.d.comb += wanted.eq(self.i.last_step)
            return m
        decided = Signal()
        m.d.comb += wanted.eq(~decided & (self.by_spike | self.i.last_step))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += decided.eq(~self.i.last_step & (decided | self.by_spike))
        return m

    def _connect_port(self, m: Module) -> None:
        """What is read out stands on the port."""
        source = self.i.membranes if self._kind is ReadoutKind.FIRST_SPIKE else self.i.finals
        m.d.comb += [
            self.last_row.eq(self.i.last_row),
            self.fired.eq(self.i.fired),
            self.by_spike.eq(self.i.fired.any()),
        ]
        m.d.comb += [to.eq(membrane) for to, membrane in zip(self.membranes, source, strict=True)]


class CountedRows(Rows):
    """Spikes are counted; the rows of the last step are read out from the port.

    With a single row the counters are registers. With more, they lie in a memory, which is read
    for a row in the cycle in which it comes and written in the next; a row that is read out is
    ``valid`` a cycle after it arrived.
    """

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self._connect_port(m)
        taken = Signal()
        m.d.comb += taken.eq(self.i.valid & self.i.ready & ~self.i.last_step)
        if self._geometry.rows == 1:
            self._add_registers(m, taken)
        else:
            self._add_memory(m, taken)
        return m

    def _add_registers(self, m: Module, taken: Signal) -> None:
        m.d.comb += [
            self.active.eq(self.i.valid),
            self.valid.eq(self.i.valid & self.i.last_step),
            self.i.ready.eq(~self.rest & (~self.i.last_step | self.done)),
        ]
        for lane, total in enumerate(self.counts):
            count = Signal(len(total), name=f"count_{lane}", reset_less=True)
            m.d.comb += total.eq(Mux(self.i.first_step, 0, count) + self.i.fired[lane])
            with m.If(taken & (self.i.first_step | self.i.fired[lane])):
                m.d.sync += count.eq(total)

    def _add_memory(self, m: Module, taken: Signal) -> None:
        g = self._geometry
        bits = g.steps.bit_length()
        m.submodules.counters = ram = Ram(width=bits * g.lanes, depth=g.rows, grain=bits * g.lanes)
        held, writing, fresh = Signal(), Signal(), Signal()
        fetch, change = Signal(), Signal()
        fired = Signal(g.lanes, reset_less=True)
        row = Signal(g.row_bits, reset_less=True)
        m.d.comb += [
            self.active.eq(self.i.valid | held | writing),
            self.valid.eq(held),
            self.i.ready.eq(~self.rest & (~self.i.last_step | self.done)),
            fetch.eq(self.i.valid & ~self.rest & self.i.last_step & ~held),
            change.eq(taken & (self.i.first_step | self.i.fired.any())),
            ram.re.eq((fetch | change) & ~self.i.first_step),
            ram.ra.eq(self.i.row),
            ram.we.eq(writing),
            ram.wa.eq(row),
        ]
        m.d.sync += writing.eq(change)
        with m.If(fetch | self.done):
            m.d.sync += held.eq(fetch)
        with m.If(fetch | change):
            m.d.sync += [fired.eq(self.i.fired), row.eq(self.i.row), fresh.eq(self.i.first_step)]
        old = [ram.rd[n * bits : (n + 1) * bits] for n in range(g.lanes)]
        m.d.comb += [
            total.eq(Mux(fresh, 0, count) + fired[n])
            for n, (total, count) in enumerate(zip(self.counts, old, strict=True))
        ]
        m.d.comb += ram.wd.eq(Cat(self.counts))


class StoredRows(Rows):
    """A step's rows are kept in a memory until its last row shows whether the step decides.

    For ``first_spike`` with more than one row. The memory is read from the cycle after the
    deciding step's last row on; a row is ``valid`` in the cycle after its read, and the next one is
    read while the last lane of this one is read out. No row is taken meanwhile.
    """

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        g = self._geometry
        bits = g.membrane_bits
        width = g.lanes * (bits + 1)
        m.submodules.step = ram = Ram(width=width, depth=g.rows, grain=width)
        fetch, held, decided = Signal(), Signal(), Signal()
        seen = Signal()  # somebody has fired in this step
        row = Signal(g.row_bits)
        taken, fires = Signal(), Signal()
        m.d.comb += [
            self.active.eq(self.i.valid | fetch | held),
            self.i.ready.eq(~(self.rest | fetch | held)),
            taken.eq(self.i.valid & self.i.ready),
            fires.eq(seen | self.i.fired.any()),
            ram.we.eq(taken & ~decided),
            ram.wa.eq(self.i.row),
            ram.wd.eq(Cat(self.i.membranes, self.i.fired)),
            ram.re.eq(fetch | (self.done & ~self.last_row)),
            ram.ra.eq(Mux(fetch, 0, row + 1)),
            Cat(self.membranes, self.fired).eq(ram.rd),
            self.valid.eq(held),
            self.last_row.eq(row == g.rows - 1),
        ]
        with m.If(taken):
            m.d.sync += seen.eq(fires & ~self.i.last_row)
            with m.If(self.i.last_row):
                m.d.sync += [
                    decided.eq((decided | fires) & ~self.i.last_step),
                    fetch.eq(~decided & (fires | self.i.last_step)),
                    self.by_spike.eq(fires),
                ]
        with m.If(ram.re):
            m.d.sync += [row.eq(ram.ra), held.eq(1), fetch.eq(0)]
        with m.Elif(self.done):
            m.d.sync += held.eq(0)
        return m


def rows_for(geometry: ScatterGeometry, kind: ReadoutKind) -> Rows:
    """The rows that a read-out of this kind needs."""
    if kind is ReadoutKind.SPIKE_COUNT:
        return CountedRows(geometry, kind)
    if kind is ReadoutKind.FIRST_SPIKE and geometry.rows > 1:
        return StoredRows(geometry, kind)
    return Rows(geometry, kind)
