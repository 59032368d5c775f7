from __future__ import annotations

import random
import zlib

import pytest
from amaranth import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.content import Section
from hw.loader import Loader, LoadError

IDENTITY = bytes(range(0x41, 0x49))
PARTS = (
    Section(layer="a", tensor="weight", lanes=3, bits=4, depth=5),  # rows of 2 bytes
    Section(layer="a", tensor="threshold", lanes=1, bits=7, depth=1),
    Section(layer="b", tensor="weight", lanes=4, bits=8, depth=3),
)
BYTES = 5 * 2 + 1 + 3 * 4


def _load(body, *, identity=IDENTITY):
    whole = identity + body
    return whole + zlib.crc32(whole).to_bytes(4, "little")


def _run(clocked, stream, gap=lambda: False):
    """Send (first, byte) pairs; returns writes in order, and (loaded, error) after each byte."""
    dut = Loader(PARTS, IDENTITY)
    queue, writes, states = list(stream), [], []

    def cycle(ctx, number):
        states.append((ctx.get(dut.loaded), LoadError(ctx.get(dut.error))))
        valid = bool(queue) and not gap()
        ctx.set(dut.i.valid, valid)
        if valid:
            first, byte = queue.pop(0)
            ctx.set(dut.i.p, {"first": first, "data": byte})
            assert ctx.get(dut.i.ready)
        if ctx.get(dut.bus.write):
            bus = dut.bus
            writes.append(tuple(ctx.get(x) for x in (bus.section, bus.row, bus.byte, bus.data)))
        return bool(queue)

    clocked(dut, cycle, 4 * len(queue) + 8)
    return writes, states


def _marked(data):
    return [(number == 0, byte) for number, byte in enumerate(data)]


def _expected_writes(body):
    places = [
        (section, row, byte)
        for section, part in enumerate(PARTS)
        for row in range(part.depth)
        for byte in range(part.row_bytes)
    ]
    return [(*place, data) for place, data in zip(places, body, strict=True)]


@pytest.fixture(scope="module")
def body():
    return random.Random(5).randbytes(BYTES)


@pytest.mark.parametrize("gaps", [False, True])
def test_every_byte_reaches_its_place(clocked, body, gaps):
    rng = random.Random(2)
    gap = (lambda: rng.random() < 0.5) if gaps else (lambda: False)
    writes, states = _run(clocked, _marked(_load(body)), gap)
    assert writes == _expected_writes(body)
    assert states[-1] == (1, LoadError.NONE)


def test_not_loaded_until_the_crc_is_checked(clocked, body):
    _, states = _run(clocked, _marked(_load(body)))
    loaded = [state[0] for state in states]
    whole = len(_load(body))
    # A register takes the last byte, another the verdict.
    assert loaded.index(1) == whole + 1


@pytest.mark.parametrize("place", range(len(IDENTITY)))
def test_another_architecture_is_refused_at_any_byte_of_its_id(clocked, body, place):
    other = bytearray(IDENTITY)
    other[place] ^= 0x10
    writes, states = _run(clocked, _marked(_load(body, identity=bytes(other))))
    assert not writes
    assert states[-1] == (0, LoadError.ARCHITECTURE)


@pytest.mark.parametrize("place", [8, 9, 8 + BYTES - 1, 8 + BYTES, 8 + BYTES + 3])
@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_of_content_or_crc_is_refused(clocked, body, place, bit):
    data = bytearray(_load(body))
    data[place] ^= 1 << bit
    _, states = _run(clocked, _marked(data))
    assert states[-1] == (0, LoadError.CRC)


@pytest.mark.parametrize("length", [1, 8, 9, 8 + BYTES, 8 + BYTES + 3])
def test_a_truncated_load_stays_not_loaded(clocked, body, length):
    _, states = _run(clocked, _marked(_load(body)[:length]))
    assert states[-1] == (0, LoadError.NONE)


@pytest.mark.parametrize("cut", [1, 5, 8, 20, 8 + BYTES + 2, 8 + BYTES + 4])
def test_first_restarts_wherever_the_load_before_was(clocked, body, cut):
    writes, states = _run(clocked, _marked(_load(body)[:cut]) + _marked(_load(body)))
    assert states[-1] == (1, LoadError.NONE)
    assert writes[-BYTES:] == _expected_writes(body)


def test_a_good_load_clears_the_error_of_a_bad_one(clocked, body):
    bad = bytearray(_load(body))
    bad[12] ^= 1
    _, states = _run(clocked, _marked(bad) + [(False, 0)] * 3 + _marked(_load(body)))
    assert (0, LoadError.CRC) in states
    assert states[-1] == (1, LoadError.NONE)


def test_bytes_after_a_load_are_dropped(clocked, body):
    stray = [(False, byte) for byte in b"\x00AB\xff" * 4]
    writes, states = _run(clocked, _marked(_load(body)) + stray)
    assert len(writes) == BYTES
    assert states[-1] == (1, LoadError.NONE)


def test_bytes_before_the_first_are_dropped(clocked, body):
    stray = [(False, byte) for byte in IDENTITY + b"\x01\x02"]
    writes, states = _run(clocked, stray + _marked(_load(body)))
    assert writes == _expected_writes(body)
    assert states[-1] == (1, LoadError.NONE)


def test_a_new_load_takes_back_loaded_with_its_first_byte(clocked, body):
    stream = _marked(_load(body)) + [(False, 0)] * 3 + _marked(_load(body)[:1])
    _, states = _run(clocked, stream)
    assert states[len(stream) - 1][0] == 1
    assert states[len(stream)][0] == 0


def test_content_from_the_start_counts_until_a_load_begins_and_no_reset_brings_it_back():
    reset = Signal()
    loader = Loader(PARTS, IDENTITY, preloaded=True)
    states = []

    async def bench(ctx):
        for valid, cleared in ((0, 1), (0, 0), (1, 0), (0, 1), (0, 0)):
            ctx.set(loader.i.valid, valid)
            ctx.set(loader.i.p, {"first": 1, "data": IDENTITY[0]})
            ctx.set(reset, cleared)
            await ctx.tick()
            states.append(ctx.get(loader.loaded))

    simulator = Simulator(ResetInserter(reset)(loader))
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert states == [1, 1, 0, 0, 0]
