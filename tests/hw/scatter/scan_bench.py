"""A scan on the bench: random layers, banks of random sums, and what plain integers expect."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from amaranth import EnableInserter, Module
from amaranth.lib.wiring import connect

from hw.config import HardwareConfig
from hw.readout_steps import StepReadout
from hw.scatter.scan import Scan
from hw.scatter.sizing import Source, scatter_geometry
from spikeforge.schema import Conv2d, Dense, FirstSpikePool, NeuronSpec, Recurrent, Schedule


def word(numbers, bits):
    """Numbers side by side, the first in the lowest bits."""
    return sum((n & ((1 << bits) - 1)) << bits * at for at, n in enumerate(numbers))


@dataclass
class Bench:
    """A layer with its numbers and images; after :meth:`run` what it did.

    Attributes:
        sums: For each image and own step the rows, each a list of lanes.
        items: What it sent: (cycle, last, address, level).
        rows: For an output layer (cycle, row, flags, membranes, finals, fired).
        freed: Cycles in which banks were freed.
        own: Items for the own queue: (cycle, last, address).
    """

    geometry: object
    thetas: list
    biases: list
    sums: list
    items: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    freed: list = field(default_factory=list)
    own: list = field(default_factory=list)

    def run(self, clocked, arrivals, take, *, gated=False, cycles=20000):
        """Simulate all banks.

        ``arrivals``: cycles from which they are closed; ``take(n)``: ready in cycle n; ``gated``:
        registers are clocked only while the scan says that it is active.
        """
        g = self.geometry
        dut = Scan(g)
        cycle = self._driver(dut, arrivals, take)
        clocked(EnableInserter(dut.active)(dut) if gated else dut, cycle, cycles)
        assert len(self.freed) == len(self.sums) * g.steps
        return self

    def run_to_class(self, clocked, readout, arrivals, cycles=20000):
        """An output layer with its read-out: cycles of the classes, of the frees, own items."""
        dut = Scan(self.geometry)
        end = StepReadout(self.geometry, readout)
        m = Module()
        m.submodules.scan, m.submodules.readout = dut, end
        connect(m, dut.o, end.i)
        results = []
        drive = self._driver(dut, arrivals, None)

        def cycle(ctx, number):
            ctx.set(end.o.ready, 1)
            if ctx.get(end.o.valid) and ctx.get(end.o.p).last:
                results.append(number)
            return drive(ctx, number) or ctx.get(end.o.valid)

        clocked(m, cycle, cycles)
        return results, self.freed, self.own

    def _driver(self, dut, arrivals, take):
        """What plays the front half (and, with ``take``, the next layer) in each cycle."""
        g = self.geometry
        banks = [(n, step, rows) for n, image in enumerate(self.sums)
                 for step, rows in enumerate(image)]  # fmt: skip
        state = {"at": 0, "open": False, "data": 0, "threshold": 0, "bias": 0}
        noise = random.Random(1)

        def cycle(ctx, number):
            at = state["at"]
            there = at < len(banks)
            ctx.set(dut.bank.closed, there and not state["open"] and number >= arrivals[at])
            if there:
                step = banks[at][1]
                ctx.set(dut.bank.first, step == 0)
                ctx.set(dut.bank.last, step == g.steps - 1)
            ctx.set(dut.bank.data, state["data"])
            for name in ("threshold", "bias"):
                if hasattr(dut, name):
                    ctx.set(getattr(dut, name), state[name])
            if take:
                ctx.set(dut.o.ready, take(number))
            if g.recurrent_bits:
                ctx.set(dut.recurrent.ready, 1)
            self._note(ctx, dut, number)
            if ctx.get(dut.bank.take):
                assert there
                assert not state["open"]
                state["open"] = True
            if ctx.get(dut.bank.re):
                row = banks[at][2][ctx.get(dut.bank.row)]
                state["data"] = word(row, g.acc_bits)
            if not g.is_pool and ctx.get(dut.param_re):
                self._read_parameters(state, ctx.get(dut.param_row))
            if ctx.get(dut.bank.free):
                self.freed.append(number)
                state["open"], state["at"] = False, at + 1
                state["data"] = noise.getrandbits(g.lanes * g.acc_bits)  # kept no longer
            return there or ctx.get(dut.o.valid)

        return cycle

    def _read_parameters(self, state, row):
        g = self.geometry
        channels = self._channels(row)
        thetas = [self.thetas[c % len(self.thetas)] for c in channels]
        state["threshold"] = word(
            thetas if g.threshold_per_neuron else self.thetas, g.threshold_bits
        )
        state["bias"] = word([self.biases[c] for c in channels], g.bias_bits)

    def _channels(self, row):
        """Channel of each lane of row ``row % block_rows``; empty lanes have somebody else's."""
        first = self.geometry.first_neuron(row)
        return [(first + n) % len(self.biases) for n in range(self.geometry.lanes)]

    def _note(self, ctx, dut, number):
        g, o = self.geometry, dut.o
        if g.recurrent_bits and ctx.get(dut.recurrent.valid):
            item = ctx.get(dut.recurrent.p)
            assert item.level == (not item.last)
            self.own.append((number, item.last, item.address))
        if not (ctx.get(o.valid) and ctx.get(o.ready)):
            return
        if not g.output:
            item = ctx.get(o.p)
            self.items.append((number, item.last, item.address, item.level))
            return
        flags = ctx.get(o.last_row), ctx.get(o.first_step), ctx.get(o.last_step)
        lanes = range(g.lanes)
        self.rows.append(
            (number, ctx.get(o.row), flags, [ctx.get(o.membranes[n]) for n in lanes],
             [ctx.get(o.finals[n]) for n in lanes], ctx.get(o.fired))
        )  # fmt: skip

    def expected(self, plain):
        """For each image and step: rows of (V as compared, V as stored, level) for real lanes."""
        g = self.geometry
        found = []
        for image in self.sums:
            neurons = {}
            steps = []
            for t, rows in enumerate(image):
                steps.append(
                    [[self._neuron(plain, neurons, t, row, lane, sums[lane])
                      for lane in range(g.lanes_in_block(row % g.blocks))]
                     for row, sums in enumerate(rows)]
                )  # fmt: skip
            found.append(steps)
        return found

    def _neuron(self, plain, neurons, t, row, lane, drive):
        g = self.geometry
        if g.is_pool:
            spent = neurons.setdefault((row, lane), False)
            neurons[row, lane] = spent or bool(drive)
            level = drive if g.windowed else int(bool(drive) and not spent)
            return drive, drive, level
        channel = self._channels(row)[lane]
        theta, bias = self.thetas[channel % len(self.thetas)], self.biases[channel]
        if g.windowed:
            v = plain.wrapped(drive + bias, g.membrane_bits)
            return v, v, min(g.levels_out, max(0, v // theta)) if g.fires else 0
        neuron = neurons.setdefault((row, lane), plain.Neuron(g.neuron, theta, bias))
        compared, stored, fires = neuron.step(t, drive)
        return compared, stored, int(fires)

    def spikes(self, plain):
        """For each image and step, (wire address, level) of who fires."""
        g = self.geometry
        return [
            [[(g.first_neuron(row) + lane, made[2])
              for row, lanes in enumerate(rows) for lane, made in enumerate(lanes) if made[2]]
             for rows in steps]
            for steps in self.expected(plain)
        ]  # fmt: skip


def random_bench(rng, plain, kind, *, output=False, recurrent=False, images=4):
    """A random layer: ``kind`` is windowed, stepped, pool (windowed) or stepped_pool."""
    if kind.endswith("pool"):
        geometry = _random_pool(rng, kind)
    else:
        geometry = _random_layer(rng, plain, kind, output, recurrent)
    g = geometry
    channels = g.out_shape[0]
    count = channels if g.threshold_per_neuron else 1
    top = (1 << g.threshold_bits) - 1 if g.threshold_bits else 1
    half = 1 << (g.bias_bits - 1) if g.bias_bits else 0
    thetas = [rng.randint(1, top) for _ in range(count)]
    biases = [rng.randint(-half, half - 1) if half else 0 for _ in range(channels)]
    sums = [
        [[[_sum(rng, g, thetas) for _ in range(g.lanes)] for _ in range(g.rows)]
         for _ in range(g.steps)]
        for _ in range(images)
    ]  # fmt: skip
    return Bench(geometry, thetas, biases, sums)


def _sum(rng, g, thetas):
    density = rng.choice([0.0, 0.1, 0.4, 0.9])
    if rng.random() >= density:
        return 0
    if g.is_pool:
        return rng.randint(0, g.levels_in)
    top = (1 << (g.acc_bits - 1)) - 1
    reach = max(thetas) * (g.levels_out + 1)
    return max(-top - 1, min(top, rng.randint(-reach // 2, reach)))


def _random_pool(rng, kind):
    channels = rng.choice([1, 2, 3])
    layer = FirstSpikePool(name="pool", channels=channels, height=4, width=5, kernel=2,
                           stride=rng.choice([1, 2]))  # fmt: skip
    windowed = kind == "pool"
    levels = rng.choice([1, 5, 16]) if windowed else 1
    schedule = Schedule.WINDOWED if windowed else Schedule.STEPPED
    source = Source(shape=(channels, 4, 5), schedule=schedule,
                    steps=levels if windowed else rng.choice([1, 3]), levels=levels)  # fmt: skip
    return scatter_geometry(layer, source, HardwareConfig(lanes=2))


def _random_layer(rng, plain, kind, output, recurrent):
    if kind == "windowed":
        steps = rng.choice([1, 2, 5, 15, 16, 1023])
        fires = not output
        threshold_bits = rng.randint(1, 6)
        neuron = NeuronSpec(
            schedule="windowed", steps=steps, fires=fires, bias_bits=rng.choice([0, 4]),
            membrane_bits=threshold_bits + steps.bit_length() + 2,
            threshold_bits=threshold_bits if fires else 0,
            threshold_per_neuron=fires and rng.random() < 0.5,
            threshold_shape="falling" if fires else "constant",
        )  # fmt: skip
    else:
        neuron = plain.random_neuron(
            rng, **({} if output else {"fires": True, "threshold_bits": 5})
        )
    windowed = kind == "windowed"
    source_of = {"schedule": Schedule(kind), "steps": 3 if windowed else neuron.steps,
                 "levels": 3 if windowed else 1}  # fmt: skip
    if recurrent or output or rng.random() < 0.5:
        outputs = rng.randint(1, 9)
        layer = Dense(name="dense", weight_bits=4, neuron=neuron, inputs=6, outputs=outputs,
                      recurrent=Recurrent(weight_bits=3) if recurrent else None)  # fmt: skip
        source = Source(shape=(6, 1, 1), **source_of)
        config = HardwareConfig(lanes=rng.randint(1, outputs))
        return scatter_geometry(layer, source, config, output=output)
    groups = rng.choice([1, 2])
    out = groups * rng.randint(1, 5)
    layer = Conv2d(name="conv", weight_bits=4, neuron=neuron, channels_in=2, height=3, width=4,
                   channels_out=out, kernel=(2, 2), groups=groups)  # fmt: skip
    source = Source(shape=(2, 3, 4), **source_of)
    return scatter_geometry(layer, source, HardwareConfig(lanes=rng.randint(1, 4)))
