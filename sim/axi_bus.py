"""An accelerator behind AXI in cocotb: cocotbext-axi's bus models, and a host's few moves.

Runs inside the simulator, from the tests alone: cocotbext-axi comes with the test extra.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cocotb
import cocotbext.axi as axi
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, ReadOnly

from sim.job import JOB_VARIABLE

__all__ = ["AxiBench"]

_PERIOD_NS = 10
_CHANNELS = {"s_axi_b": ("resp",), "s_axi_r": ("resp", "data"), "m_axis_t": ("data", "last")}


class AxiBench:
    """One accelerator with a master, a source and a sink, and a watch over the rules of AXI."""

    def __init__(self, dut: Any):
        self.dut = dut
        self.job = json.loads(Path(os.environ[JOB_VARIABLE]).read_text())
        self.random = random.Random(self.job["seed"])
        self.map = {part["name"]: part for part in self.job["map"]["registers"]}
        self.content = bytes.fromhex(self.job["content"])
        reset = {"reset": dut.aresetn, "reset_active_level": False}
        for name in ("s_axis_tvalid", "m_axis_tready", "s_axi_awprot", "s_axi_arprot"):
            getattr(dut, name).value = 0
        dut.aresetn.value = 0
        self.master = axi.AxiLiteMaster(axi.AxiLiteBus.from_prefix(dut, "s_axi"), dut.aclk, **reset)
        self.source = axi.AxiStreamSource(
            axi.AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, **reset
        )
        self.sink = axi.AxiStreamSink(
            axi.AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, **reset
        )
        self.stalls = {"s_axis": 0, "m_axis": 0}
        self.classes: list[int] = []  # cycles in which a class was handed over
        self.broken: list[str] = []

    async def start(self) -> None:
        """Clock and reset."""
        Clock(self.dut.aclk, _PERIOD_NS, "ns", impl="gpi").start()
        cocotb.start_soon(self._watch())
        await self.reset()

    async def reset(self) -> None:
        """Three cycles of aresetn."""
        await FallingEdge(self.dut.aclk)
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, 3)
        await FallingEdge(self.dut.aclk)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)

    async def _watch(self) -> None:
        """What was valid and not taken stays, unchanged; and count what the pins show."""
        dut = self.dut
        offered: dict[str, tuple[int, ...]] = {}
        cycle = 0
        while True:
            await FallingEdge(dut.aclk)
            await ReadOnly()
            cycle += 1
            if not int(dut.aresetn.value):
                offered = {}
                continue
            for channel, payload in _CHANNELS.items():
                now = tuple(int(getattr(dut, channel + name).value) for name in payload)
                valid = int(getattr(dut, channel + "valid").value)
                if channel in offered and (not valid or now != offered[channel]):
                    self.broken.append(f"{channel}: {offered[channel]} became {now}, valid {valid}")
                offered.pop(channel, None)
                if valid and not int(getattr(dut, channel + "ready").value):
                    offered[channel] = now
            for name in self.stalls:
                valid, ready = (int(getattr(dut, f"{name}_t{end}").value)
                                for end in ("valid", "ready"))  # fmt: skip
                self.stalls[name] += valid and not ready
                if name == "m_axis" and valid and ready and int(dut.m_axis_tlast.value):
                    self.classes.append(cycle)

    def pause(self, share: float) -> None:
        """Stall every channel in this share of the cycles."""
        write, read = self.master.write_if, self.master.read_if
        for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel,
                        read.r_channel, self.source, self.sink):  # fmt: skip
            channel.set_pause_generator(self._dice(share))

    def _dice(self, share: float) -> Iterator[bool]:
        while True:
            yield self.random.random() < share

    async def read(self, name: str) -> int:
        """A register by name, 64-bit ones as their two words."""
        part = self.map[name]
        total = 0
        for number in range(part["words"]):
            answer = await self.master.read(part["offset"] + 4 * number, 4)
            assert answer.resp == axi.AxiResp.OKAY, (name, answer)
            total |= int.from_bytes(answer.data, "little") << (32 * number)
        return total

    async def write(self, name: str, value: int) -> None:
        """A whole word."""
        answer = await self.master.write(self.map[name]["offset"], value.to_bytes(4, "little"))
        assert answer.resp == axi.AxiResp.OKAY, (name, answer)

    async def set_bits(self, name: str, *fields: str) -> None:
        """A word with these bits set, all others 0."""
        await self.write(name, sum(1 << self._field(name, field)["low"] for field in fields))

    async def bit(self, name: str) -> int:
        """A field of the status."""
        field = self._field("status", name)
        return (await self.read("status") >> int(field["low"])) & ((1 << int(field["width"])) - 1)

    def _field(self, register: str, name: str) -> dict[str, Any]:
        return next(part for part in self.map[register]["fields"] if part["name"] == name)

    async def load(self, content: bytes) -> None:
        """All content, as a host does it; without content nothing is to be done."""
        for at in range(0, len(content), 4):
            word = int.from_bytes(content[at : at + 4], "little")  # the last one filled up
            await self.write("load_data" if at else "load_first", word)

    async def empty(self) -> None:
        """Drop what is under way: by a load, or by command where there is no load."""
        if self.content:
            await self.load(self.content)
        else:
            await self.set_bits("command", "reset")

    async def send(self, images: list[list[int]]) -> None:
        """Images as packets of whole beats, TLAST at their ends."""
        size = len(self.dut.s_axis_tdata) // 8
        for items in images:
            await self.source.send(
                axi.AxiStreamFrame(b"".join(item.to_bytes(size, "little") for item in items))
            )

    async def receive(self) -> list[int]:
        """The beats of one result."""
        packet = bytes((await self.sink.recv()).tdata)
        size = len(self.dut.m_axis_tdata) // 8
        return [int.from_bytes(packet[at : at + size], "little")
                for at in range(0, len(packet), size)]  # fmt: skip

    async def compare(self, numbers: Iterable[int]) -> None:
        """The results of these images, as the reference has them."""
        for number in numbers:
            found, wanted = await self.receive(), self.job["results"][number]
            assert found == wanted, f"image {number}: {found}, the reference {wanted}"

    async def classify(self, count: int) -> None:
        """The first images, and their results."""
        await self.send(self.job["images"][:count])
        await self.compare(range(count))

    async def counters(self) -> dict[str, int]:
        """All counters, read after a snapshot."""
        await self.set_bits("command", "snapshot")
        wide = [name for name, part in self.map.items() if part["words"] == 2]
        return {name: await self.read(name) for name in wide if name != "identity"}

    def end(self) -> None:
        """No rule of AXI was broken."""
        assert not self.broken, self.broken[:3]
