"""Membranes of a windowed layer are exact sums, and its spikes the exact quotients, at any time.

Weights, biases and thresholds are any numbers for which the contract's bound of the membranes
(``spikeforge.bounds.windowed_range``) fits their width.
"""

from __future__ import annotations

import pytest
from amaranth import Array, Mux, Signal, signed

import hw.fire as fire_module
import hw.integrate as integrate_module
from hw.fire import Fire
from hw.geometry import WindowedGeometry
from hw.integrate import Integrate

INPUTS, MEMBRANE, BIAS = 3, 4, 3


def _layer(**fields):
    chosen = {"name": "layer", "fan_in": INPUTS, "width": 1, "lanes": 1, "steps_in": 2, "steps": 3,
              "weight_bits": 2, "membrane_bits": MEMBRANE, "threshold_bits": 2,
              "threshold_per_neuron": False, "bias_bits": BIAS}  # fmt: skip
    return WindowedGeometry(**{**chosen, **fields})


def _real(weight):
    return Mux(weight, -1, 1) if len(weight) == 1 else weight.as_signed()


def _contract(proof, layer, weights, bias):
    """The bound that checks a network: every membrane lies in a range, which fits the width."""
    low, high = (sum(f(_real(w)) for w in weights) * layer.steps_in + bias for f in (
        lambda w: Mux(w < 0, w, 0), lambda w: Mux(w > 0, w, 0)))  # fmt: skip
    top = (1 << (MEMBRANE - 1)) - 1
    proof.assume((low >= -top - 1) & (high <= top))
    return low, high


def _prove_sums(harness, weight_bits, less=0):
    layer = _layer(weight_bits=weight_bits, membrane_bits=MEMBRANE - less)
    part = Integrate(layer)
    proof = harness(part)
    m, i, o = proof.m, part.i, part.o
    weights = [proof.constant(weight_bits, f"weight_{n}") for n in range(INPUTS)]
    bias = proof.constant(BIAS, "bias").as_signed()
    low, high = _contract(proof, layer, weights, bias)
    begun = Signal(name="after_reset")
    m.d.sync += begun.eq(1)
    m.d.comb += [part.start.eq(~begun), part.bias.eq(bias)]
    proof.source(i)
    with m.If(part.row_re):
        m.d.sync += part.row.eq(Array(weights)[part.row_address])
    rested = Signal(init=1, name="rested")
    m.d.sync += rested.eq(~(o.valid & o.ready))
    proof.free(o.ready)
    proof.assume(rested | ~o.ready)
    # Each address at most once an image, k in 1..T.
    seen = Signal(INPUTS, name="seen")
    with m.If(i.valid & ~i.p.last):
        proof.assume((i.p.address < INPUTS) & ~seen.bit_select(i.p.address, 1))
        proof.assume((i.p.level != 0) & (i.p.level <= layer.steps_in))
    taken = i.valid & i.ready
    exact = Signal(signed(12), name="exact")
    arrived, due = Signal.like(exact, name="arrived"), Signal.like(exact, name="due")
    grown = Signal.like(exact, name="grown")
    m.d.comb += grown.eq(exact + _real(Array(weights)[i.p.address]) * i.p.level)
    with m.If(taken):
        m.d.sync += [seen.eq(Mux(i.p.last, 0, seen | (1 << i.p.address))),
                     exact.eq(Mux(i.p.last, 0, grown))]  # fmt: skip
    with m.If(i.ready):  # the pipeline moves
        m.d.sync += [arrived.eq(exact), due.eq(arrived)]
    proof.claim(~o.valid | (o.membranes[0] == due + bias))
    proof.claim((exact + bias >= low) & (exact + bias <= high))
    proof.cover(o.valid & (due + bias == (1 << (MEMBRANE - 1)) - 1))
    return proof


@pytest.mark.parametrize("weight_bits", [1, 2])
def test_a_membrane_handed_over_is_the_exact_sum(weight_bits, harness):
    assert _prove_sums(harness, weight_bits).prove_within(16).holds


def test_membranes_of_a_bit_less_are_found(harness):
    assert not _prove_sums(harness, 2, less=1).prove_within(16).holds


def _prove_spikes(harness):
    """A spike at the largest k for which V >= theta * k; none where V < theta."""
    layer = _layer(membrane_bits=5)
    part = Fire(layer)
    proof = harness(part)
    m, o = proof.m, part.o
    membrane = proof.constant(5, "membrane").as_signed()
    theta = proof.constant(layer.threshold_bits, "theta")
    proof.assume(theta != 0)
    m.d.comb += [part.threshold.eq(theta), part.i.membranes[0].eq(membrane)]
    proof.free(part.i.valid)
    proof.sink(o)
    spiked = Signal(name="spiked")
    with m.If(o.valid & o.ready):
        m.d.sync += spiked.eq(~o.p.last)
    above = (o.p.level == layer.steps) | (membrane < theta * (o.p.level + 1))
    proof.claim(~o.valid | o.p.last | (~spiked & (membrane >= theta * o.p.level) & above))
    proof.claim(~o.valid | ~o.p.last | (spiked == (membrane >= theta)))
    for level in range(1, layer.steps + 1):
        proof.cover(o.valid & ~o.p.last & (o.p.level == level))
    proof.cover(o.valid & o.p.last & (membrane < 0))
    return proof.prove_always()


def test_a_spike_has_the_exact_quotient_as_its_level(harness):
    assert _prove_spikes(harness).holds


@pytest.mark.parametrize("name", ["falling", "membrane"])
def test_a_fire_phase_with_a_bit_less_is_found(name, harness, narrower):
    narrower(fire_module, f"{name}_")
    assert not _prove_spikes(harness).holds


def test_a_sum_with_a_bit_less_is_found(harness, narrower):
    narrower(integrate_module, "membrane_")
    assert not _prove_sums(harness, 2).prove_within(16).holds
