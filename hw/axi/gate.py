"""Between the AXI4-Stream input and the accelerator: what may pass, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.interface import Field, Interface
from hw.node import INPUT
from spikeforge.network import Network
from spikeforge.traffic import source_traffic

__all__ = ["Gate", "InputRules", "beat_layout", "input_rules"]


@dataclass(frozen=True, kw_only=True)
class InputRules:
    """What an accelerator may be sent.

    Attributes:
        width: Bits of an item.
        last: Where its mark bit lies.
        address: Where its address lies.
        level: Where its level lies.
        addresses: Inputs of the network.
        levels: The largest level of an event.
        marks: Marks of an image; the last one ends it.
    """

    width: int
    last: Field
    address: Field
    level: Field
    addresses: int
    levels: int
    marks: int


def input_rules(network: Network, outside: Interface) -> InputRules:
    """The rules for a network and its accelerator's ports."""
    fields = outside.fields["events__payload"]
    return InputRules(
        width=next(port.width for port in outside.ports if port.name == "events__payload"),
        last=fields["last"], address=fields["address"], level=fields["level"],
        addresses=network.input.size, levels=source_traffic(network)[INPUT].level,
        marks=outside.marks_in,
    )  # fmt: skip


def beat_layout(width: int) -> data.StructLayout:
    """An AXI4-Stream beat: the payload of a stream of ours, and TLAST."""
    return data.StructLayout({"item": width, "last": 1})


class Gate(wiring.Component):
    """Passes whole images on; drops what the accelerator cannot take.

    Members:
        i: In(stream of beat_layout). From the AXI4-Stream input.
        o: Out(stream of width bits). To the accelerator.
        loaded: In(1). The accelerator has content.
        enable: In(1). New images may begin.
        drop: In(1). The accelerator is emptied at the end of this cycle, with what is passed in it.
        in_image: Out(1). An image has begun and not ended.
        draining: Out(1). The rest of a packet that ``drop`` cut off is thrown away up to its TLAST.
        started: Out(1). The first item of an image passes in this cycle.
        event: Out(1). An event (no mark) passes in this cycle.
        frame_error: Out(1). TLAST is not where an image ends, in this cycle.
        event_error: Out(1). An event out of range is dropped in this cycle.

    Latency: 0. Throughput: an item a cycle. Reset: between images.
    """

    def __init__(self, rules: InputRules):
        self._rules = rules
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(rules.width))),
                "o": Out(stream.Signature(rules.width)),
                "loaded": In(1), "enable": In(1), "drop": In(1), "in_image": Out(1),
                "draining": Out(1), "started": Out(1), "event": Out(1), "frame_error": Out(1),
                "event_error": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        rules, item, last = self._rules, self.i.p.item, self.i.p.last
        enabled, open_, mark, bad = Signal(), Signal(), Signal(), Signal()
        taken, passed, ends = Signal(), Signal(), Signal()
        address, level = (
            item[field.shift : field.shift + field.width] for field in (rules.address, rules.level)
        )
        step = Signal(range(rules.marks))
        m.d.comb += [
            mark.eq(item[rules.last.shift]),
            bad.eq(~mark & ((address >= rules.addresses) | (level == 0) | (level > rules.levels))),
            ends.eq(mark & (step == rules.marks - 1)),
            open_.eq(self.loaded & (enabled | self.in_image)),
            self.o.payload.eq(item),
            self.o.valid.eq(self.i.valid & open_ & ~bad & ~self.draining),
            self.i.ready.eq(self.draining | (open_ & (bad | self.o.ready))),
            passed.eq(self.o.valid & self.o.ready),
            taken.eq(self.i.valid & self.i.ready),
            self.started.eq(passed & ~self.in_image),
            self.event.eq(passed & ~mark),
            self.event_error.eq(taken & bad & ~self.draining),
            self.frame_error.eq(taken & ~self.draining & (last != ends)),
        ]
        with m.If(~self.o.valid | self.o.ready):  # an item that is offered stays offered
            m.d.sync += enabled.eq(self.enable)
        with m.If(passed):
            m.d.sync += self.in_image.eq(~ends)
            with m.If(mark):
                m.d.sync += step.eq(Mux(ends, 0, step + 1))
        self._add_packets(m, taken, last)
        with m.If(self.drop):
            m.d.sync += [self.in_image.eq(0), step.eq(0)]
        return m

    def _add_packets(self, m: Module, taken: Signal, last: Any) -> None:
        """Know where packets end, to leave out the rest of one that was cut off."""
        in_packet, after = Signal(), Signal()
        m.d.comb += after.eq(in_packet)
        with m.If(taken):
            m.d.comb += after.eq(~last)
        m.d.sync += in_packet.eq(after)
        with m.If(self.drop):
            m.d.sync += self.draining.eq(after)
        with m.Elif(~after):
            m.d.sync += self.draining.eq(0)
