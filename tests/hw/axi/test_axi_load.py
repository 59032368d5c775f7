from __future__ import annotations

import random

import pytest

from hw.axi.accelerator import AxiAccelerator
from hw.axi.load import LoadPort
from hw.config import MemoryMode, configure
from hw.content import load_bytes


def sent(clocked, words, *, length, ready=lambda number: True):
    """Write (data, strobe, first) words one after the other; returns bytes, count and content."""
    dut = LoadPort(length)
    found, left, seen = [], list(words), {}

    def cycle(ctx, number):
        ctx.set(dut.o.ready, ready(number))
        write = bool(left) and not ctx.get(dut.busy)
        ctx.set(dut.write, write)
        if write:
            data, strobe, first = left.pop(0)
            ctx.set(dut.data, data)
            ctx.set(dut.strobe, strobe)
            ctx.set(dut.first, first)
        if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
            found.append((ctx.get(dut.o.p.data), ctx.get(dut.o.p.first)))
        seen.update(count=ctx.get(dut.count), content=ctx.get(dut.content))
        return bool(left)

    clocked(dut, cycle, 2000)
    return found, seen["count"], seen["content"]


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_strobed_bytes_go_lowest_first_and_are_counted(clocked, share):
    rng = random.Random(4)
    words = [(rng.getrandbits(32), rng.choice([15, 15, 1, 6, 9, 8]), n == 0) for n in range(20)]
    expected = [
        data >> 8 * byte & 255 for data, strobe, _ in words for byte in range(4)
        if strobe >> byte & 1
    ]  # fmt: skip
    stalls = random.Random(5)
    found, count, content = sent(
        clocked, words, length=len(expected), ready=lambda number: stalls.random() < share
    )
    assert [byte for byte, _ in found] == expected
    assert [first for _, first in found] == [1] + [0] * (len(expected) - 1)
    assert count == len(expected)
    assert content == int.from_bytes(bytes(expected[-4:]), "little")


def test_bytes_after_the_end_change_neither_count_nor_content(clocked):
    words = [(0x44332211, 15, 1), (0x88776655, 15, 0), (0xCCBBAA99, 15, 0)]
    found, count, content = sent(clocked, words, length=8)
    assert len(found) == 12
    assert (count, content) == (8, 0x88776655)


def test_a_new_load_counts_from_one_again(clocked):
    words = [(0x44332211, 15, 1), (0x88776655, 15, 0), (0x04030201, 15, 1)]
    _, count, content = sent(clocked, words, length=8)
    assert (count, content) == (4, 0x88776655)  # of the last load that got so far


def test_a_write_without_a_byte_sends_nothing(clocked):
    found, _, _ = sent(clocked, [(0xFF, 0, 1), (0x2211, 3, 1)], length=2)
    assert found == [(0x11, 1), (0x22, 0)]


@pytest.mark.parametrize("memory", MemoryMode)
def test_the_length_is_that_of_the_content_or_none(networks, memory):
    network = networks.random_case(13, images=2).network
    config = configure(network, 3, memory)
    length = len(load_bytes(network, config)) if memory.loadable else 0
    assert AxiAccelerator(network, config).load_length == length
