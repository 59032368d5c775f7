"""The level of a windowed spike, ``min(T, V // theta)``, one bit of it a pipeline stage."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.scatter.emit import spike_stream
from hw.streams import event_stream

__all__ = ["Divide"]


class Divide(wiring.Component):
    """Restoring division of spikes in flight: stages that each move as soon as the next has room.

    Latency: ``T.bit_length()`` cycles, throughput one a cycle; as much as that many items wait in
    it. A quotient beyond its bits has all of them set, so that the cut to T covers it too. Marks
    pass in order and move no other register.

    Members:
        i: In(spike_stream). Membranes of spiking neurons (V >= theta); theta, if one a neuron.
        theta: In(theta_bits). The layer's theta, constant while spikes are in flight (absent if
            theta comes with the spikes).
        o: Out(event_stream). Spikes with k = min(T, V // theta).
        active: Out(1). A register may change in this cycle.
    """

    def __init__(
        self, *, addresses: int, steps: int, value_bits: int, theta_bits: int, per_neuron: bool
    ):
        self.steps = steps
        self._input = spike_stream(addresses, value_bits, theta_bits if per_neuron else 0)
        self._per_neuron = per_neuron
        shared = {} if per_neuron else {"theta": In(theta_bits)}
        super().__init__(
            {
                **shared,
                "i": In(self._input),
                "o": Out(event_stream(addresses, steps)),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bits = self.steps.bit_length()
        stages = [self._input.create(path=(f"stage_{n}",)) for n in range(bits)]
        before: Any = wiring.flipped(self.i)
        quotient: Any = None
        for number, stage in enumerate(stages):
            # A stage's own ``ready`` is what the next one says.
            after = stage.ready if number + 1 < bits else self.o.ready
            free = Signal(name=f"free_{number}")
            m.d.comb += [free.eq(~stage.valid | after), before.ready.eq(free)]
            with m.If(free):
                m.d.sync += stage.valid.eq(before.valid)
            quotient = self._add_stage(m, bits - 1 - number, free, before, stage, quotient)
            before = stage
        m.d.comb += [
            self.active.eq(self.i.valid | Cat(stage.valid for stage in stages).any()),
            self.o.valid.eq(before.valid),
            self.o.p.last.eq(before.p.last),
            self.o.p.address.eq(before.p.address),
        ]
        level = quotient  # of as many bits as T: where T is all ones, it is never above
        if self.steps + 1 < 1 << bits:
            level = Mux(quotient > self.steps, self.steps, quotient)
        with m.If(~before.p.last):
            m.d.comb += self.o.p.level.eq(level)
        return m

    def _add_stage(
        self, m: Module, bit: int, free: Signal, before: Any, stage: Any, quotient: Any
    ) -> Signal:
        """One bit of the quotient, and what is left of the membrane; returns the bits so far."""
        theta = Value.cast(before.p.theta) if self._per_neuron else self.theta
        fits = Signal(name=f"fits_{bit}")
        bits = Signal(1 if quotient is None else len(quotient) + 1, name=f"quotient_{bit}")
        m.d.comb += fits.eq(before.p.value >= theta << bit)
        with m.If(free & before.valid):
            m.d.sync += [stage.p.last.eq(before.p.last), stage.p.address.eq(before.p.address)]
            with m.If(~before.p.last):
                m.d.sync += [
                    stage.p.value.eq(before.p.value - Mux(fits, theta << bit, 0)),
                    bits.eq(fits if quotient is None else Cat(fits, quotient)),
                ]
                if self._per_neuron:
                    m.d.sync += stage.p.theta.eq(theta)
        return bits
