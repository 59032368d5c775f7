"""Obeys packets one at a time: plays images into the accelerator, content into its loader, answers.

While an answer is under way nothing else is listened to. Whatever comes, the engine is idle again
after as many cycles as the accelerator and the line need: it waits for nothing that a host sends.
"""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.link.protocol import Command, Status
from hw.loader import LoadError

__all__ = ["Engine", "answer_counters"]

_SETTLE_CYCLES = 5  # from the last byte of a piece to the loader's verdict


def answer_counters() -> dict[str, int]:
    """What COUNTERS tells, in order, and the bits that are counted; then it starts again at 0."""
    return {"images": 24, "events": 32, "packets": 24, "damaged": 16, "busy_cycles": 40}


class Engine(wiring.Component):
    """Between parser, store, accelerator and answer.

    Members:
        packet, command, status, offset: In. From the parser.
        hold: Out(1). A packet is being obeyed or answered.
        play, raw: Out(1). To the store, whose items come in at ``i``.
        i: In(stream of entries). Played by the store.
        playing: In(1). The store is not done.
        items: Out(stream of entries). To the accelerator.
        load: Out(stream of bytes). To the loader.
        result_valid, result_last, result_index, result_score: In. The accelerator's results, which
            are always taken.
        loaded, load_error, flash_busy: In. State of the content.
        next: Out. Offset of the piece of content that must come next.
        send: Out(1). Answer now, for one cycle; then ``sent`` comes back.
        sent: In(1). The answer has left.
        verdict: Out(8). Its status.
        winner, score, cycles: Out. Of the last image.
        reset: Out(1). Reset the accelerator, for one cycle.
        inside: Out(1). An image is in the accelerator and has no class yet.
        count_<name>: Out. Counters (:func:`answer_counters`).

    Args:
        layout: Of an entry.
        length: Bytes of a complete load.
        classes: Classes of the network.
        score_bits: Bits of a class's score.
    """

    def __init__(self, layout: Any, length: int, classes: int, score_bits: int):
        self._length = length
        item = stream.Signature(layout)
        super().__init__(
            {
                "packet": In(1), "command": In(8), "status": In(8),
                "offset": In(32), "hold": Out(1), "play": Out(1), "raw": Out(1), "i": In(item),
                "playing": In(1), "items": Out(item), "load": Out(stream.Signature(8)),
                "result_valid": In(1), "result_last": In(1), "result_index": In(16),
                "result_score": In(signed(score_bits)), "loaded": In(1),
                "load_error": In(LoadError), "flash_busy": In(1),
                "next": Out(range(length + 1)), "send": Out(1), "sent": In(1),
                "verdict": Out(8), "winner": Out(range(classes)),
                "score": Out(signed(score_bits)), "cycles": Out(32), "reset": Out(1),
                "inside": Out(1),
                **{f"count_{name}": Out(bits) for name, bits in answer_counters().items()},
            }
        )  # fmt: skip

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        loading = Signal()
        m.d.comb += [self.raw.eq(self.command != Command.CLASSIFY)]
        with m.If(loading):
            m.d.comb += [
                self.load.valid.eq(self.i.valid & (self.next < self._length)),
                self.load.p.eq(self.i.p.as_value()),
                self.i.ready.eq(self.load.ready),
            ]  # fmt: skip
        with m.Else():
            m.d.comb += [
                self.items.valid.eq(self.i.valid), self.items.p.eq(self.i.p),
                self.i.ready.eq(self.items.ready),
            ]  # fmt: skip
        m.d.sync += self.reset.eq(0)
        with m.FSM() as machine:
            m.d.comb += self.hold.eq(~machine.ongoing("IDLE"))
            with m.State("IDLE"), m.If(self.packet):
                m.d.sync += [self.verdict.eq(self.status), loading.eq(0)]
                m.next = "ANSWER"
                with m.If(self.status == Status.OK):
                    self._add_command(m, loading)
            self._add_image(m)
            self._add_load(m)
            with m.State("ANSWER"):
                m.d.comb += self.send.eq(1)
                m.next = "SENDING"
            with m.State("SENDING"), m.If(self.sent):
                m.d.sync += self.reset.eq(
                    (self.command == Command.RESET) & (self.verdict == Status.OK)
                )
                m.next = "IDLE"
        with m.If(self.reset):  # the loader forgets what it has had
            m.d.sync += self.next.eq(0)
        self._add_counters(m)
        return m

    def _add_command(self, m: Module, loading: Signal) -> None:
        with m.Switch(self.command):
            with m.Case(Command.CLASSIFY, Command.EVENTS):
                with m.If(self.loaded):
                    m.d.comb += self.play.eq(1)
                    m.next = "IMAGE"
                with m.Else():
                    m.d.sync += self.verdict.eq(
                        Mux(self.flash_busy, Status.BUSY, Status.NOT_LOADED)
                    )
            with m.Case(Command.LOAD):
                with m.If(self.flash_busy):
                    m.d.sync += self.verdict.eq(Status.BUSY)
                with m.Elif((self.offset != 0) & ((self.offset != self.next) | self.loaded)):
                    m.d.sync += self.verdict.eq(Status.WRONG_OFFSET)
                with m.Else():
                    m.d.comb += self.play.eq(1)
                    m.d.sync += [loading.eq(1), self.next.eq(self.offset)]
                    m.next = "LOAD"

    def _add_image(self, m: Module) -> None:
        """Until the class is there and the whole image has gone in, whichever is later."""
        started, named, begins = Signal(), Signal(), Signal()
        with m.State("IMAGE"):
            m.d.comb += [
                begins.eq(~started & self.items.valid & self.items.ready),
                self.inside.eq((started | begins) & ~named),
            ]
            with m.If(self.result_valid & self.result_last):
                m.d.sync += [
                    named.eq(1), self.winner.eq(self.result_index),
                    self.score.eq(self.result_score),
                ]  # fmt: skip
            with m.If(begins):
                m.d.sync += [started.eq(1), self.cycles.eq(1)]
            with m.Elif(self.inside):  # the class's own cycle counts too
                m.d.sync += self.cycles.eq(self.cycles + 1)
            with m.If(named & ~self.playing):
                m.d.sync += [named.eq(0), started.eq(0)]
                m.next = "ANSWER"

    def _add_load(self, m: Module) -> None:
        """Until the loader has the piece and, behind the last one, has said what it thinks.

        Bytes beyond the content are dropped, and ``next`` never passes its end: at the end, the
        loader has had all bytes in turn, so it does say something.
        """
        wait = Signal(range(_SETTLE_CYCLES + 1))
        with m.State("LOAD"):
            m.d.sync += wait.eq(0)
            with m.If(self.load.valid & self.load.ready):
                m.d.sync += self.next.eq(self.next + 1)
            with m.Elif(self.i.valid & self.i.ready):  # a byte that nobody asked for
                m.d.sync += self.verdict.eq(Status.BAD_LENGTH)
            with m.If(~self.playing):
                m.next = "SETTLE"
        with m.State("SETTLE"):
            m.d.sync += wait.eq(wait + 1)
            with m.If(wait == _SETTLE_CYCLES):
                m.d.sync += wait.eq(wait)
                with m.If(self.load_error != LoadError.NONE):
                    m.d.sync += [
                        self.next.eq(0),
                        self.verdict.eq(
                            Mux(self.load_error == LoadError.CRC, Status.BAD_CONTENT,
                                Status.WRONG_ARCHITECTURE)
                        ),
                    ]  # fmt: skip
                    m.next = "ANSWER"
                with m.Elif((self.next < self._length) | self.loaded):
                    m.next = "ANSWER"

    def _add_counters(self, m: Module) -> None:
        event = self.items.valid & self.items.ready & ~self.items.p.last
        steps = {
            "images": self.result_valid & self.result_last, "events": event,
            "packets": self.packet, "busy_cycles": self.inside,
            "damaged": self.packet & (self.status == Status.BAD_FRAME),
        }  # fmt: skip
        for name, step in steps.items():
            counter = getattr(self, f"count_{name}")
            counted = Signal(name=f"counted_{name}")  # a cycle later, off every longer path
            m.d.sync += [counted.eq(step), counter.eq(counter + counted)]
            with m.If(self.reset):
                m.d.sync += counter.eq(0)
