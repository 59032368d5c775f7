"""The stepped neuron in plain integers, and random neurons, for the tests of the scatter engine."""

from __future__ import annotations

import random
from dataclasses import dataclass

from spikeforge.schema import Leak, NeuronSpec


def rounded(x, bits, rounding):
    """``x / 2**bits`` as the contract rounds it."""
    floor, rest = divmod(x, 1 << bits)
    if rounding == "floor" or not rest:
        return floor
    if rounding == "zero":
        return floor + (x < 0)
    half = 1 << (bits - 1)
    return floor + (rest > half or (rest == half and floor % 2 == 1))


def leak_of(x, leak, rounding):
    if leak.kind == "none":
        return 0
    if leak.kind == "all":
        return x
    return rounded(x * leak.multiplier if leak.kind == "multiply" else x, leak.shift, rounding)


def wrapped(x, bits):
    """Two's complement."""
    half = 1 << (bits - 1)
    return (x + half) % (2 * half) - half


@dataclass
class Neuron:
    """One neuron over the steps of an image, equation by equation."""

    spec: NeuronSpec
    theta: int = 1
    bias: int = 0
    current: int = 0
    v: int = 0
    rest: int = 0
    silent: bool = False
    due: bool = False

    def fit(self, x, bits):
        if self.spec.overflow == "refuse":
            return wrapped(x, bits)  # proven not to happen; here it may
        return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, x))

    def step(self, t, drive):
        """Returns V as compared, V as stored, and whether it fires."""
        spec = self.spec
        theta = self.theta * (spec.steps - t if spec.threshold_shape == "falling" else 1)
        if self.silent:
            return self.v, self.v, False
        v = self.v
        if self.due:
            v = v - theta if spec.after_spike == "subtract" else 0
            self.due = False
        current = self.current - leak_of(self.current, spec.current_leak, spec.rounding)
        self.current = self.fit(current + drive, spec.current_bits)
        v -= leak_of(v, spec.membrane_leak, spec.rounding)
        v = self.fit(v + self.current + self.bias, spec.membrane_bits)
        fires = False
        if self.rest:
            self.rest -= 1
            v = 0
        elif spec.fires:
            fires = v >= theta if spec.compare == "ge" else v > theta
        compared = v
        if fires:
            self.rest = spec.refractory
            if spec.after_spike == "silent":
                self.silent = True
            elif spec.reset_timing == "next_step":
                self.due = True
            else:
                v = v - theta if spec.after_spike == "subtract" else 0
        self.v = v
        return compared, v, fires


def random_leak(rng):
    kind = rng.choice(["none", "all", "shift", "multiply"])
    if kind in ("none", "all"):
        return Leak(kind=kind)
    shift = rng.choice([0, 1, 2, 3, 5, 9, 31])
    if kind == "shift":
        return Leak(kind=kind, shift=shift)
    return Leak(kind=kind, shift=shift, multiplier=rng.randint(0, min(65535, 1 << shift)))


def random_neuron(rng: random.Random, **fixed):
    """A stepped neuron of any kind."""
    fires = rng.random() < 0.85
    fields = {
        "schedule": "stepped", "steps": rng.choice([1, 2, 3, 5, 8]), "fires": fires,
        "membrane_bits": rng.randint(4, 14), "current_bits": rng.randint(4, 12),
        "threshold_bits": rng.randint(1, 9) if fires else 0,
        "threshold_per_neuron": rng.random() < 0.5,
        "threshold_shape": rng.choice(["constant", "constant", "falling"]),
        "bias_bits": rng.choice([0, 2, 5]), "current_leak": random_leak(rng),
        "membrane_leak": random_leak(rng), "compare": rng.choice(["ge", "gt"]),
        "after_spike": rng.choice(["silent", "zero", "subtract"]),
        "reset_timing": rng.choice(["same_step", "next_step"]),
        "rounding": rng.choice(["floor", "zero", "nearest_even"]),
        "overflow": rng.choice(["refuse", "clip"]), "refractory": rng.choice([0, 0, 1, 2, 3]),
    }  # fmt: skip
    return NeuronSpec(**{**fields, **fixed})
