from __future__ import annotations

import random

import pytest

from hw.readout import Readout


def _run(clocked, layer, images, *, offer, take, cycles=2000):
    dut = Readout(layer)
    groups = [
        [image[n] if n < layer.width else 511 for n in range(base, base + layer.lanes)]
        for image in images
        for base in range(0, layer.groups * layer.lanes, layer.lanes)
    ]
    beats, handovers = [], []

    def cycle(ctx, number):
        valid = len(handovers) < len(groups) and offer(number)
        ctx.set(dut.i.valid, valid)
        if valid:
            for lane, membrane in enumerate(groups[len(handovers)]):
                ctx.set(dut.i.membranes[lane], membrane)
        ctx.set(dut.o.ready, take(number))
        if valid and ctx.get(dut.i.ready):
            handovers.append(number)
        if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
            beat = ctx.get(dut.o.p)
            beats.append((number, (beat.last, beat.index, beat.membrane)))
        return ctx.get(dut.o.valid)

    clocked(dut, cycle, cycles)
    return beats, handovers


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize(("width", "lanes"), [(2, 1), (5, 2), (4, 4), (9, 4), (10, 10)])
def test_every_membrane_then_the_largest_ones_class(clocked, layer_geometry, width, lanes, stalled):
    layer = layer_geometry(width=width, lanes=lanes, threshold_bits=0)
    rng = random.Random(width + lanes)
    images = [[rng.randint(-512, 511) for _ in range(width)] for _ in range(6)]
    images += [[-7] * width, [-512] * width, [0] * (width - 1) + [1], [3] + [2] * (width - 1)]
    images += [[rng.randint(-2, 1) for _ in range(width)] for _ in range(10)]  # many ties
    willing = (lambda number: rng.random() < 0.6) if stalled else (lambda number: True)
    beats, _ = _run(clocked, layer, images, offer=willing, take=willing)
    wanted = []
    for image in images:
        wanted += [(0, n, membrane) for n, membrane in enumerate(image)]
        wanted.append((1, image.index(max(image)), max(image)))
    assert [beat for _, beat in beats] == wanted


def test_first_beat_comes_two_cycles_after_the_handover(clocked, layer_geometry):
    layer = layer_geometry(width=4, lanes=4, threshold_bits=0)
    beats, handovers = _run(
        clocked, layer, [[1, 2, 3, 4]], offer=lambda n: True, take=lambda n: True, cycles=20
    )
    assert [number for number, _ in beats] == [handovers[0] + 2 + n for n in range(5)]
