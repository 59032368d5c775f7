from __future__ import annotations

import random

import pytest
from amaranth import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

import hw.pairs
import hw.replay
from hw.replay import Replay
from hw.widths import address_bits


class _Ram(wiring.Component):
    """What ram.v does, in Amaranth, so that Amaranth's simulator can run what lies around it."""

    def __init__(self, *, width, depth, grain, init="", apart=False):
        self._shape = width, depth
        address = address_bits(depth)
        super().__init__({"re": In(1), "ra": In(address), "rd": Out(width),
                          "we": In(1), "wa": In(address), "wd": In(width)})  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        width, depth = self._shape
        m.submodules.data = data = memory.Memory(shape=width, depth=depth, init=[])
        write, read = data.write_port(), data.read_port()
        m.d.comb += [write.en.eq(self.we), write.addr.eq(self.wa), write.data.eq(self.wd),
                     read.en.eq(self.re), read.addr.eq(self.ra), self.rd.eq(read.data)]  # fmt: skip
        return m


@pytest.fixture
def replay(monkeypatch):
    monkeypatch.setattr(hw.replay, "Ram", _Ram)
    monkeypatch.setattr(hw.pairs, "Ram", _Ram)
    return Replay


def _run(clocked, dut, items, *, offer, take, cycles, watch=lambda ctx: None):
    state = {"sent": 0}
    accepted, left = [], []

    def cycle(ctx, number):
        valid = state["sent"] < len(items) and offer(number)
        ctx.set(dut.i.valid, valid)
        if valid:
            ctx.set(dut.i.p, items[state["sent"]])
        ctx.set(dut.o.ready, take(number))
        watch(ctx)
        if valid and ctx.get(dut.i.ready):
            accepted.append(number)
            state["sent"] += 1
        if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
            event = ctx.get(dut.o.p)
            left.append((number, (event.last, event.address, event.level)))
        return ctx.get(dut.o.valid)

    clocked(dut, cycle, cycles)
    return accepted, left


def test_a_pass_over_pairs_reads_half_as_often(clocked, layer_geometry, replay, monkeypatch):
    """Four passes over five events: two whole words, and the last event still in its register."""
    read = []
    layer = layer_geometry(fan_in=5, width=4, lanes=1, event_pairs=True)
    dut = replay(layer)
    made = []
    monkeypatch.setattr(hw.pairs, "Ram", lambda **given: made.append(_Ram(**given)) or made[0])
    items = _items([[(0, n, 1) for n in range(5)]])
    _run(
        clocked, dut, items, offer=lambda n: True, take=lambda n: True, cycles=60,
        watch=lambda ctx: read.append(ctx.get(made[0].re)),
    )  # fmt: skip
    assert sum(read) == 4 * 2


def _images(layer, seed):
    rng = random.Random(seed)
    found = []
    for _ in range(25):
        chance = rng.choice([0, 0, 0.3, 1])
        addresses = [n for n in range(layer.fan_in) if rng.random() < chance]
        rng.shuffle(addresses)
        found.append([(0, n, rng.randint(1, layer.steps_in)) for n in addresses])
    return found


def _items(images):
    mark = {"last": 1, "address": 0, "level": 0}
    return [
        item
        for image in images
        for item in [*({"last": 0, "address": a, "level": k} for _, a, k in image), mark]
    ]


@pytest.mark.parametrize("event_pairs", [False, True])
@pytest.mark.parametrize("speed", [(1, 1), (0.4, 1), (1, 0.4), (0.6, 0.6)])
@pytest.mark.parametrize(("fan_in", "groups"), [(1, 2), (4, 3), (5, 2), (8, 5)])
def test_each_image_leaves_once_a_group_unchanged(
    clocked, layer_geometry, replay, fan_in, groups, speed, event_pairs
):
    layer = layer_geometry(fan_in=fan_in, width=groups, lanes=1, event_pairs=event_pairs)
    images = _images(layer, fan_in)
    rng = random.Random(7)
    _, left = _run(
        clocked, replay(layer), _items(images), offer=lambda n: rng.random() < speed[0],
        take=lambda n: rng.random() < speed[1], cycles=4000,
    )  # fmt: skip
    wanted = [event for image in images for _ in range(groups) for event in [*image, (1, 0, 0)]]
    assert [event for _, event in left] == wanted


@pytest.mark.parametrize("event_pairs", [False, True])
def test_first_pass_follows_three_cycles_behind_and_passes_join(
    clocked, layer_geometry, replay, event_pairs
):
    layer = layer_geometry(fan_in=4, width=3, lanes=1, event_pairs=event_pairs)
    image = [(0, n, 1) for n in range(4)]
    accepted, left = _run(
        clocked, replay(layer), _items([image]), offer=lambda n: True, take=lambda n: True,
        cycles=40,
    )  # fmt: skip
    first = accepted[0]
    assert [number for number, _ in left] == list(range(first + 3, first + 3 + 3 * 5))


def test_a_full_ring_stalls_the_input(clocked, layer_geometry, replay):
    layer = layer_geometry(fan_in=4, width=2, lanes=1)  # a ring of eight events
    image = [(0, n, 1) for n in range(4)]
    accepted, left = _run(
        clocked, replay(layer), _items([image] * 3), offer=lambda n: True, take=lambda n: False,
        cycles=40,
    )  # fmt: skip
    assert len(accepted) == 4 + 1 + 4  # a whole image and its mark, then events until it is full
    assert not left


def test_two_blank_images_wait_behind_one_that_leaves_and_a_fourth_does_not(
    clocked, layer_geometry, replay
):
    layer = layer_geometry(fan_in=4, width=2, lanes=1)
    accepted, _ = _run(
        clocked, replay(layer), _items([[]] * 6), offer=lambda n: True, take=lambda n: False,
        cycles=40,
    )  # fmt: skip
    assert len(accepted) == 3
