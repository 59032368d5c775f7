"""Sends the spikes of a row, one a cycle, lowest lane first."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.scatter.onehot import binary
from hw.widths import address_bits

__all__ = ["Emit", "spike_stream"]


def spike_stream(addresses: int, value_bits: int, theta_bits: int) -> stream.Signature:
    """Spikes with what their level is made of, fields of 0 bits left out.

    Payload:
        last: 1 for a mark, which carries nothing else.
        address: Who spikes.
        value: Its membrane, or its level.
        theta: Its threshold.
    """
    fields = {"last": 1, "address": address_bits(addresses), "value": value_bits}
    fields["theta"] = theta_bits
    return stream.Signature(
        data.StructLayout({name: unsigned(bits) for name, bits in fields.items() if bits})
    )


class Emit(wiring.Component):
    """Takes the spikes of one row and sends them, then the step's mark after the last row.

    A row taken in cycle c has its first item offered in c + 2, then one a cycle. The next row is
    taken in the cycle in which the last item of this one goes into the output register, so that a
    row costs as many cycles as it has items, at least one.

    Members:
        load: In(1). Take the row; only while ``ready`` is high.
        ready: Out(1). A row can be taken.
        fired: In(lanes). Who spikes.
        base: In. Address of lane 0.
        mark: In(1). The row is the last of its step.
        values: In(value_bits) a lane. Membrane or level, kept only for lanes that spike (absent
            with 0 bits).
        thetas: In(theta_bits) a lane. Likewise.
        o: Out(spike_stream). Marks carry zeros.
        entering: Out(1). An item goes into the output register in this cycle.
        entering_last, entering_address: Out. That item.
        active: Out(1). A register may change in this cycle.
    """

    def __init__(self, *, lanes: int, addresses: int, value_bits: int = 0, theta_bits: int = 0):
        self._lanes = lanes
        self._kept = {"value": value_bits, "theta": theta_bits}
        kept = {f"{name}s": In(bits).array(lanes) for name, bits in self._kept.items() if bits}
        super().__init__(
            {
                **kept,
                "load": In(1),
                "ready": Out(1),
                "fired": In(lanes),
                "base": In(address_bits(addresses)),
                "mark": In(1),
                "o": Out(spike_stream(addresses, value_bits, theta_bits)),
                "entering": Out(1),
                "entering_last": Out(1),
                "entering_address": Out(address_bits(addresses)),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pending = Signal(self._lanes)
        mark, move, any_pending = Signal(), Signal(), Signal()
        base = Signal.like(self.base, reset_less=True)
        rest = Signal.like(pending)
        lowest = Signal.like(pending)
        lane = Signal(address_bits(self._lanes))
        m.d.comb += [
            any_pending.eq(pending.any()),
            move.eq(~self.o.valid | self.o.ready),
            rest.eq(pending & (pending - 1)),
            lowest.eq(pending & ~rest),
            lane.eq(binary(lowest)),
            # At most one item is left, and it moves on.
            self.ready.eq(~(any_pending | mark) | (move & (rest == 0) & ~(any_pending & mark))),
            self.entering.eq(move & (any_pending | mark)),
            self.active.eq(self.load | any_pending | mark | self.o.valid),
            self.entering_last.eq(~any_pending),
            self.entering_address.eq(Mux(any_pending, base + lane, 0)),
        ]
        with m.If(move):
            m.d.sync += [self.o.valid.eq(any_pending | mark), pending.eq(rest)]
            with m.If(~any_pending):
                m.d.sync += mark.eq(0)
        self._add_payload(m, lane, any_pending)
        with m.If(self.load):
            m.d.sync += [pending.eq(self.fired), mark.eq(self.mark)]
            with m.If(self.fired.any()):
                m.d.sync += base.eq(self.base)
        return m

    def _add_payload(self, m: Module, lane: Signal, any_pending: Signal) -> None:
        """Values wait beside the pending bits; each register loads only for a spike."""
        payload = self.o.p
        with m.If(self.entering):
            m.d.sync += [
                payload.last.eq(self.entering_last),
                payload.address.eq(self.entering_address),
            ]
        for name, bits in self._kept.items():
            if not bits:
                continue
            kept = Array(
                Signal(bits, name=f"{name}_{lane}", reset_less=True) for lane in range(self._lanes)
            )
            for number, port in enumerate(getattr(self, f"{name}s")):
                with m.If(self.load & self.fired[number]):
                    m.d.sync += kept[number].eq(port)
            with m.If(self.entering):
                m.d.sync += payload[name].eq(Mux(any_pending, kept[lane], 0))
