"""All of a board's gateware but its pins and clock: UART, packets, image coder, accelerator."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from amaranth import (
    Cat,
    ClockSignal,
    Const,
    Module,
    Mux,
    ResetInserter,
    ResetSignal,
    Signal,
    Value,
)
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from hw.config import HardwareConfig
from hw.content import architecture_id, load_bytes
from hw.instance import add_accelerator
from hw.interface import interface
from hw.link.answer import Answer, bytes_of, widened
from hw.link.coder import image_coding
from hw.link.engine import Engine, answer_counters
from hw.link.flash import FlashReader
from hw.link.framing import Deframer, Framer
from hw.link.parser import Parser, item_rules
from hw.link.protocol import COUNTERS_FORMAT, CRC_BYTES, USUAL_BAUDS, VERSION, Command
from hw.link.store import PacketStore, store_memories
from hw.link.uart import UartReceiver, UartTransmitter
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network

__all__ = ["Gateware", "LinkConfig", "link_memories"]

_MOST_INPUTS = 1 << 15


@dataclass(frozen=True, kw_only=True)
class LinkConfig:
    """What a board decides about the link.

    Attributes:
        clock_khz: Of everything.
        baud: Bits a second on the serial line.
        flash: Content comes from a flash memory at power-up.
    """

    clock_khz: int
    baud: int = USUAL_BAUDS[0]
    flash: bool = False

    @property
    def bit_cycles(self) -> int:
        """Clock cycles of a bit."""
        return round(1000 * self.clock_khz / self.baud)

    @property
    def reachable(self) -> bool:
        """A bit lasts whole cycles, near enough: ten of them must not drift by half of one."""
        reached = 1000 * self.clock_khz / self.bit_cycles if self.bit_cycles else 0
        return self.bit_cycles >= 4 and abs(reached / self.baud - 1) <= 0.02

    def check(self) -> None:
        """Refuse a baud rate that the clock cannot time.

        Raises:
            SpikeforgeError: Says what would work.
        """
        if not self.reachable:
            raise SpikeforgeError(
                f"a baud rate of {self.baud} does not fit a clock of {self.clock_khz / 1000:g} "
                f"MHz: a bit must last 4 cycles or more, whole ones to within 2 %; try 115200"
            )


class Gateware(wiring.Component):
    """One clock domain; the accelerator is the Verilog module as it is generated and verified.

    Members:
        rx, tx: In(1), Out(1). The serial line.
        flash_cs, flash_clk, flash_copi: Out(1). SPI flash (only where configured).
        flash_cipo: In(1). Likewise.
        loaded: Out(1). Content is complete and checked.
        busy: Out(1). A packet is being obeyed or answered.

    Raises:
        SpikeforgeError: If the network has more inputs than an event can name, or the baud rate
            does not fit the clock.
    """

    def __init__(self, network: Network, config: HardwareConfig, link: LinkConfig):
        if network.input.size > _MOST_INPUTS:
            raise SpikeforgeError(
                f"a board's link takes networks of 1..{_MOST_INPUTS} inputs, not "
                f"{network.input.size}"
            )
        link.check()
        self._link, self._memory = link, config.memory
        self._outside = outside = interface(network, config)
        self._score_bits = outside.fields["result__payload"]["membrane"].width
        self._identity = architecture_id(network, config)
        self._content = load_bytes(network, config)
        self._rules = item_rules(network, self._outside, self._identity)
        flash = {name: Out(1) for name in ("flash_cs", "flash_clk", "flash_copi")}
        super().__init__(
            {
                "rx": In(1), "tx": Out(1), "loaded": Out(1), "busy": Out(1),
                **({**flash, "flash_cipo": In(1)} if link.flash else {}),
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        rules = self._rules
        m.submodules.receiver = receiver = UartReceiver(self._link.bit_cycles)
        m.submodules.transmitter = transmitter = UartTransmitter(self._link.bit_cycles)
        m.submodules.deframer = deframer = Deframer()
        m.submodules.framer = framer = Framer()
        m.submodules.parser = parser = Parser(rules)
        m.submodules.store = store = PacketStore(
            rules.layout, rules.depth, rules.marks, rules.chained
        )
        m.submodules.engine = engine = Engine(
            rules.layout, len(self._content), self._outside.classes, self._score_bits
        )
        m.d.comb += [
            receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx),
            deframer.valid.eq(receiver.valid), deframer.data.eq(receiver.data),
            parser.valid.eq(deframer.o_valid), parser.data.eq(deframer.o_data),
            parser.end.eq(deframer.end), parser.right.eq(deframer.right),
            parser.hold.eq(engine.hold), parser.full.eq(store.full),
            store.clear.eq(parser.clear), store.append.eq(parser.append),
            store.entry.eq(parser.entry), store.play.eq(engine.play), store.raw.eq(engine.raw),
            engine.playing.eq(~store.done), self.busy.eq(engine.hold),
        ]  # fmt: skip
        for name in ("packet", "command", "status", "offset"):
            m.d.comb += getattr(engine, name).eq(getattr(parser, name))
        connect(m, store.o, engine.i)
        connect(m, framer.o, transmitter.i)
        ports = self._add_accelerator(m, engine)
        busy, content = self._add_content(m, engine, ports)
        m.d.comb += engine.flash_busy.eq(busy)
        self._add_answer(m, parser, engine, framer, self._info(ports, busy, content))
        return m

    def _add_accelerator(self, m: Module, engine: Engine) -> dict[str, Signal]:
        """The module, reset by command as well; a result is always taken."""
        ports = add_accelerator(m, self._outside)
        item, result = (self._outside.fields[f"{name}__payload"] for name in ("events", "result"))
        for name, field in item.items():
            part = ports["events__payload"][field.shift : field.shift + field.width]
            m.d.comb += part.eq(getattr(engine.items.p, name))
        found = {
            name: ports["result__payload"][field.shift : field.shift + field.width]
            for name, field in result.items()
        }
        m.d.comb += [
            ports["clk"].eq(ClockSignal()), ports["rst"].eq(ResetSignal() | engine.reset),
            ports["events__valid"].eq(engine.items.valid),
            engine.items.ready.eq(ports["events__ready"]), ports["result__ready"].eq(1),
            engine.result_valid.eq(ports["result__valid"]),
            engine.result_last.eq(found["last"]), engine.result_index.eq(found["index"]),
            engine.result_score.eq(found["membrane"].as_signed()),
            engine.loaded.eq(ports["loaded"]), engine.load_error.eq(ports["load_error"]),
            self.loaded.eq(ports["loaded"]),
        ]  # fmt: skip
        return ports

    def _add_content(
        self, m: Module, engine: Engine, ports: dict[str, Signal]
    ) -> tuple[Value, Signal]:
        """Content from the flash memory, then from the link. Returns flash's busy, and the CRC."""
        valid, byte, first = Signal(), Signal(8), Signal()
        m.d.comb += [
            valid.eq(engine.load.valid), byte.eq(engine.load.p), engine.load.ready.eq(1),
            first.eq(engine.next == 0),
        ]  # fmt: skip
        busy: Value = Const(0, 1)
        if self._link.flash:
            reader = FlashReader(len(self._content))
            m.submodules.flash = ResetInserter(engine.reset)(reader)
            begun = Signal()
            m.d.comb += [
                self.flash_cs.eq(reader.cs), self.flash_clk.eq(reader.sck),
                self.flash_copi.eq(reader.copi), reader.cipo.eq(self.flash_cipo),
                reader.o.ready.eq(1),
            ]  # fmt: skip
            with m.If(reader.busy):
                m.d.comb += [valid.eq(reader.o.valid), byte.eq(reader.o.p), first.eq(~begun)]
                m.d.sync += begun.eq(begun | reader.o.valid)
            with m.If(engine.reset):
                m.d.sync += begun.eq(0)
            busy = reader.busy
        # A register between them: the way from the flash memory to the memories is long enough.
        for name, value in (("data", byte), ("first", first)):
            field = self._outside.fields["load__payload"][name]
            part = ports["load__payload"][field.shift : field.shift + field.width]
            m.d.sync += part.eq(value)
        m.d.sync += ports["load__valid"].eq(valid)
        # Memories keep their content over a reset where they had some from the start (hw.loader).
        preloaded = self._memory.initialized
        start = int.from_bytes(self._content[-CRC_BYTES:], "little") if preloaded else 0
        content = Signal(8 * CRC_BYTES, init=start, reset_less=True)
        with m.If(valid):
            m.d.sync += content.eq(Cat(content[8:], byte))
        return busy, content

    def _info(self, ports: dict[str, Signal], busy: Value, content: Signal) -> list[Value]:
        """The answer to INFO; its layout is :data:`hw.link.protocol.INFO_FORMAT`."""
        rules, outside = self._rules, self._outside
        spec = rules.spec
        flags = Cat(
            ports["loaded"], busy, Const(self._memory.initialized, 1), Const(self._link.flash, 1),
            Const(0, 4),
        )  # fmt: skip
        parts = [
            Const(VERSION, 8), flags, Const(int.from_bytes(self._identity, "little"), 64),
            Mux(ports["loaded"], content, 0), Const(image_coding(spec), 8),
            Const(min(spec.steps, 255), 8), Const(spec.bits, 8), Const(rules.marks, 16),
            Const(rules.levels, 8), Const(spec.size, 32), Const(outside.classes, 16),
            Const(len(self._content), 32), Const(self._link.clock_khz, 32),
            Const(rules.depth, 16),
        ]  # fmt: skip
        return [byte for part in parts for byte in bytes_of(part)]

    def _add_answer(
        self, m: Module, parser: Parser, engine: Engine, framer: Framer, info: list[Value]
    ) -> None:
        result = [
            *widened(engine.winner, 2), *widened(engine.score, 8), *widened(engine.cycles, 4)
        ]  # fmt: skip
        sizes = [struct.calcsize(code) for code in COUNTERS_FORMAT.lstrip("<")]
        counters = [
            byte for name, size in zip(answer_counters(), sizes, strict=True)
            for byte in widened(getattr(engine, f"count_{name}"), size)
        ]  # fmt: skip
        expected = widened(engine.next, 4)
        contents = {
            Command.INFO: info, Command.LOAD: expected, Command.COUNTERS: counters,
            Command.CLASSIFY: result, Command.EVENTS: result,
        }  # fmt: skip
        m.submodules.answer = answer = Answer(contents, expected)
        connect(m, answer.o, framer.i)
        m.d.comb += [
            answer.send.eq(engine.send), answer.number.eq(parser.number),
            answer.command.eq(parser.command), answer.verdict.eq(engine.verdict),
            engine.sent.eq(answer.sent),
        ]  # fmt: skip


def link_memories(network: Network, config: HardwareConfig) -> list[tuple[int, int]]:
    """Width and depth of the memories around the accelerator."""
    rules = item_rules(network, interface(network, config), architecture_id(network, config))
    return store_memories(rules.layout, rules.depth, rules.chained)
