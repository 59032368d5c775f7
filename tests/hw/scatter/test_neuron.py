from __future__ import annotations

import random

import pytest
from amaranth import Module, Signal, signed
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.scatter.neuron import leaked, state_layout, step_neuron
from spikeforge.schema import Leak, NeuronSpec, Rounding


class _Bench:
    """One neuron with its state in a register, as an image's steps drive it."""

    def __init__(self, spec, drive_bits):
        self.m = m = Module()
        layout = state_layout(spec)
        self.state = Signal(max(1, layout.size))
        self.drive = Signal(signed(drive_bits))
        self.bias = Signal(signed(spec.bias_bits)) if spec.bias_bits else None
        self.theta = Signal(max(1, spec.threshold_bits) + spec.steps.bit_length())
        made = step_neuron(
            m, spec, 0, self.state[: layout.size], self.drive,
            0 * self.drive if self.bias is None else self.bias, self.theta,
        )  # fmt: skip
        self.next, self.fired = Signal.like(self.state), Signal()
        self.membrane, self.final = (Signal(signed(spec.membrane_bits)) for _ in range(2))
        m.d.comb += [
            self.next.eq(made.state), self.fired.eq(made.fired),
            self.membrane.eq(made.membrane), self.final.eq(made.final),
        ]  # fmt: skip


def _run(spec, images):
    """Each image: (theta, bias, drives). Returns per image (V compared, V stored, fired) a step."""
    bits = spec.current_bits + (0 if spec.overflow == "refuse" else 3)
    bench = _Bench(spec, bits)
    found = []

    async def testbench(ctx):
        for theta, bias, drives in images:
            state, steps = 0, []
            for t, drive in enumerate(drives):
                falling = spec.threshold_shape == "falling"
                ctx.set(bench.theta, theta * (spec.steps - t if falling else 1))
                ctx.set(bench.state, state)
                ctx.set(bench.drive, drive)
                if bench.bias is not None:
                    ctx.set(bench.bias, bias)
                steps.append((ctx.get(bench.membrane), ctx.get(bench.final), ctx.get(bench.fired)))
                state = ctx.get(bench.next)
            found.append(steps)

    simulator = Simulator(bench.m)
    simulator.add_testbench(testbench)
    simulator.run()
    return found


def _wanted(plain, spec, images):
    wanted = []
    for theta, bias, drives in images:
        neuron = plain.Neuron(spec, theta, bias)
        wanted.append([neuron.step(t, drive) for t, drive in enumerate(drives)])
    return wanted


def _random_images(rng, spec, count):
    bits = spec.current_bits + (0 if spec.overflow == "refuse" else 3)
    top, low = (1 << (bits - 1)) - 1, -(1 << (bits - 1))
    images = []
    for _ in range(count):
        scale = rng.choice([3, 20, top])
        drives = [max(low, min(top, rng.randint(-scale, 2 * scale))) for _ in range(spec.steps)]
        theta = rng.randint(1, (1 << spec.threshold_bits) - 1) if spec.fires else 0
        half = 1 << (spec.bias_bits - 1) if spec.bias_bits else 0
        images.append((theta, rng.randint(-half, half - 1) if half else 0, drives))
    return images


@settings(max_examples=120, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1 << 32))
def test_any_neuron_of_the_contract_is_its_equation(plain, seed):
    rng = random.Random(seed)
    spec = plain.random_neuron(rng)
    images = _random_images(rng, spec, 40)
    assert _run(spec, images) == _wanted(plain, spec, images), spec


def _usual(**given):
    fields = {
        "schedule": "stepped", "steps": 4, "membrane_bits": 8, "current_bits": 6,
        "threshold_bits": 4, "current_leak": Leak(kind="all"),
    }  # fmt: skip
    return NeuronSpec(**{**fields, **given})


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, {"membrane": 8, "silent": 1}),
        ({"current_leak": Leak()}, {"current": 6, "membrane": 8, "silent": 1}),
        ({"refractory": 5}, {"membrane": 8, "silent": 1}),
        ({"after_spike": "zero"}, {"membrane": 8}),
        ({"after_spike": "zero", "refractory": 4}, {"membrane": 8, "resting": 3}),
        ({"after_spike": "subtract", "reset_timing": "next_step"}, {"membrane": 8, "due": 1}),
        ({"after_spike": "zero", "reset_timing": "next_step", "refractory": 1},
         {"membrane": 8, "resting": 1}),
        ({"after_spike": "zero", "membrane_leak": Leak(kind="all")}, {}),
        ({"fires": False, "threshold_bits": 0, "refractory": 3}, {"membrane": 8}),
    ],
)  # fmt: skip
def test_state_holds_only_what_the_neuron_needs(given, fields):
    layout = state_layout(_usual(**given))
    assert {name: field.width for name, field in layout} == fields


@pytest.mark.parametrize(
    ("after", "timing", "stored"),
    [
        # Theta 5, drives 7, 0, 0: V as stored after each step.
        ("silent", "same_step", [7, 7, 7]),
        ("zero", "same_step", [0, 0, 0]),
        ("subtract", "same_step", [2, 2, 2]),
        ("zero", "next_step", [7, 0, 0]),
        ("subtract", "next_step", [7, 2, 2]),
    ],
)
def test_resets(after, timing, stored):
    spec = _usual(after_spike=after, reset_timing=timing, steps=3)
    (steps,) = _run(spec, [(5, 0, [7, 0, 0])])
    assert [final for _, final, _ in steps] == stored
    assert [fired for _, _, fired in steps] == [1, 0, 0]


@pytest.mark.parametrize(
    ("rounding", "left"),
    [
        # x - x / 4 for x = -7..7.
        ("floor", [-5, -4, -3, -3, -2, -1, 0, 0, 1, 2, 3, 3, 4, 5, 6]),
        ("zero", [-6, -5, -4, -3, -3, -2, -1, 0, 1, 2, 3, 3, 4, 5, 6]),
        ("nearest_even", [-5, -4, -4, -3, -2, -2, -1, 0, 1, 2, 2, 3, 4, 4, 5]),
    ],
)
def test_rounding_of_a_leak_by_hand(rounding, left):
    m = Module()
    x, y = Signal(signed(4)), Signal(signed(5))
    m.d.comb += y.eq(leaked(Leak(kind="shift", shift=2), Rounding(rounding), x))
    found = []

    async def testbench(ctx):
        for value in range(-7, 8):
            ctx.set(x, value)
            found.append(ctx.get(y))

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()
    assert found == left
