from __future__ import annotations

import itertools

import pytest
from amaranth.sim import Simulator

from hw.axi.bank import OKAY, SLVERR, RegisterBank
from hw.axi.registers import Access, Register, address_width

IDENTITY, CONTROL, COMMAND, COUNT = 0x00, 0x08, 0x0C, 0x10
REGISTERS = (
    Register(name="identity", offset=IDENTITY, access=Access.READ, text="", words=2,
             value=0x1122334455667788),
    Register(name="control", offset=CONTROL, access=Access.BOTH, text="", value=1),
    Register(name="command", offset=COMMAND, access=Access.WRITE, text=""),
    Register(name="count", offset=COUNT, access=Access.READ, text="", words=2),
)  # fmt: skip


class Host:
    """An AXI4-Lite master, and a watch over what the bank tells the blocks behind it."""

    def __init__(self, ctx, dut):
        self.ctx, self.dut, self.axi = ctx, dut, dut.axi
        self.commands = []

    async def tick(self):
        if self.ctx.get(self.dut.write_command):
            self.commands.append((self.ctx.get(self.dut.data), self.ctx.get(self.dut.strobe)))
        await self.ctx.tick()

    async def send(self, kind, **values):
        """Offer an address or data until they are taken."""
        for name, value in values.items():
            self.ctx.set(getattr(self.axi, name), value)
        self.ctx.set(getattr(self.axi, f"{kind}valid"), 1)
        while not self.ctx.get(getattr(self.axi, f"{kind}ready")):
            await self.tick()
        await self.tick()
        self.ctx.set(getattr(self.axi, f"{kind}valid"), 0)

    async def answer(self, kind):
        self.ctx.set(getattr(self.axi, f"{kind}ready"), 1)
        while not self.ctx.get(getattr(self.axi, f"{kind}valid")):
            await self.tick()
        found = self.ctx.get(getattr(self.axi, f"{kind}resp"))
        data = self.ctx.get(self.axi.rdata)
        await self.tick()
        self.ctx.set(getattr(self.axi, f"{kind}ready"), 0)
        return (found, data) if kind == "r" else found

    async def write(self, address, data, strobe=15, data_first=False):
        parts = [("aw", {"awaddr": address}), ("w", {"wdata": data, "wstrb": strobe})]
        for kind, values in reversed(parts) if data_first else parts:
            await self.send(kind, **values)
        return await self.answer("b")

    async def read(self, address):
        await self.send("ar", araddr=address)
        return await self.answer("r")


@pytest.fixture
def bank():
    """Run a coroutine of a host against a bank."""

    def run(script):
        dut = RegisterBank(REGISTERS, frozenset({"count"}))
        ended = []

        async def bench(ctx):
            await script(Host(ctx, dut))
            ended.append(True)

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run_until(2e-3)
        assert ended, "the bank never answers"

    return run


@pytest.mark.parametrize("data_first", [False, True])
def test_bytes_with_a_strobe_are_held(bank, data_first):
    async def script(host):
        assert await host.read(CONTROL) == (OKAY, 1)
        held = 1
        for strobe, data in itertools.product(range(16), (0xA5B6C7D8, 0x01020304)):
            assert await host.write(CONTROL, data, strobe, data_first) == OKAY
            mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
            held = held & ~mask | data & mask
            assert host.ctx.get(host.dut.hold_control) == held
            assert await host.read(CONTROL) == (OKAY, held)
        assert host.commands == []

    bank(script)


def test_constants_and_values_are_read_word_by_word(bank):
    async def script(host):
        host.ctx.set(host.dut.value_count, 0xFEDCBA9876543210)
        expected = [0x55667788, 0x11223344, 0x76543210, 0xFEDCBA98]
        places = (IDENTITY, IDENTITY + 4, COUNT, COUNT + 4)
        for address, value in zip(places, expected, strict=True):
            assert await host.read(address) == (OKAY, value)
            assert await host.read(address + 3) == (OKAY, value)  # its place in the word is ignored

    bank(script)


def test_what_a_register_does_not_allow_has_no_effect(bank):
    async def script(host):
        for address in (COMMAND, 0x14 + 4, 0x800):
            assert await host.read(address) == (SLVERR, 0)
        for address in (IDENTITY, COUNT, 0x18, 0x800):
            assert await host.write(address, 0xFFFFFFFF) == SLVERR
        assert await host.read(CONTROL) == (OKAY, 1)
        assert host.commands == []

    bank(script)


def test_a_write_waits_until_the_answer_before_was_taken(bank):
    async def script(host):
        await host.send("aw", awaddr=COMMAND)
        await host.send("w", wdata=7, wstrb=3)
        for _ in range(3):
            await host.tick()
        assert host.commands == [(7, 3)]
        await host.send("aw", awaddr=COMMAND)
        await host.send("w", wdata=9, wstrb=15)
        for _ in range(5):
            assert host.ctx.get(host.axi.bvalid)  # the first answer stands
            await host.tick()
        assert host.commands == [(7, 3)]
        assert await host.answer("b") == OKAY
        assert await host.answer("b") == OKAY
        assert host.commands == [(7, 3), (9, 15)]

    bank(script)


def test_commands_wait_and_nothing_else_does(bank):
    async def script(host):
        host.ctx.set(host.dut.wait, 1)
        assert await host.write(CONTROL, 0x55) == OKAY
        await host.send("aw", awaddr=COMMAND)
        await host.send("w", wdata=1, wstrb=1)
        for _ in range(6):
            assert not host.ctx.get(host.axi.bvalid)
            await host.tick()
        assert host.commands == []
        host.ctx.set(host.dut.wait, 0)
        assert await host.answer("b") == OKAY
        assert host.commands == [(1, 1)]

    bank(script)


def test_nothing_is_answered_that_was_not_asked(bank):
    async def script(host):
        host.ctx.set(host.axi.rready, 1)
        host.ctx.set(host.axi.bready, 1)
        for number in range(20):
            host.ctx.set(host.axi.araddr, 4 * number)
            host.ctx.set(host.axi.awaddr, 4 * number)
            await host.tick()
            assert not host.ctx.get(host.axi.rvalid)
            assert not host.ctx.get(host.axi.bvalid)
        assert host.commands == []

    bank(script)


def test_answers_come_in_the_second_cycle(bank):
    async def script(host):
        await host.send("ar", araddr=CONTROL)
        assert not host.ctx.get(host.axi.rvalid)
        await host.tick()
        assert host.ctx.get(host.axi.rvalid)
        await host.send("w", wdata=3, wstrb=15)
        await host.send("aw", awaddr=CONTROL)
        assert not host.ctx.get(host.axi.bvalid)
        await host.tick()
        assert host.ctx.get(host.axi.bvalid)

    bank(script)


@pytest.mark.parametrize(
    ("offset", "words", "bits"), [(0, 1, 12), (4092, 1, 12), (4088, 2, 12), (4092, 2, 13),
                                  (4096, 1, 13), (8188, 1, 13), (8192, 1, 14)],
)  # fmt: skip
def test_an_address_reaches_the_last_word(offset, words, bits):
    last = Register(name="last", offset=offset, access=Access.READ, text="", words=words)
    assert address_width((*REGISTERS, last)) == bits
