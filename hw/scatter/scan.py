"""The update of a scatter layer: a closed bank of sums goes through the neurons, row by row."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.ram import Ram
from hw.scatter.divide import Divide
from hw.scatter.emit import Emit
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.ports import bank_port, readout_port
from hw.scatter.update import RowUpdate, parameter_widths, state_bits, thresholds_fall
from hw.streams import event_stream
from hw.widths import address_bits

__all__ = ["Scan"]

_Sender = tuple[Value, Value]  # a row can be taken; something is on its way


class Scan(wiring.Component):
    """Updates the neurons of a step and sends who spikes, in ascending address.

    Row 0 is read in the cycle in which the bank is taken. Each row is updated in the cycle after
    its read at the earliest, while the next row is read: one row a cycle as long as at most one
    neuron of it fires, else a cycle for each spike. The mark follows the last row. The bank is
    freed with the update of the last row; the next one can be taken in the cycle after that.

    Latency: the first spike of a row is offered two cycles after the row's update (in a windowed
    layer with weights, ``T.bit_length()`` cycles later still, for the division); a row of the
    output layer, one cycle after it.

    Memory: the state of every neuron, unless nothing needs to be remembered. It is neither read in
    the first nor written in the last step of an image, and so needs no clearing. Reset: between
    images, with nothing to send.

    Members:
        bank: In(bank_port). Sums of the step, zero where nothing arrived.
        o: Out(event_stream or readout_port). Spikes and one mark a step (windowed: an image); the
            output layer's rows.
        recurrent: Out(event_stream). The spikes and marks once more, for the layer's own queue,
            which must always be ready (only with recurrent weights).
        param_re: Out(1), param_row: Out. Reads the parameters of row ``r % block_rows`` (these and
            the next two: absent if the layer has none).
        threshold: In(threshold_bits, or a lane each). A cycle later; kept until the next read.
        bias: In(lanes * bias_bits). Likewise.
        updated: Out(1). A row is updated in this cycle (for counting).
        state_read, state_write: Out(1). The state memory is used in this cycle (for counting).
        active: Out(1). A register or the memory may change in this cycle.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = g = geometry
        output = readout_port(g) if g.output else event_stream(g.width, g.levels_out)
        members = {
            "bank": In(bank_port(g)), "o": Out(output), "updated": Out(1),
            "state_read": Out(1), "state_write": Out(1), "active": Out(1),
        }  # fmt: skip
        if g.recurrent_bits:
            members["recurrent"] = Out(event_stream(g.width, 1))
        if not g.is_pool:
            members |= {"param_re": Out(1), "param_row": Out(address_bits(g.block_rows))}
        members |= {name: In(width) for name, width in parameter_widths(g).items() if width}
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        g, bank = self._geometry, self.bank
        under_way = Signal()  # a bank is taken, and the row that is due has been read
        row = Signal(g.row_bits)
        last_row, accept = Signal(), Signal()
        m.d.comb += [
            last_row.eq(row == g.rows - 1),
            self.updated.eq(under_way & accept),
            bank.take.eq(bank.closed & ~under_way),
            bank.re.eq(bank.take | (self.updated & ~last_row)),
            bank.row.eq(Mux(under_way, row + 1, 0)),
            bank.free.eq(self.updated & last_row),
        ]
        with m.If(bank.re):
            m.d.sync += [under_way.eq(1), row.eq(bank.row)]
        with m.If(bank.free):
            m.d.sync += under_way.eq(0)
        m.submodules.update = update = RowUpdate(g)
        m.d.comb += update.data.eq(bank.data)
        base = self._add_place(m, update)
        self._add_state(m, update, row)
        if not g.is_pool:
            self._add_parameters(m, update)
        senders: list[_Sender] = []
        if g.output:
            senders.append(self._add_rows(m, update, row, last_row))
        if not g.output or g.recurrent_bits:
            senders.append(self._add_events(m, update, base, last_row))
        m.d.comb += [
            accept.eq(Cat(ready for ready, _ in senders).all()),
            self.active.eq(bank.closed | under_way | Cat(busy for _, busy in senders).any()),
        ]
        return m

    def _add_place(self, m: Module, update: RowUpdate) -> Signal:
        """Which lanes of the row hold a neuron; returns the address of lane 0."""
        g = self._geometry
        base = Signal(address_bits(g.width))
        block = Signal(address_bits(g.blocks))
        some = g.lanes_in_block(g.blocks - 1)
        full, rest = (1 << g.lanes) - 1, (1 << some) - 1
        at_end = block == g.blocks - 1
        m.d.comb += update.exists.eq(Mux(at_end, rest, full) if some < g.lanes else full)
        with m.If(self.updated):
            m.d.sync += [
                block.eq(Mux(at_end, 0, block + 1)),
                base.eq(Mux(self.bank.free, 0, base + Mux(at_end, some, g.lanes))),
            ]
        return base

    def _add_parameters(self, m: Module, update: RowUpdate) -> None:
        """Reads the row's parameters with its sums (a layer's only row, once a step)."""
        g, bank = self._geometry, self.bank
        number = Signal(address_bits(g.block_rows))  # of the row read last
        m.d.comb += [
            self.param_re.eq(bank.re if g.block_rows > 1 else bank.take),
            self.param_row.eq(Mux(bank.take | (number == g.block_rows - 1), 0, number + 1)),
        ]
        for name, width in parameter_widths(g).items():
            if width:
                m.d.comb += getattr(update, name).eq(getattr(self, name))
        with m.If(self.param_re):
            m.d.sync += number.eq(self.param_row)

    def _add_state(self, m: Module, update: RowUpdate, row: Signal) -> None:
        """The state memory, and the steps that are left."""
        g, bank = self._geometry, self.bank
        if thresholds_fall(g):
            left = Signal.like(update.steps_left, reset_less=True)
            m.d.comb += update.steps_left.eq(left)
            with m.If(bank.take):
                m.d.sync += left.eq(Mux(bank.first, g.steps, left - 1))
        width = g.lanes * state_bits(g)
        if not width:
            return
        m.submodules.state = ram = Ram(width=width, depth=g.rows, grain=width)
        m.d.comb += [
            self.state_read.eq(bank.re & ~bank.first),
            self.state_write.eq(self.updated & ~bank.last),
            ram.re.eq(self.state_read),
            ram.ra.eq(bank.row),
            ram.we.eq(self.state_write),
            ram.wa.eq(row),
            ram.wd.eq(update.new_state),
            update.state.eq(Mux(bank.first, 0, ram.rd)),
        ]

    def _add_rows(self, m: Module, update: RowUpdate, row: Signal, last_row: Signal) -> _Sender:
        """Hands rows to the read-out through a register."""
        g, o = self._geometry, self.o
        ready = Signal()
        m.d.comb += ready.eq(~o.valid | o.ready)
        with m.If(ready):
            m.d.sync += o.valid.eq(self.updated)
        with m.If(self.updated):
            m.d.sync += [
                o.row.eq(row),
                o.last_row.eq(last_row),
                o.first_step.eq(self.bank.first),
                o.last_step.eq(self.bank.last),
                o.fired.eq(update.fired),
            ]
            for lane in range(g.lanes):
                m.d.sync += [
                    o.membranes[lane].eq(update.membranes[lane]),
                    o.finals[lane].eq(update.finals[lane]),
                ]
        return ready, o.valid

    def _add_events(self, m: Module, update: RowUpdate, base: Signal, last_row: Signal) -> _Sender:
        """Sends the spikes."""
        g = self._geometry
        divides = g.windowed and not g.is_pool
        value_bits = g.membrane_bits - 1 if divides else g.acc_bits if g.windowed else 0
        theta_bits = g.threshold_bits if divides and g.threshold_per_neuron else 0
        m.submodules.emit = emit = Emit(
            lanes=g.lanes, addresses=g.width, value_bits=value_bits, theta_bits=theta_bits
        )
        m.d.comb += [
            emit.load.eq(self.updated),
            emit.fired.eq(update.fired),
            emit.base.eq(base),
            emit.mark.eq(last_row),
        ]
        for lane in range(g.lanes):
            if value_bits:
                m.d.comb += emit.values[lane].eq(update.membranes[lane])
            if theta_bits:
                theta = self.threshold[lane * theta_bits : (lane + 1) * theta_bits]
                m.d.comb += emit.thetas[lane].eq(theta)
        if g.recurrent_bits:
            m.d.comb += [
                self.recurrent.valid.eq(emit.entering),
                self.recurrent.p.last.eq(emit.entering_last),
                self.recurrent.p.address.eq(emit.entering_address),
                self.recurrent.p.level.eq(~emit.entering_last),
            ]
        busy: Value = emit.active
        if g.output:
            m.d.comb += emit.o.ready.eq(1)
        elif divides:
            m.submodules.divide = divide = Divide(
                addresses=g.width, steps=g.levels_out, value_bits=value_bits,
                theta_bits=g.threshold_bits, per_neuron=g.threshold_per_neuron,
            )  # fmt: skip
            busy = emit.active | divide.active
            if not g.threshold_per_neuron:
                m.d.comb += divide.theta.eq(self.threshold)
            connect(m, emit.o, divide.i)
            connect(m, divide.o, flipped(self.o))
        else:
            m.d.comb += [
                self.o.valid.eq(emit.o.valid),
                emit.o.ready.eq(self.o.ready),
                self.o.p.last.eq(emit.o.p.last),
                self.o.p.address.eq(emit.o.p.address),
                self.o.p.level.eq(emit.o.p.value if g.windowed else ~emit.o.p.last),
            ]
        return emit.ready, busy
