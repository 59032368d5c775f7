from __future__ import annotations

import random

import pytest

from hw.scatter.divide import Divide

ADDRESSES = 8


def _run(clocked, dut, spikes, take, *, theta=None):
    """Offers (membrane, theta) pairs, every fourth item a mark; returns (cycle, item) of each."""
    offered, found, sent = [], [], []
    for at, pair in enumerate(spikes):
        offered.append((0, at % ADDRESSES, *pair))
        offered += [(1, 0, 0, 0)] * (at % 4 == 3)

    def cycle(ctx, number):
        there = len(sent) < len(offered)
        ctx.set(dut.i.valid, there)
        if there:
            last, address, membrane, own = offered[len(sent)]
            item = {"last": last, "address": address, "value": membrane}
            ctx.set(dut.i.p, item if theta else item | {"theta": own})
        if theta:
            ctx.set(dut.theta, theta)
        ctx.set(dut.o.ready, take(number))
        if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
            item = ctx.get(dut.o.p)
            found.append((number, (item.last, item.address, item.level)))
        if there and ctx.get(dut.i.ready):
            sent.append(number)
        return there or ctx.get(dut.o.valid)

    clocked(dut, cycle, 20000)
    wanted = [
        (last, address, 0 if last else min(dut.steps, membrane // own))
        for last, address, membrane, own in offered
    ]
    assert [item for _, item in found] == wanted
    return sent, [number for number, _ in found]


@pytest.mark.parametrize("theta", [1, 2, 7, 15])
@pytest.mark.parametrize("steps", [1, 2, 5, 7, 8])
def test_every_membrane_by_a_layers_theta(clocked, steps, theta):
    dut = Divide(addresses=ADDRESSES, steps=steps, value_bits=7, theta_bits=4, per_neuron=False)
    spikes = [(membrane, theta) for membrane in range(theta, 128)]
    _run(clocked, dut, spikes, lambda number: True, theta=theta)


@pytest.mark.parametrize("steps", [15, 1023])
def test_a_theta_for_each_spike_and_a_slow_receiver(clocked, steps):
    rng = random.Random(steps)
    dut = Divide(addresses=ADDRESSES, steps=steps, value_bits=20, theta_bits=9, per_neuron=True)
    thetas = [rng.choice([1, 2, 3, rng.randint(1, 511)]) for _ in range(200)]
    spikes = [(rng.choice([t, t + 1, t * steps - 1, t * steps, rng.randint(t, (1 << 20) - 1)]), t)
              for t in thetas]  # fmt: skip
    _run(clocked, dut, [(max(v, t), t) for v, t in spikes], lambda number: rng.random() < 0.5)


def test_a_cycle_for_each_bit_of_the_level_and_one_spike_a_cycle(clocked):
    dut = Divide(addresses=ADDRESSES, steps=15, value_bits=8, theta_bits=4, per_neuron=True)
    sent, left = _run(clocked, dut, [(50, 7)] * 12, lambda number: True)
    assert sent == list(range(15))
    assert left == [number + 4 for number in sent]


def test_a_receiver_that_stands_still_is_followed_by_a_full_pipeline(clocked):
    dut = Divide(addresses=ADDRESSES, steps=15, value_bits=8, theta_bits=4, per_neuron=True)
    sent, left = _run(clocked, dut, [(50, 7)] * 12, lambda number: number >= 30)
    assert sent[:5] == [0, 1, 2, 3, 30]
    assert left == list(range(30, 45))
