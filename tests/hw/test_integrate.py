from __future__ import annotations

import random

import pytest

from hw.integrate import Integrate


def _word(numbers, bits):
    return sum((number & ((1 << bits) - 1)) << bits * lane for lane, number in enumerate(numbers))


def _run(clocked, layer, weights, biases, images, *, offer, take, cycles=700):
    """Events of each image once a group; returns what is handed over, with its cycles."""
    dut = Integrate(layer)
    items = [item for image in images for _ in range(layer.groups) for item in [*image, None]]
    state = {"row": 0, "sent": 0, "bias": 0, "fresh": True}
    accepted, handed = [], []

    def cycle(ctx, number):
        ctx.set(dut.start, number == 1)
        if layer.bias_bits:
            ctx.set(dut.bias, _word(biases[state["bias"]], layer.bias_bits))
        ctx.set(dut.row, state["row"])
        valid = state["sent"] < len(items) and offer(number)
        ctx.set(dut.i.valid, valid)
        if valid:
            item = items[state["sent"]]
            address, level = item or (0, 0)
            ctx.set(dut.i.p, {"last": item is None, "address": address, "level": level})
        # A consumer takes two cycles at least: until then the next biases are not there.
        ctx.set(dut.o.ready, take(number) and not (handed and handed[-1][0] == number - 1))
        if ctx.get(dut.row_re):
            row = weights[ctx.get(dut.row_address)]
            state["row"] = _word(row, layer.weight_bits)
        if valid and ctx.get(dut.i.ready):
            accepted.append(number)
            state["sent"] += 1
        if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
            membranes = [ctx.get(dut.o.membranes[lane]) for lane in range(layer.lanes)]
            handed.append((number, membranes))
        if number == 1 or (handed and handed[-1][0] == number - 1):
            state["bias"] = (state["bias"] + 1) % layer.groups
        return state["sent"] < len(items) or ctx.get(dut.o.valid)

    clocked(dut, cycle, cycles)
    return accepted, handed


def _expected(layer, weights, biases, images):
    def sign(weight):
        return (-1 if weight else 1) if layer.weight_bits == 1 else weight

    found = []
    for image in images:
        for group in range(layer.groups):
            membranes = list(biases[group]) if layer.bias_bits else [0] * layer.lanes
            for address, level in image:
                row = weights[group * layer.fan_in + address]
                membranes = [v + sign(w) * level for v, w in zip(membranes, row, strict=True)]
            found.append(membranes)
    return found


@pytest.mark.parametrize(("row_register", "lane_gating"), [(True, False), (False, True)])
@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize(("bits", "bias_bits"), [(1, 0), (1, 4), (4, 0), (8, 6)])
@pytest.mark.parametrize(("width", "lanes"), [(6, 2), (3, 3), (3, 1)])
def test_membranes_are_the_sum_over_all_events(
    clocked, layer_geometry, width, lanes, bits, bias_bits, stalled, row_register, lane_gating
):
    layer = layer_geometry(
        width=width, lanes=lanes, weight_bits=bits, bias_bits=bias_bits, membrane_bits=16,
        steps_in=9, fan_in=5, row_register=row_register, lane_gating=lane_gating,
    )  # fmt: skip
    rng = random.Random(width * bits + bias_bits)
    low, high = (0, 1) if bits == 1 else (-(1 << bits - 1), (1 << bits - 1) - 1)
    weights = [[rng.randint(low, high) for _ in range(lanes)] for _ in range(layer.rows)]
    top = 1 << max(0, bias_bits - 1)
    biases = [[rng.randint(-top, top - 1) for _ in range(lanes)] for _ in range(layer.groups)]
    images = [
        [(n, rng.randint(1, 9)) for n in range(5) if rng.random() < chance]
        for chance in (0.5, 1, 0, 0, 0.3, 1, 1, 0.6)
    ]
    willing = (lambda number: rng.random() < 0.6) if stalled else (lambda number: True)
    _, handed = _run(clocked, layer, weights, biases, images, offer=willing, take=willing)
    assert [membranes for _, membranes in handed] == _expected(layer, weights, biases, images)


@pytest.mark.parametrize("row_register", [False, True])
def test_one_item_a_cycle_and_the_handover_in_its_last_stage(clocked, layer_geometry, row_register):
    layer = layer_geometry(width=2, lanes=1, row_register=row_register)
    weights = [[1]] * layer.rows
    accepted, handed = _run(
        clocked, layer, weights, [], [[(0, 1), (3, 2)]], offer=lambda n: True, take=lambda n: True,
        cycles=30,
    )  # fmt: skip
    first = accepted[0]
    assert accepted == list(range(first, first + 6))
    # A mark is accepted, reaches the word stage, and with a row register the sum stage behind it.
    later = 1 + row_register
    assert handed == [(first + 2 + later, [3]), (first + 5 + later, [3])]


def test_nothing_is_accepted_before_the_first_biases_are_there(clocked, layer_geometry):
    layer = layer_geometry(width=2, lanes=1, bias_bits=4)
    accepted, _ = _run(
        clocked, layer, [[1]] * layer.rows, [[5], [6]], [[(0, 1)]], offer=lambda n: True,
        take=lambda n: True, cycles=30,
    )  # fmt: skip
    assert accepted[0] == 2  # start is given in cycle 1
