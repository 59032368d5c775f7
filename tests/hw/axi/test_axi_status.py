from __future__ import annotations

import pytest
from amaranth.sim import Simulator

from hw.axi.registers import BASE
from hw.axi.status import Status

FIELDS = {field.name: field for part in BASE if part.name in ("status", "command", "control")
          for field in part.fields}  # fmt: skip
COMMANDS = ("snapshot", "clear", "reset")


@pytest.fixture
def status():
    """Run a coroutine against the status, with helpers to pulse inputs and read fields."""

    def run(script):
        dut = Status()
        ended = []

        async def bench(ctx):
            async def pulse(*names, command=0, strobe=15):
                for name in names:
                    ctx.set(getattr(dut, name), 1)
                ctx.set(dut.data, command)
                ctx.set(dut.strobe, strobe)
                ctx.set(dut.command, command != 0)
                seen = {name: ctx.get(getattr(dut, name)) for name in COMMANDS}
                await ctx.tick()
                for name in names:
                    ctx.set(getattr(dut, name), 0)
                ctx.set(dut.command, 0)
                return seen

            def field(name):
                part = FIELDS[name]
                return ctx.get(dut.word) >> part.low & ((1 << part.width) - 1)

            await script(ctx, dut, pulse, field)
            ended.append(True)

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run_until(1e-3)
        assert ended

    return run


def bit(name):
    return 1 << FIELDS[name].low


def test_busy_until_every_image_has_its_class(status):
    async def script(ctx, dut, pulse, field):
        assert not field("busy")
        await pulse("started")
        await pulse("started")
        assert field("busy")
        await pulse("done")
        assert field("busy")
        await pulse("started", "done")  # one begins as another ends
        assert field("busy")
        await pulse("done")
        assert not field("busy")
        ctx.set(dut.in_image, 1)
        assert field("busy")
        assert ctx.get(dut.busy)

    status(script)


def test_a_drop_forgets_all_images(status):
    async def script(ctx, dut, pulse, field):
        for _ in range(3):
            await pulse("started")
        await pulse("drop")
        assert not field("busy")
        await pulse("started", "drop")  # what begins in that cycle is dropped as well
        assert not field("busy")
        await pulse("started")
        assert field("busy")

    status(script)


@pytest.mark.parametrize("error", ["frame_error", "event_error"])
def test_errors_stay_until_they_are_cleared(status, error):
    async def script(ctx, dut, pulse, field):
        other = "event_error" if error == "frame_error" else "frame_error"
        await pulse(error)
        await pulse()
        assert (field(error), field(other)) == (1, 0)
        await pulse(command=bit("clear_errors"), strobe=0b1110)  # not the byte of that bit
        assert field(error)
        await pulse(command=bit("clear_errors"))
        assert not field(error)
        await pulse(error, command=bit("clear_errors"))  # an error in that cycle is not lost
        assert field(error)

    status(script)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_acts_in_its_cycle_alone(status, name):
    async def script(ctx, dut, pulse, field):
        found = await pulse(command=bit(name))
        assert found == {one: int(one == name) for one in COMMANDS}
        assert not ctx.get(getattr(dut, name))

    status(script)


def test_the_word_shows_what_goes_on(status):
    async def script(ctx, dut, pulse, field):
        for name in ("loaded", "loading", "draining"):
            ctx.set(getattr(dut, name), 1)
            assert field(name)
            assert ctx.get(dut.word) == bit(name)
            ctx.set(getattr(dut, name), 0)
        ctx.set(dut.load_error, 2)
        assert field("load_error") == 2

    status(script)
