from __future__ import annotations

import random

import pytest

from hw.readout import Readout


def _run(clocked, layer, images, *, offer, take, votes=1, cycles=2000):
    dut = Readout(layer, votes=votes)
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


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize(
    ("width", "lanes", "votes"), [(6, 6, 3), (6, 4, 2), (8, 3, 4), (4, 1, 2), (10, 4, 5)]
)
def test_votes_of_a_class_are_summed(clocked, layer_geometry, width, lanes, votes, stalled):
    layer = layer_geometry(width=width, lanes=lanes, threshold_bits=0)
    rng = random.Random(width * votes)
    images = [[rng.randint(-512, 511) for _ in range(width)] for _ in range(6)]
    images += [[-512] * width, [511] * width]  # the sums fit
    images += [[rng.randint(-1, 1) for _ in range(width)] for _ in range(10)]  # many ties
    willing = (lambda number: rng.random() < 0.6) if stalled else (lambda number: True)
    beats, _ = _run(clocked, layer, images, votes=votes, offer=willing, take=willing)
    wanted = []
    for image in images:
        wanted += [(0, n, membrane) for n, membrane in enumerate(image)]
        scores = [sum(image[n : n + votes]) for n in range(0, width, votes)]
        wanted.append((1, scores.index(max(scores)), max(scores)))
    assert [beat for _, beat in beats] == wanted


def test_votes_cost_no_cycle(clocked, layer_geometry):
    layer = layer_geometry(width=6, lanes=4, threshold_bits=0)
    rng = random.Random(0)
    images = [[rng.randint(-512, 511) for _ in range(6)] for _ in range(4)]
    cycles = [
        [number for number, _ in _run(clocked, layer, images, votes=votes,
                                      offer=lambda n: True, take=lambda n: True)[0]]
        for votes in (1, 2, 3)
    ]  # fmt: skip
    assert cycles[0] == cycles[1] == cycles[2]
