"""Reads a packet as it comes in: what it asks for, whether it may, and its items into the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.interface import Interface
from hw.link.coder import PixelCoder, image_coding, level_bits
from hw.link.protocol import LOAD_CHUNK, Coding, Command, Status
from hw.link.store import entry_layout
from hw.node import INPUT
from spikeforge.network import Network
from spikeforge.schema import InputSpec
from spikeforge.traffic import source_traffic

__all__ = ["ItemRules", "Parser", "item_rules"]

_HEAD = 2  # number and command
_OFFSET = 4
_EVENT = 3
_STATUS_BITS = 8


@dataclass(frozen=True, kw_only=True)
class ItemRules:
    """What an accelerator may be sent, and how much of it a packet may hold.

    Attributes:
        identity: What content for this accelerator begins with.
        spec: The network's input.
        levels: The largest level of an event.
        marks: Marks of an image.
        depth: Entries of the store.
    """

    identity: bytes
    spec: InputSpec
    levels: int
    marks: int
    depth: int

    @property
    def chained(self) -> int:
        """Levels of an image that go one step each; 0: all its events go in every step."""
        chains = self.marks > 1 and image_coding(self.spec) is Coding.TTFS_LEVELS
        return self.spec.steps if chains else 0

    @property
    def layout(self) -> data.StructLayout:
        """Of an entry of the store."""
        bits = max(level_bits(self.spec), self.levels.bit_length())
        return entry_layout(self.spec.size, bits)


def item_rules(network: Network, outside: Interface, identity: bytes) -> ItemRules:
    """The rules for a network, its accelerator's ports, and its architecture id."""
    marks = outside.marks_in
    return ItemRules(
        identity=identity, spec=network.input, levels=source_traffic(network)[INPUT].level,
        marks=marks, depth=max(network.input.size + marks, LOAD_CHUNK),
    )  # fmt: skip


class Parser(wiring.Component):
    """Takes the deframer's bytes; a packet's items are in the store when it is announced.

    Members:
        valid, data, end, right: In. As the deframer gives them; ``data`` stays for two cycles.
        hold: In(1). An answer is under way: packets that touch such a cycle are thrown away.
        packet: Out(1). A packet is complete, for one cycle; all below belongs to it.
        number: Out(8). Its number (whatever came in its place, if it is damaged).
        command: Out(8). Likewise.
        status: Out(8). OK, or why it cannot be obeyed (:class:`hw.link.protocol.Status`).
        offset: Out(32). Of a piece of content.
        clear, append, entry: For the store.
        full: In(1). Of the store.
    """

    def __init__(self, rules: ItemRules):
        self._rules = rules
        super().__init__(
            {
                "valid": In(1), "data": In(8), "end": In(1), "right": In(1), "hold": In(1),
                "packet": Out(1), "number": Out(8), "command": Out(8),
                "status": Out(_STATUS_BITS), "offset": Out(8 * _OFFSET),
                "clear": Out(1), "append": Out(1), "entry": Out(rules.layout), "full": In(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        head = Signal(range(_HEAD + 1))  # bytes of it that came
        longest = max(self._rules.spec.size, _OFFSET + LOAD_CHUNK)
        content = Signal(range(longest + 2))  # bytes behind it; stays beyond the longest content
        skipping, bad, foreign = Signal(), Signal(), Signal()
        fits = Signal()
        m.d.sync += [self.packet.eq(0), self.append.eq(0), self.clear.eq(0)]
        with m.If(self.valid & ~self.hold), m.Switch(head):
            with m.Case(0):
                m.d.sync += [head.eq(1), content.eq(0), self.number.eq(self.data)]
                m.d.sync += [self.clear.eq(1), bad.eq(0), foreign.eq(0)]
            with m.Case(1):
                m.d.sync += [head.eq(2), self.command.eq(self.data)]
            with m.Default():
                m.d.sync += content.eq(Mux(content > longest, content, content + 1))
        taken = self.valid & ~self.hold & (head == _HEAD)
        with m.Switch(self.command):
            with m.Case(Command.INFO, Command.COUNTERS, Command.RESET):
                m.d.comb += fits.eq(content == 0)
            if image_coding(self._rules.spec) is not Coding.NONE:
                with m.Case(Command.CLASSIFY):
                    self._add_pixels(m, taken, content)
                    m.d.comb += fits.eq(content == self._rules.spec.size)
            with m.Case(Command.EVENTS):
                m.d.comb += fits.eq(self._add_events(m, taken, content, bad))
            with m.Case(Command.LOAD):
                self._add_piece(m, taken, content, foreign)
                least = _OFFSET + Mux(self.offset == 0, len(self._rules.identity), 1)
                m.d.comb += fits.eq((content >= least) & (content <= _OFFSET + LOAD_CHUNK))
            with m.Default():
                m.d.comb += fits.eq(1)
        self._add_end(m, head, skipping, fits, (bad, foreign))
        return m

    def _add_end(
        self, m: Module, head: Signal, skipping: Signal, fits: Signal,
        faults: tuple[Signal, Signal],
    ) -> None:  # fmt: skip
        """Announce the packet, unless an answer was under way while it came."""
        bad, foreign = faults
        known = list(Command)
        if image_coding(self._rules.spec) is Coding.NONE:
            known.remove(Command.CLASSIFY)
        with m.If(self.hold & self.valid):
            m.d.sync += skipping.eq(1)
        with m.If(self.end):
            m.d.sync += [head.eq(0), skipping.eq(0), self.packet.eq(~skipping & ~self.hold)]
            m.d.sync += self.status.eq(Status.UNKNOWN_COMMAND)
            with m.Switch(self.command), m.Case(*known):
                m.d.sync += self.status.eq(Mux(bad, Status.BAD_EVENT, Status.OK))
                with m.If(foreign):
                    m.d.sync += self.status.eq(Status.WRONG_ARCHITECTURE)
            with m.If(~fits):
                m.d.sync += self.status.eq(Status.BAD_LENGTH)
            with m.If(~self.right | (head != _HEAD)):
                m.d.sync += self.status.eq(Status.BAD_FRAME)

    def _add_pixels(self, m: Module, taken: Any, content: Any) -> None:
        """A byte becomes an entry, unless it is silent; two cycles later, off the longest path."""
        m.submodules.coder = coder = PixelCoder(self._rules.spec)
        due = Signal()
        m.d.comb += coder.pixel.eq(self.data)  # which stays for longer than that
        m.d.sync += due.eq(taken & (content < self._rules.spec.size))
        with m.If(taken):
            m.d.sync += self.entry.address.eq(content)
        with m.If(due):
            m.d.sync += [
                self.append.eq(coder.level != 0), self.entry.level.eq(coder.level),
                self.entry.last.eq(0),
            ]  # fmt: skip

    def _add_events(self, m: Module, taken: Any, content: Signal, bad: Signal) -> Any:
        """Three bytes become an entry. Returns whether the packet could end here."""
        rules = self._rules
        phase = Signal(range(_EVENT))
        low = Signal(8)
        high = Signal(8)
        marks = Signal(range(rules.marks + 2))
        least = Signal(16)  # the next address of this step must be at least this
        address = Cat(low, high[:7])
        with m.If(self.clear):
            m.d.sync += [phase.eq(0), marks.eq(0), least.eq(0)]
        with m.If(taken):
            m.d.sync += phase.eq(Mux(phase == _EVENT - 1, 0, phase + 1))
        with m.If(taken & (phase == 0)):
            m.d.sync += low.eq(self.data)
        with m.If(taken & (phase == 1)):
            m.d.sync += high.eq(self.data)
        with m.If(taken & (phase == _EVENT - 1)):
            m.d.sync += [
                self.append.eq(1), self.entry.last.eq(high[7]),
                self.entry.address.eq(Mux(high[7], 0, address)),
                self.entry.level.eq(Mux(high[7], 0, self.data)),
            ]  # fmt: skip
            with m.If(high[7]):
                m.d.sync += [marks.eq(marks + 1), least.eq(0)]
            with m.Else():
                m.d.sync += least.eq(address + 1)
            ranged = (address < rules.spec.size) & (address >= least)
            ranged &= (self.data != 0) & (self.data <= rules.levels)
            empty = (address == 0) & (self.data == 0)
            with m.If(~Mux(high[7], empty, ranged) | (marks == rules.marks) | self.full):
                m.d.sync += bad.eq(1)
        ended = self.entry.last & (marks == rules.marks)
        return (phase == 0) & (content != 0) & (ended | bad)

    def _add_piece(self, m: Module, taken: Any, content: Any, foreign: Signal) -> None:
        """Bytes behind the offset; those of a first piece must begin with the architecture id."""
        with m.If(taken & (content < _OFFSET)):
            m.d.sync += self.offset.eq(Cat(self.offset[8:], self.data))
        with m.Elif(taken):
            m.d.sync += [self.append.eq(1), self.entry.eq(self.data)]
            with m.If(self.offset == 0), m.Switch(content):
                for number, byte in enumerate(self._rules.identity):
                    with m.Case(_OFFSET + number):
                        m.d.sync += foreign.eq(foreign | (self.data != byte))
