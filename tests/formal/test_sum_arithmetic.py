"""Sums of a scatter layer: both banks hold the exact sums, in widths that no events overflow."""

from __future__ import annotations

import pytest
from amaranth import Array, Module, Mux, Signal, signed
from amaranth.lib import wiring

import hw.scatter.accumulate as accumulate_module
from hw.config import HardwareConfig
from hw.scatter.accumulate import Accumulate
from hw.scatter.sizing import Source, scatter_geometry
from spikeforge.schema import Dense, NeuronSpec, Schedule, Tap

INPUTS, ROWS, WIDE = 2, 2, 8


def _geometry(overflow, *, taps=(), levels=1, graded="bitplane", bits=4):
    neuron = NeuronSpec(schedule="stepped", steps=2, membrane_bits=8, current_bits=bits,
                        fires=True, threshold_bits=2, overflow=overflow, taps=taps)  # fmt: skip
    layer = Dense(name="layer", inputs=INPUTS, outputs=ROWS, weight_bits=2, neuron=neuron)
    source = Source(shape=(INPUTS, 1, 1), schedule=Schedule.STEPPED, steps=2, levels=levels)
    return scatter_geometry(layer, source, HardwareConfig(lanes=1), graded=graded)


class _Nothing(wiring.Component):
    """For claims about numbers alone."""

    def __init__(self):
        super().__init__({})

    def elaborate(self, platform):
        return Module()


def _prove_range(harness, geometry, bits):
    """Any weights, any levels: a sum of all that may arrive in a step."""
    proof = harness(_Nothing())
    total = 0
    for source in range(INPUTS):
        weight = Signal(signed(geometry.weight_bits), name=f"weight_{source}")
        proof.free(weight)
        for number, tap in enumerate(geometry.taps or (Tap(delay=0, gain=1),)):
            level = Signal(geometry.levels_in.bit_length(), name=f"level_{source}_{number}")
            proof.free(level)
            proof.assume(level <= geometry.levels_in)
            total += weight * tap.gain * level
    exact = Signal(signed(16), name="exact")
    proof.m.d.comb += exact.eq(total)
    limit = 1 << (bits - 1)
    proof.claim((exact >= -limit) & (exact < limit))
    proof.cover(exact < 0)
    return proof.prove_always()


GAINS = (Tap(delay=0, gain=3), Tap(delay=1, gain=-2))


NEGATED = (Tap(delay=0, gain=-1),)


@pytest.mark.parametrize(("taps", "levels"), [((), 1), (NEGATED, 1), (GAINS, 3)])
def test_sums_that_are_clipped_later_never_wrap(taps, levels, harness):
    geometry = _geometry("clip", taps=taps, levels=levels)
    assert _prove_range(harness, geometry, geometry.acc_bits).holds


def test_sums_of_a_bit_less_are_found_to_wrap(harness):
    geometry = _geometry("clip", taps=NEGATED)
    assert not _prove_range(harness, geometry, geometry.acc_bits - 1).holds


def _prove_banks(harness, geometry):
    """What the scan reads of a bank is all that came in before its mark, and nothing else."""
    part = Accumulate(geometry)
    proof = harness(part)
    m, i, bank = proof.m, part.i, part.bank
    proof.source(i)
    proof.assume(~i.valid | (i.p.row < ROWS))
    taps = geometry.taps or (Tap(delay=0, gain=1),)
    proof.assume(~i.valid | (i.p.tap < len(taps)))
    proof.free(part.weight)
    fill, scan = Signal(name="fill"), Signal(name="scan")
    exact = [[Signal(signed(WIDE), name=f"exact_{b}_{r}") for r in range(ROWS)] for b in range(2)]
    word, there = Signal(i.p.shape(), name="word"), Signal(name="there")
    word_bank, add_bank, adding = Signal(), Signal(), Signal(name="adding")
    add_row, product = Signal(range(ROWS)), Signal(signed(WIDE), name="exact_product")
    gained = Array(part.weight.as_signed() * tap.gain for tap in taps)[word.tap]
    factor = {"bitplane": 1 << word.plane, "dsp": word.level, "": 1}[geometry.graded]
    accept = i.valid & i.ready
    m.d.sync += [
        word.eq(i.p), there.eq(accept & ~i.p.last), word_bank.eq(fill), adding.eq(there),
        add_bank.eq(word_bank), add_row.eq(word.row), product.eq(gained * factor),
        fill.eq(fill ^ (accept & i.p.last)),
    ]  # fmt: skip
    # The scan: rows in order, with pauses; the bank is free once its last row was seen.
    go, under, row, seen = Signal(), Signal(), Signal(range(ROWS)), Signal()
    proof.free(go)
    m.d.comb += [
        bank.take.eq(bank.closed & ~under & go),
        bank.re.eq(bank.take | (under & go & (row != ROWS - 1))),
        bank.row.eq(Mux(under, row + 1, 0)),
        bank.free.eq(under & go & (row == ROWS - 1)),
    ]
    m.d.sync += [seen.eq(bank.re), under.eq((under | bank.take) & ~bank.free),
                 scan.eq(scan ^ bank.free)]  # fmt: skip
    with m.If(bank.re):
        m.d.sync += row.eq(bank.row)
    for b in range(2):
        for r in range(ROWS):
            with m.If(adding & (add_bank == b) & (add_row == r)):
                m.d.sync += exact[b][r].eq(exact[b][r] + product)
            with m.Elif(bank.free & (scan == b)):
                m.d.sync += exact[b][r].eq(0)
    sums = Array(Array(rows) for rows in exact)[scan][row]
    proof.claim(~seen | (bank.data == sums[: geometry.acc_bits]))
    proof.cover(seen & (scan == 1) & (sums == -3) & (row == 1))
    return proof


VARIANTS = [
    {"bits": 3, "taps": (Tap(delay=0, gain=2), Tap(delay=1, gain=-1)), "levels": 3},
    {"bits": 3, "levels": 3, "graded": "dsp"},
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_banks_hold_the_exact_sums(variant, harness):
    assert _prove_banks(harness, _geometry("refuse", **variant)).prove_within(14).holds


def test_a_product_with_a_bit_less_is_found(harness, narrower):
    narrower(accumulate_module, "product_")
    assert not _prove_banks(harness, _geometry("refuse", **VARIANTS[-1])).prove_within(14).holds
