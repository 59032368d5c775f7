"""cocotb benches of the accelerator behind AXI; the tests run them, with sim/axi_bus.py."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, FallingEdge
from cocotbext.axi import AxiResp

from sim.axi_bus import AxiBench

_PATIENCE_US = 1000


async def _loaded(dut: Any) -> AxiBench:
    """A bench whose accelerator has content and takes images."""
    bench = AxiBench(dut)
    await bench.start()
    await bench.load(bench.content)
    await bench.set_bits("control", "enable")
    assert await bench.bit("loaded")
    return bench


@cocotb.test(timeout_time=_PATIENCE_US, timeout_unit="us")
async def registers(dut: Any) -> None:
    """Constants, refusals, strobes."""
    bench = AxiBench(dut)
    await bench.start()
    for name in ("magic", "version"):
        assert await bench.read(name) == bench.map[name]["value"]
    assert await bench.read("identity") == bench.job["map"]["identity"]
    assert await bench.read("load_length") == len(bench.content)
    assert await bench.read("layers") == bench.job["layers"]
    master, free, word = bench.master, bench.job["unmapped"], bytes(4)
    for offset in free:
        assert (await master.read(offset, 4)).resp == AxiResp.SLVERR
        assert (await master.write(offset, word)).resp == AxiResp.SLVERR
    for part in bench.map.values():
        answer = await master.read(part["offset"], 4)
        wanted = AxiResp.SLVERR if part["access"] == "write" else AxiResp.OKAY
        assert answer.resp == wanted, part
        if part["access"] == "read":
            refused = await master.write(part["offset"], b"\xff" * 4)
            assert refused.resp == AxiResp.SLVERR, part
            assert (await master.read(part["offset"], 4)).data == answer.data, part
        elif part["access"] == "write":
            assert answer.data == word
    control = bench.map["control"]["offset"]
    await bench.write("control", 0x11223344)
    await master.write(control + 1, b"\xaa")
    assert await bench.read("control") == 0x1122AA44
    await master.write(control + 2, b"\xbb\xcc")
    assert await bench.read("control") == 0xCCBBAA44
    for value in (0xFFFFFFFF, 0):
        await bench.write("control", value)
        assert await bench.read("control") == value
    await bench.reset()
    assert await bench.read("control") == 0
    bench.end()


@cocotb.test(timeout_time=_PATIENCE_US, timeout_unit="us")
async def address_and_data_in_any_order(dut: Any) -> None:
    """A write waits for the later of the two, and its answer for nobody."""
    bench = AxiBench(dut)
    await bench.start()
    write = bench.master.write_if
    for number, late in enumerate((write.aw_channel, write.w_channel), start=1):
        late.pause = True
        write.b_channel.pause = True
        task = cocotb.start_soon(bench.write("control", number))
        await ClockCycles(dut.aclk, 6)
        assert not int(dut.s_axi_bvalid.value)
        late.pause = False
        await ClockCycles(dut.aclk, 6)
        assert int(dut.s_axi_bvalid.value)  # although nobody is ready for it
        assert not task.done()
        write.b_channel.pause = False
        await task
        assert await bench.read("control") == number
    bench.end()


@cocotb.test(timeout_time=_PATIENCE_US, timeout_unit="us")
async def images_under_random_stalls(dut: Any) -> None:
    """Every result and every counter, with all channels stalling."""
    bench = AxiBench(dut)
    await bench.start()
    bench.pause(0.4)
    await bench.load(bench.content)
    await bench.set_bits("control", "enable")
    await bench.classify(len(bench.job["images"]))
    await FallingEdge(dut.aclk)
    stalls = dict(bench.stalls)
    found = await bench.counters()
    wanted = {**bench.job["counters"], "input_stalls": stalls["s_axis"],
              "result_stalls": stalls["m_axis"]}  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    assert stalls["s_axis"] >= bench.job["least_stalls"]
    assert stalls["m_axis"] > 0
    assert await bench.read("status") == 1, "loaded, and nothing else"
    if bench.content:
        assert await bench.read("content") == int.from_bytes(bench.content[-4:], "little")
    bench.end()


@cocotb.test(timeout_time=_PATIENCE_US, timeout_unit="us")
async def images_without_stalls(dut: Any) -> None:
    """The distance between results is that of the cycle model; counters can be cleared."""
    bench = await _loaded(dut)
    await bench.classify(len(bench.job["images"]))
    wanted = bench.job["cycles"]
    assert [at - bench.classes[0] for at in bench.classes] == [at - wanted[0] for at in wanted]
    assert bench.stalls["m_axis"] == 0
    await bench.set_bits("command", "snapshot", "clear")
    assert await bench.read("images_done") == len(wanted)
    first = (await bench.counters())["cycles"]
    await ClockCycles(dut.aclk, 50)
    found = await bench.counters()
    assert 50 <= found["cycles"] - first < 200
    assert not any(found[name] for name in found if name != "cycles"), found
    bench.end()


@cocotb.test(timeout_time=_PATIENCE_US, timeout_unit="us")
async def loads(dut: Any) -> None:
    """Wrong content is refused; strobed bytes count; what follows a load does not."""
    bench = AxiBench(dut)
    await bench.start()
    right = bench.content
    for wrong, why in ((bytes([right[0] ^ 1]) + right[1:], 1), (right[:-1] + b"\0", 2)):
        await bench.load(wrong)
        await ClockCycles(dut.aclk, 8)
        assert await bench.bit("load_error") == why
        assert not await bench.bit("loaded")
        assert not await bench.bit("loading")
        assert await bench.read("content") == 0
    for number, byte in enumerate(right):  # one byte a write, in the lane of its number
        name = "load_data" if number else "load_first"
        await bench.master.write(bench.map[name]["offset"] + number % 4, bytes([byte]))
        assert await bench.read("load_count") == number + 1
        assert await bench.bit("loading") == (number + 1 < len(right))
    for _ in range(3):
        await bench.write("load_data", 0xFFFFFFFF)
    assert await bench.read("status") == 1
    assert await bench.read("load_count") == len(right)
    assert await bench.read("content") == int.from_bytes(right[-4:], "little")
    words = [int.from_bytes(right[at : at + 4], "little") for at in range(0, len(right), 4)]
    writes = [cocotb.start_soon(bench.write("load_data" if number else "load_first", word))
              for number, word in enumerate(words)]  # fmt: skip
    for write in writes:  # one right behind the other: a word waits until the one before is sent
        await write
    await ClockCycles(dut.aclk, 8)
    assert await bench.bit("loaded")
    await bench.set_bits("control", "enable")
    await bench.classify(3)
    bench.end()


@cocotb.test(timeout_time=_PATIENCE_US, timeout_unit="us")
async def reset_within_a_load(dut: Any) -> None:
    """Half a load counts for nothing after a reset, by pin or by command."""
    bench = AxiBench(dut)
    await bench.start()
    half = len(bench.content) // 8 * 4
    for by_pin in (True, False):
        await bench.load(bench.content[:half])
        assert await bench.bit("loading")
        assert await bench.read("load_count") == half
        if by_pin:
            await bench.reset()
        else:
            await bench.set_bits("command", "reset")
        assert await bench.read("status") == 0
        assert await bench.read("load_count") == 0
        for at in range(half, len(bench.content), 4):
            await bench.write("load_data", int.from_bytes(bench.content[at : at + 4], "little"))
        assert not await bench.bit("loaded")
        await bench.load(bench.content)
        await bench.set_bits("control", "enable")
        await bench.classify(3)
    bench.end()


@cocotb.test(timeout_time=_PATIENCE_US, timeout_unit="us")
async def images_cut_off(dut: Any) -> None:
    """A load amid an image drops its packet to the end; a reset amid a result ends that packet."""
    bench = await _loaded(dut)
    bench.source.set_pause_generator(iter([False] * 2 + [True] * 100_000))
    await bench.send(bench.job["images"][1:2])
    await ClockCycles(dut.aclk, 8)
    assert await bench.bit("busy")
    await bench.empty()
    assert await bench.bit("draining")
    assert not await bench.bit("busy")
    bench.source.clear_pause_generator()
    bench.source.pause = False
    await bench.classify(4)  # of the packet before, nothing comes
    assert not await bench.bit("draining")
    bench.sink.pause = True
    await bench.send(bench.job["images"][2:3])
    while not int(dut.m_axis_tvalid.value):
        await ClockCycles(dut.aclk, 5)
    await bench.set_bits("command", "snapshot", "clear")
    await bench.set_bits("command", "reset")
    bench.sink.pause = False
    cut, whole = await bench.receive(), bench.job["results"][2]
    assert 0 < len(cut) <= len(whole)
    assert cut == whole[: len(cut) - 1] + [0]
    assert (await bench.counters())["images_done"] == 0
    await bench.load(bench.content)
    await bench.classify(4)
    assert (await bench.counters())["images_done"] == 4
    assert await bench.read("status") == 1
    bench.end()


@cocotb.test(timeout_time=_PATIENCE_US, timeout_unit="us")
async def enable_acts_between_images(dut: Any) -> None:
    """Nothing is taken in before; an image that has begun is finished."""
    bench = AxiBench(dut)
    await bench.start()
    await bench.load(bench.content)
    bench.source.set_pause_generator(iter([False] * 4 + [True] * 2))
    await bench.send(bench.job["images"][1:3])
    await ClockCycles(dut.aclk, 50)
    assert bench.sink.empty()
    assert not await bench.bit("busy")
    bench.source.pause = True
    await ClockCycles(dut.aclk, 2)
    bench.source.set_pause_generator(iter([True] * 100_000))
    await bench.set_bits("control", "enable")
    await ClockCycles(dut.aclk, 4)
    assert await bench.bit("busy")
    await bench.set_bits("control")
    bench.source.clear_pause_generator()
    bench.source.pause = False
    await bench.compare([1])
    await ClockCycles(dut.aclk, 60)
    assert bench.sink.empty()
    assert not await bench.bit("busy")
    await bench.set_bits("control", "enable")
    await bench.compare([2])
    bench.end()


@cocotb.test(timeout_time=_PATIENCE_US, timeout_unit="us")
async def wrong_input_is_told(dut: Any) -> None:
    """TLAST in a wrong place and events out of range show in the status, and do no harm."""
    bench = await _loaded(dut)
    one, two = bench.job["images"][1:3]
    for packets in ([one[:2], one[2:], two], [one + two]):
        assert not await bench.bit("frame_error")
        await bench.send(packets)
        await bench.compare([1, 2])
        assert await bench.bit("frame_error")
        await bench.set_bits("command", "clear_errors")
    for bad in bench.job["bad"]:
        assert await bench.read("status") == 1
        await bench.send([[bad, *one[:1], bad, *one[1:]]])
        await bench.compare([1])
        assert await bench.bit("event_error")
        assert not await bench.bit("frame_error")
        await bench.set_bits("command", "clear_errors")
    await bench.set_bits("command", "snapshot", "clear")
    bench.end()
