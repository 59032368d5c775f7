"""A bench for parts of the graph: items in at given times, items out under given patience."""

from __future__ import annotations

import pytest
from amaranth import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

import hw.graph.fifo
from hw.widths import address_bits


class _Ram(wiring.Component):
    """What ram.v does, in Amaranth, so that Amaranth's simulator can run what lies around it."""

    def __init__(self, *, width, depth, grain, init=""):
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
def run(clocked, monkeypatch):
    """Run a part; returns the cycles in which each stream's items were accepted, and what left.

    ``streams``: (port, items, gaps): item n is offered ``gaps[n]`` cycles after the one before
    was accepted, or at once without gaps. ``takers``: (port, patience): whether the port takes an
    item in a cycle; always without a patience.
    """
    monkeypatch.setattr(hw.graph.fifo, "Ram", _Ram)

    def go(dut, streams, takers, cycles=4000):
        due = [gaps[0] if gaps and items else 0 for _, items, gaps in streams]
        accepted = [[] for _ in streams]
        left = [[] for _ in takers]

        def cycle(ctx, number):
            moved = False
            for n, (port, items, _) in enumerate(streams):
                sent = len(accepted[n])
                valid = sent < len(items) and number >= due[n]
                ctx.set(port.valid, valid)
                if valid:
                    last, address, level = items[sent]
                    ctx.set(port.p, {"last": last, "address": address, "level": level})
            for port, patience in takers:
                ctx.set(port.ready, patience[number] if patience else 1)
            for n, (port, items, gaps) in enumerate(streams):
                if ctx.get(port.valid) and ctx.get(port.ready):
                    accepted[n].append(number)
                    sent = len(accepted[n])
                    due[n] = number + 1 + (gaps[sent] if gaps and sent < len(items) else 0)
                    moved = True
            for n, (port, _) in enumerate(takers):
                if ctx.get(port.valid) and ctx.get(port.ready):
                    event = ctx.get(port.p)
                    left[n].append((number, (event.last, event.address, event.level)))
                    moved = True
            return moved

        clocked(dut, cycle, cycles)
        return accepted, left

    return go


@pytest.fixture(scope="session")
def items():
    """Random steps of events, and items: (last, address, level)."""
    return Items


class Items:
    """Makes the items of a test."""

    mark = (1, 0, 0)

    @staticmethod
    def steps(rng, addresses, levels, count, *, multiplicity=1):
        """Steps of random density, ascending unless addresses come several times."""
        found = []
        for _ in range(count):
            chance = rng.choice([0, 0, 0.3, 1])
            step = [(0, a, rng.randint(1, levels)) for a in range(addresses)
                    for _ in range(multiplicity) if rng.random() < chance]  # fmt: skip
            if multiplicity > 1:
                rng.shuffle(step)
            found.append(step)
        return found

    @classmethod
    def of(cls, steps):
        """All items, with a mark after each step."""
        return [item for step in steps for item in [*step, cls.mark]]

    @staticmethod
    def gaps(rng, count, slow):
        """Idle cycles before each item: none, or some with a chance."""
        return [rng.randint(1, 4) if rng.random() < slow else 0 for _ in range(count)]

    @staticmethod
    def patience(rng, slow, cycles=20_000):
        """Whether a taker is ready, cycle by cycle."""
        return [rng.random() >= slow for _ in range(cycles)]
