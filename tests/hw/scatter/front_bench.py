"""A front half on the bench: offers items, plays the scan, and the sums that numpy expects."""

from __future__ import annotations

import numpy as np

from hw.config import HardwareConfig
from hw.scatter.front import Front
from hw.scatter.sizing import Source, scatter_geometry
from spikeforge.schema import Conv2d, Dense, FirstSpikePool, Schedule


def conv_geometry(neuron, *, shape=(2, 5, 4), out=3, kernel=(3, 3), stride=(1, 1), padding=(0, 0),
                  groups=1, bits=4, lanes=2, source=None, **given):  # fmt: skip
    layer = Conv2d(name="conv", weight_bits=bits, neuron=neuron, channels_in=shape[0],
                   height=shape[1], width=shape[2], channels_out=out, kernel=kernel, stride=stride,
                   padding=padding, groups=groups)  # fmt: skip
    return scatter_geometry(layer, source or _source(neuron, shape), HardwareConfig(lanes=lanes),
                            **given)  # fmt: skip


def dense_geometry(neuron, *, shape=(6, 1, 1), out=5, bits=4, lanes=2, source=None, skip_rows=0,
                   graded="bitplane", **given):  # fmt: skip
    layer = Dense(name="dense", weight_bits=bits, neuron=neuron, outputs=out,
                  inputs=shape[0] * shape[1] * shape[2], **given)  # fmt: skip
    return scatter_geometry(layer, source or _source(neuron, shape), HardwareConfig(lanes=lanes),
                            skip_rows=skip_rows, graded=graded)  # fmt: skip


def pool_geometry(schedule, *, shape=(2, 5, 4), kernel=2, stride=2, steps=3, levels=3):
    layer = FirstSpikePool(name="pool", channels=shape[0], height=shape[1], width=shape[2],
                           kernel=kernel, stride=stride)  # fmt: skip
    source = Source(shape=shape, schedule=Schedule(schedule), steps=steps, levels=levels)
    return scatter_geometry(layer, source, HardwareConfig(lanes=8))


def _source(neuron, shape):
    windowed = neuron.schedule == "windowed"
    return Source(shape=shape, schedule=neuron.schedule, steps=5 if windowed else neuron.steps,
                  levels=5 if windowed else 1)  # fmt: skip


def source_of(shape, *, steps=4, levels=1, multiplicity=1):
    return Source(shape=shape, schedule=Schedule.STEPPED, steps=steps, levels=levels,
                  multiplicity=multiplicity)  # fmt: skip


def row_of(numbers, bits):
    return sum((int(n) & ((1 << bits) - 1)) << bits * lane for lane, n in enumerate(numbers))


def split(word, bits, lanes, signed=True):
    found = []
    for lane in range(lanes):
        number = word >> bits * lane & ((1 << bits) - 1)
        found.append(number - (1 << bits) if signed and number >> bits - 1 else number)
    return found


class FrontBench:
    """Items in, banks out.

    After a run: ``accepted`` holds the cycle of each item, ``closed`` the cycle in which each bank
    was first seen closed, ``freed`` that in which it was freed, ``sums`` its rows, ``flags`` its
    (first, last), ``visited`` the rows in the order in which they were added to.
    """

    def __init__(self, geometry, weights=None, own=None, index=None):
        self.geometry = geometry
        self.weights, self.own, self.index = weights, own, index
        self.accepted, self.closed, self.freed = [], [], []
        self.sums, self.flags, self.read = [], [], []

    def run(self, clocked, items, *, offer=lambda n: True, rest=lambda bank: 0,
            own_spikes=None, cycles=6000):  # fmt: skip
        """``rest``: cycles that the scan idles on a bank beyond one a row."""
        dut = Front(self.geometry)
        g = self.geometry
        state = {"sent": 0, "row": None, "pause": 0, "begin": 0, "weight": 0, "own": 0,
                 "index": 0, "pending": [], "told": 0}  # fmt: skip
        self.start = g.rows + 1
        banks = sum(item is None for item in items) // g.steps_in * g.steps

        def cycle(ctx, number):
            number -= self.start
            ctx.set(dut.bank.take, 0)
            ctx.set(dut.bank.re, 0)
            ctx.set(dut.bank.free, 0)
            if g.weight_rows:
                ctx.set(dut.weight, state["weight"])
            if g.recurrent_bits:
                ctx.set(dut.own_weight, state["own"])
            if g.skip_rows:
                ctx.set(dut.index, state["index"])
            self._scan(ctx, dut, state, number, rest, own_spikes)
            valid = number >= 0 and state["sent"] < len(items) and offer(number)
            ctx.set(dut.i.valid, valid)
            if valid:
                address, level = items[state["sent"]] or (0, 0)
                last = items[state["sent"]] is None
                ctx.set(dut.i.p, {"last": last, "address": address, "level": level})
            if valid and ctx.get(dut.i.ready):
                self.accepted.append(number)
                state["sent"] += 1
            if g.weight_rows and ctx.get(dut.weight_re):
                self.read.append(ctx.get(dut.weight_row))
                state["weight"] = row_of(self.weights[self.read[-1]], g.weight_bits)
            if g.recurrent_bits and ctx.get(dut.own_re):
                state["own"] = row_of(self.own[ctx.get(dut.own_row)], g.recurrent_bits)
            if g.skip_rows and ctx.get(dut.index_re):
                state["index"] = self.index[ctx.get(dut.index_row)]
            return number < 0 or len(self.freed) < banks

        clocked(dut, cycle, cycles)
        return self

    def _scan(self, ctx, dut, state, number, rest, own_spikes):
        g = self.geometry
        if state["row"] is not None:  # the data of last cycle's read
            if state["row"] >= 0:
                word = ctx.get(dut.bank.data)
                self.sums[-1].append(split(word, g.acc_bits, g.lanes, not g.is_pool))
            if len(self.freed) == len(self.closed):
                state["row"] = None
        if g.recurrent_bits:
            self._feed_own(ctx, dut, state, number, own_spikes)
        if state["row"] is None and ctx.get(dut.bank.closed):
            self.closed.append(number)
            self.flags.append((ctx.get(dut.bank.first), ctx.get(dut.bank.last)))
            self.sums.append([])
            state["pause"] = rest(len(self.freed))
            state["row"] = -1
            ctx.set(dut.bank.take, 1)
        if state["row"] is None:
            return
        if state["pause"]:
            state["pause"] -= 1
            if state["row"] >= 0:
                self.sums[-1].pop()
            return
        state["row"] += 1
        ctx.set(dut.bank.re, 1)
        ctx.set(dut.bank.row, state["row"])
        if state["row"] == g.rows - 1:
            ctx.set(dut.bank.free, 1)
            self.freed.append(number)

    def _feed_own(self, ctx, dut, state, number, own_spikes):
        """Own spikes of a step, one a cycle from the cycle after its bank was freed."""
        queue = state["pending"]
        while state["told"] < len(self.freed):
            spikes = own_spikes[state["told"]]
            queue += [(number, a) for a in spikes] + [(number, None)]
            state["told"] += 1
        ctx.set(dut.recurrent.valid, bool(queue))
        if queue:
            address = queue[0][1]
            payload = {
                "last": address is None,
                "address": address or 0,
                "level": address is not None,
            }
            ctx.set(dut.recurrent.p, payload)
            assert ctx.get(dut.recurrent.ready)
            queue.pop(0)


def real(weights, bits):
    return np.where(np.asarray(weights) < 0, -1, 1) if bits == 1 else np.asarray(weights)


def conv_rows(weights, g):
    """Weight rows of a (O, I/G, KH, KW) tensor, and scattered contributions by brute force."""
    out, per, kh, kw = weights.shape
    rows = np.zeros((g.weight_rows, g.lanes), int)
    out_per = out // g.groups
    for c in range(per * g.groups):
        group = c // per
        for y in range(kh):
            for x in range(kw):
                for o in range(out_per):
                    row = ((c * kh + y) * kw + x) * g.blocks + o // g.lanes
                    rows[row, o % g.lanes] = weights[group * out_per + o, c % per, y, x]
    return rows


def conv_sums(weights, g, image):
    """Sums (O, OH, OW) for levels (C, H, W), straight from the definition."""
    out, per, kh, kw = weights.shape
    padded = np.pad(image, ((0, 0), (g.padding[0],) * 2, (g.padding[1],) * 2))
    found = np.zeros(g.out_shape, int)
    for o in range(out):
        base = o // (out // g.groups) * per
        for y in range(g.out_shape[1]):
            for x in range(g.out_shape[2]):
                top, left = y * g.stride[0], x * g.stride[1]
                window = padded[base : base + per, top : top + kh, left : left + kw]
                found[o, y, x] = (weights[o] * window).sum()
    return found


def as_rows(sums, g):
    """(O, OH, OW) as the rows of a bank; empty lanes are None."""
    flat = np.asarray(sums).transpose(1, 2, 0).ravel()
    found = []
    for row in range(g.rows):
        first, lanes = g.first_neuron(row), g.lanes_in_block(row % g.block_rows % g.blocks)
        found.append([int(n) for n in flat[first : first + lanes]] + [None] * (g.lanes - lanes))
    return found


def items_of(maps):
    """Items of steps or images of levels (C, H, W): events in wire order, then the mark."""
    found = []
    for levels in maps:
        flat = np.asarray(levels).transpose(1, 2, 0).ravel()
        found += [(int(a), int(flat[a])) for a in np.flatnonzero(flat)] + [None]
    return found


def same(found, expected):
    """Rows agree in every lane that holds a neuron."""
    return all(
        all(e is None or f == e for f, e in zip(left, right, strict=True))
        for left, right in zip(found, expected, strict=True)
    )
