from __future__ import annotations

import random
from itertools import pairwise

import pytest

from hw.fire import Fire

STEPS = 5


def _expected(layer, image, theta):
    """Events of one image, step by step: (last, address, level)."""
    events = []
    for group in range(layer.groups):
        neurons = range(group * layer.lanes, min(layer.width, (group + 1) * layer.lanes))
        silent = set(neurons)
        for step in range(layer.steps):
            for neuron in neurons:
                if neuron in silent and image[neuron] >= theta[neuron] * (layer.steps - step):
                    silent.discard(neuron)
                    events.append((0, neuron, layer.steps - step))
    return [*events, (1, 0, 0)]


def _run(clocked, layer, images, theta, *, offer, take, cycles=3000):
    """Hand all groups over; returns events with their cycles, and the cycles of the handovers."""
    dut = Fire(layer)
    bits = layer.threshold_bits
    groups = [
        [image[n] if n < layer.width else 511 for n in range(base, base + layer.lanes)]
        for image in images
        for base in range(0, layer.groups * layer.lanes, layer.lanes)
    ]
    events, handovers, row = [], [], [0]

    def cycle(ctx, number):
        begin = row[0] * layer.lanes if layer.threshold_per_neuron else 0
        count = layer.lanes if layer.threshold_per_neuron else 1
        present = theta[begin : begin + count]
        ctx.set(dut.threshold, sum(value << bits * lane for lane, value in enumerate(present)))
        valid = len(handovers) < len(groups) and offer(number)
        ctx.set(dut.i.valid, valid)
        if valid:
            for lane, membrane in enumerate(groups[len(handovers)]):
                ctx.set(dut.i.membranes[lane], membrane)
        ctx.set(dut.o.ready, take(number))
        if valid and ctx.get(dut.i.ready):
            handovers.append(number)
        if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
            event = ctx.get(dut.o.p)
            events.append((number, (event.last, event.address, event.level)))
        if ctx.get(dut.finishing):
            row[0] = (row[0] + 1) % layer.groups
        return ctx.get(dut.compared) or ctx.get(dut.o.valid)

    clocked(dut, cycle, cycles)
    return events, handovers


@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize(
    ("width", "lanes", "steps"), [(5, 2, 5), (6, 6, 3), (3, 1, 1), (9, 4, 7), (1, 1, 2), (8, 4, 4)]
)
@pytest.mark.parametrize("stalled", [False, True])
def test_spikes_leave_in_the_order_of_the_contract(
    clocked, layer_geometry, width, lanes, steps, per_neuron, stalled
):
    layer = layer_geometry(
        width=width, lanes=lanes, steps=steps, threshold_per_neuron=per_neuron, membrane_bits=10
    )
    rng = random.Random(width * 100 + lanes)
    theta = [rng.randint(1, 31) for _ in range(width)]
    theta = theta if per_neuron else theta[:1] * width
    images = [[rng.randint(-100, 40 * steps) for _ in range(width)] for _ in range(8)]
    images += [[-1] * width, [511] * width, [t * steps for t in theta], [t - 1 for t in theta]]
    willing = (lambda number: rng.random() < 0.6) if stalled else (lambda number: True)
    events, _ = _run(clocked, layer, images, theta, offer=willing, take=willing)
    wanted = [event for image in images for event in _expected(layer, image, theta)]
    assert [event for _, event in events] == wanted


def test_first_event_is_offered_three_cycles_after_the_handover(clocked, layer_geometry):
    layer = layer_geometry(width=2, lanes=2, steps=STEPS)
    events, handovers = _run(
        clocked, layer, [[500, 0]], [10, 10], offer=lambda n: True, take=lambda n: True, cycles=40
    )
    assert events[0] == (handovers[0] + 3, (0, 0, STEPS))


def test_a_silent_group_takes_one_cycle_a_step(clocked, layer_geometry):
    layer = layer_geometry(width=6, lanes=2, steps=STEPS)
    _, handovers = _run(
        clocked, layer, [[-1] * 6], [10] * 6, offer=lambda n: True, take=lambda n: True, cycles=60
    )
    assert [b - a for a, b in pairwise(handovers)] == [STEPS + 1] * 2


def test_padding_lanes_of_the_last_group_never_fire(clocked, layer_geometry):
    layer = layer_geometry(width=5, lanes=4, steps=STEPS)  # three lanes of padding hold 511
    events, _ = _run(
        clocked, layer, [[-1] * 5] * 2, [1] * 5, offer=lambda n: True, take=lambda n: True
    )
    assert [event for _, event in events] == [(1, 0, 0)] * 2
