"""Membranes of a windowed layer are exact sums, and its spikes the exact quotients, at any time.

Weights, biases and thresholds are any numbers for which the contract's bound of the membranes
(``spikeforge.bounds.windowed_range``) fits their width.
"""

from __future__ import annotations

import pytest
from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring

import hw.fire as fire_module
import hw.integrate as integrate_module
from hw.fire import Fire
from hw.geometry import WindowedGeometry
from hw.integrate import Integrate

INPUTS, MEMBRANE, BIAS, WIDE = 3, 4, 3, 12


def _layer(**fields):
    chosen = {"name": "layer", "fan_in": INPUTS, "width": 1, "lanes": 1, "steps_in": 2, "steps": 3,
              "weight_bits": 2, "membrane_bits": MEMBRANE, "threshold_bits": 2,
              "threshold_per_neuron": False, "bias_bits": BIAS}  # fmt: skip
    return WindowedGeometry(**{**chosen, **fields})


def _real(weight):
    return Mux(weight, -1, 1) if len(weight) == 1 else weight.as_signed()


class _Nothing(wiring.Component):
    """For claims about numbers alone."""

    def __init__(self):
        super().__init__({})

    def elaborate(self, platform):
        return Module()


def _prove_range(harness, layer, register_bits):
    """Where the contract's bound fits, so does the sum of any events that came in so far."""
    proof = harness(_Nothing())
    weights = [Signal(layer.weight_bits, name=f"weight_{n}") for n in range(INPUTS)]
    levels = [Signal(2, name=f"level_{n}") for n in range(INPUTS)]  # 0: no event came yet
    bias = Signal(signed(BIAS), name="bias")
    proof.free(*weights, *levels, bias)
    low = bias + sum(layer.steps_in * Mux(_real(w) < 0, _real(w), 0) for w in weights)
    high = bias + sum(layer.steps_in * Mux(_real(w) > 0, _real(w), 0) for w in weights)
    top = 1 << (layer.membrane_bits - 1)
    proof.assume((low >= -top) & (high < top))
    for level in levels:
        proof.assume(level <= layer.steps_in)
    membrane = Signal(signed(WIDE), name="membrane")
    total = sum(_real(w) * level for w, level in zip(weights, levels, strict=True))
    proof.m.d.comb += membrane.eq(bias + total)
    limit = 1 << (register_bits - 1)
    proof.claim((membrane >= -limit) & (membrane < limit))
    proof.cover(membrane == top - 1)
    return proof.prove_always()


@pytest.mark.parametrize("weight_bits", [1, 2])
def test_no_sum_leaves_the_width_that_the_bound_fits(weight_bits, harness):
    assert _prove_range(harness, _layer(weight_bits=weight_bits), MEMBRANE).holds


def test_a_register_of_a_bit_less_is_too_narrow(harness):
    assert not _prove_range(harness, _layer(), MEMBRANE - 1).holds


def _prove_sums(harness, weight_bits):
    """The register is the sum of what came in, and is handed over with its own mark."""
    layer = _layer(weight_bits=weight_bits)
    part = Integrate(layer)
    proof = harness(part)
    m, i, o = proof.m, part.i, part.o
    bias = proof.constant(BIAS, "bias").as_signed()
    begun = Signal(name="after_reset")
    m.d.sync += begun.eq(1)
    m.d.comb += [part.start.eq(~begun), part.bias.eq(bias)]
    proof.source(i)
    rested = Signal(init=1, name="rested")
    m.d.sync += rested.eq(~(o.valid & o.ready))
    proof.free(o.ready, part.row)
    proof.assume(rested | ~o.ready)
    word, sums = Signal(i.p.shape(), name="word"), Signal(i.p.shape(), name="sums")
    word_there, sums_there = Signal(name="word_there"), Signal(name="sums_there")
    weight = Signal(weight_bits, name="weight")  # the row comes a cycle after its event
    exact = Signal(signed(WIDE), name="exact")
    with m.If(i.ready):
        m.d.sync += [word.eq(i.p), word_there.eq(i.valid), sums.eq(word), weight.eq(part.row),
                     sums_there.eq(word_there)]  # fmt: skip
        with m.If(sums_there & ~sums.last):
            m.d.sync += exact.eq(exact + _real(weight) * sums.level)
    with m.If(part.start | (o.valid & o.ready)):
        m.d.sync += exact.eq(bias)
    proof.claim(o.valid == (sums_there & sums.last))
    proof.claim(~begun | (Value.cast(o.membranes[0])[:] == exact[:MEMBRANE]))
    proof.cover(o.valid & (exact == (1 << (MEMBRANE - 1)) - 1))
    return proof.prove_always()


@pytest.mark.parametrize("weight_bits", [1, 2])
def test_a_membrane_handed_over_is_the_exact_sum(weight_bits, harness):
    assert _prove_sums(harness, weight_bits).holds


@pytest.mark.parametrize("name", ["membrane_"])
def test_a_sum_with_a_bit_less_is_found(name, harness, narrower):
    narrower(integrate_module, name)
    assert not _prove_sums(harness, 2).holds


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
