"""One step of a stepped neuron at its widths is the equation in exact integers.

The states, the sums and the thresholds are any. With ``refuse`` the exact I and V are assumed to
lie within their widths, which the contract proves of every network; with ``clip`` nothing is.
"""

from __future__ import annotations

import pytest
from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

import hw.scatter.neuron as neuron_module
from hw.scatter.neuron import state_layout, step_neuron
from spikeforge.schema import NeuronSpec

CURRENT, MEMBRANE, THETA, BIAS = 4, 5, 3, 3  # widths
DRIVE = 7  # width of the exact sum; with "refuse" its low bits arrive
WIDE = 20

SHIFT = {"kind": "shift", "shift": 2}
MULTIPLY = {"kind": "multiply", "shift": 3, "multiplier": 5}
ALL = {"kind": "all"}
CASES = {
    "silent": {"after_spike": "silent"},
    "silent_leaky": {"after_spike": "silent", "current_leak": SHIFT, "membrane_leak": ALL},
    "zero": {"after_spike": "zero", "compare": "gt", "current_leak": MULTIPLY,
             "membrane_leak": SHIFT},
    "zero_later": {"after_spike": "zero", "reset_timing": "next_step", "membrane_leak": MULTIPLY},
    "subtract": {"after_spike": "subtract", "current_leak": ALL, "membrane_leak": SHIFT},
    "subtract_later": {"after_spike": "subtract", "reset_timing": "next_step", "compare": "gt",
                       "current_leak": SHIFT},
    "refractory": {"after_spike": "subtract", "refractory": 2, "membrane_leak": MULTIPLY},
    "integrates": {"fires": False, "threshold_bits": 0, "current_leak": SHIFT},
}  # fmt: skip


def _spec(overflow, rounding, fields):
    return NeuronSpec(**{"schedule": "stepped", "steps": 4, "current_bits": CURRENT,
                         "membrane_bits": MEMBRANE, "threshold_bits": THETA, "bias_bits": BIAS,
                         "overflow": overflow, "rounding": rounding, **fields})  # fmt: skip


class _Neuron(wiring.Component):
    """A step of the RTL, with the fields of its state before and after as ports."""

    def __init__(self, spec, drive_bits):
        self._spec = spec
        fields = state_layout(spec).members
        super().__init__(
            {name: In(shape) for name, shape in fields.items()}
            | {f"new_{name}": Out(shape) for name, shape in fields.items()}
            | {"drive": In(signed(drive_bits)), "bias": In(signed(BIAS)), "theta": In(THETA),
               "compared": Out(signed(MEMBRANE)), "final": Out(signed(MEMBRANE)),
               "fired": Out(1)}
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        layout = state_layout(self._spec)
        word = Cat(getattr(self, name) for name in layout.members)
        made = step_neuron(m, self._spec, 0, word, self.drive, self.bias, self.theta)
        new = data.View(layout, made.state)
        m.d.comb += [self.compared.eq(made.membrane), self.final.eq(made.final),
                     self.fired.eq(made.fired)]  # fmt: skip
        m.d.comb += [getattr(self, f"new_{name}").eq(new[name]) for name in layout.members]
        return m


class _Exact:
    """The equation of the architecture page, in integers that never run out of bits."""

    def __init__(self, proof, spec, neuron):
        self._proof, self._spec, self._neuron = proof, spec, neuron
        self._count = 0

    def wide(self, value):
        made = Signal(signed(WIDE), name=f"exact_{self._count}")
        self._count += 1
        self._proof.m.d.comb += made.eq(value)
        return made

    def after_leak(self, x, leak):
        if leak.kind == "none":
            return x
        if leak.kind == "all":
            return self.wide(0)
        taken = self.wide(x * (leak.multiplier if leak.kind == "multiply" else 1))
        shift = leak.shift
        floor = self.wide(taken >> shift)
        if self._spec.rounding == "zero":
            floor = self.wide(Mux(taken < 0, -(-taken >> shift), taken >> shift))
        elif self._spec.rounding == "nearest_even":
            floor = self.wide((taken + (1 << (shift - 1)) - 1 + floor[0]) >> shift)
        return self.wide(x - floor)

    def held(self, x, bits):
        """Within its width: assumed, or clipped to it."""
        top = (1 << (bits - 1)) - 1
        if self._spec.overflow == "refuse":
            self._proof.assume((x <= top) & (x >= -top - 1))
            return x
        return self.wide(Mux(x > top, top, Mux(x < -top - 1, -top - 1, x)))

    def step(self, drive):
        spec, n = self._spec, self._neuron
        state = {name: getattr(n, name) for name in state_layout(spec).members}
        subtracts = spec.after_spike == "subtract"
        kept = v = self.wide(state.get("membrane", 0))
        if "due" in state:
            v = self.wide(Mux(n.due, v - n.theta if subtracts else 0, v))
        current = self.after_leak(self.wide(state.get("current", 0)), spec.current_leak)
        current = self.held(self.wide(current + drive), CURRENT)
        v = self.wide(self.after_leak(v, spec.membrane_leak) + current + n.bias)
        v = self.held(v, MEMBRANE)
        able = 1
        if "silent" in state:
            able = ~n.silent
            v = self.wide(Mux(n.silent, kept, v))
        if "resting" in state:
            self._proof.assume(n.resting <= spec.refractory)
            able = n.resting == 0
            v = self.wide(Mux(able, v, 0))
        fired = Signal(name="exact_fired")
        if spec.fires:
            crosses = v > n.theta if spec.compare == "gt" else v >= n.theta
            self._proof.m.d.comb += fired.eq(able & crosses)
        final = v
        if spec.fires and spec.after_spike != "silent" and spec.reset_timing == "same_step":
            final = self.wide(Mux(fired, v - n.theta if subtracts else 0, v))
        return current, v, final, fired


def _prove(harness, overflow, rounding, fields):
    spec = _spec(overflow, rounding, fields)
    neuron = _Neuron(spec, CURRENT if overflow == "refuse" else DRIVE)
    proof = harness(neuron)
    names = list(state_layout(spec).members)
    inputs = [getattr(neuron, name) for name in names]
    proof.free(*inputs, neuron.bias, neuron.theta)
    drive = Signal(signed(DRIVE), name="exact_drive")
    proof.free(drive)
    proof.m.d.comb += neuron.drive.eq(drive)  # its low bits, where the port is narrower
    current, v, final, fired = _Exact(proof, spec, neuron).step(drive)
    proof.claim(neuron.compared == v)
    proof.claim(neuron.final == final)
    proof.claim(neuron.fired == fired)
    expected = {"current": current, "membrane": final}
    for name in names:
        if name in expected:
            proof.claim(getattr(neuron, f"new_{name}") == expected[name])
    proof.cover(fired if spec.fires else v == (1 << (MEMBRANE - 1)) - 1)
    proof.cover(current == -(1 << (CURRENT - 1)))
    return proof.prove_within(1)


CLIPPED = ("silent_leaky", "zero", "subtract_later", "refractory")
CHOICES = [("refuse", case) for case in CASES] + [("clip", case) for case in CLIPPED]


@pytest.mark.parametrize(("overflow", "case"), CHOICES)
def test_a_step_at_its_widths_is_exact(overflow, case, harness):
    roundings = ("floor", "zero", "nearest_even")
    rounding = roundings[CHOICES.index((overflow, case)) % 3]
    assert _prove(harness, overflow, rounding, CASES[case]).holds


@pytest.mark.parametrize("name", ["risen", "current"])
def test_a_signal_with_a_bit_less_is_found(name, harness, monkeypatch, narrower):
    narrower(neuron_module, f"{name}_")
    assert not _prove(harness, "clip", "floor", CASES["subtract"]).holds
