"""Memories from macros: the cheapest composition that fits, worked out by hand."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.power import Profile, load_profile
from deploy.power.macros import Composition, Demand, candidates, choose
from hw.inventory import Memory, MemoryKind
from spikeforge.errors import SpikeforgeError

TINY = load_profile(Path(__file__).parent / "data" / "tiny_profile.toml")
# by hand: rate 0.5 x (0.04 internal + 0.5 x (0.01 + 2 x 0.005) pF x 4 V2 net) pJ
MUX_PJ = 0.5 * (0.04 + 0.04)
# by hand: idle + 4 V2 x tree 3 x (0.005 + 0.02) pF
MACRO_CYCLE_PJ = 0.5 + 4 * 3 * 0.025


def memory(width_bits: int, depth: int, ports: int = 1) -> Memory:
    kind = MemoryKind.WEIGHTS if ports == 1 else MemoryKind.EVENTS
    return Memory(
        name="m", block="b", kind=kind, width_bits=width_bits, depth=depth, ports=ports
    )  # fmt: skip


def built(
    one: Memory, reads: float, limit_mm2: float, *, cycles: float = 1.0, profile: Profile = TINY
) -> Composition:
    demand = Demand(memory=one, reads=reads, writes=0.0, cycles=cycles)
    return choose([demand], profile, limit_mm2)[0]


def test_shallow_banks_win_where_area_allows() -> None:
    result = built(memory(8, 64), 1000, 1.0)
    assert str(result) == "4 x S16x8"
    assert result.banks == 4
    # two levels of multiplexers join four banks of eight bits
    assert result.read_pj == pytest.approx((4.5 - 0.5) + 2 * 8 * MUX_PJ)
    assert result.cycle_pj == pytest.approx(4 * MACRO_CYCLE_PJ)
    assert result.leakage_nw == pytest.approx(400)
    assert result.area_um2 == pytest.approx(4 * 1000 + 3 * 8 * 7)


def test_deep_bank_where_area_is_tight() -> None:
    result = built(memory(8, 64), 1000, 0.0039)
    assert str(result) == "1 x S64x8"
    assert result.read_pj == pytest.approx(8.5 - 0.5)
    assert result.area_um2 == pytest.approx(2000)


def test_depths_are_mixed_between_the_two() -> None:
    result = built(memory(8, 128), 100_000, 0.0071)
    assert str(result) == "1 x S64x8 + 4 x S16x8"
    # half of the words are in each; five banks need three levels
    assert result.read_pj == pytest.approx(0.5 * 8 + 0.5 * 4 + 3 * 8 * MUX_PJ)
    assert result.area_um2 == pytest.approx(2000 + 4000 + 4 * 8 * 7)


def test_a_half_empty_bank_counts_only_for_the_words_it_holds() -> None:
    result = built(memory(8, 72), 100_000, 0.0031)
    assert str(result) == "1 x S64x8 + 1 x S16x8"
    assert result.read_pj == pytest.approx(64 / 72 * 8 + 8 / 72 * 4 + 8 * MUX_PJ)


def test_widths_are_mixed_to_the_cheapest_row() -> None:
    rows = [c for c in candidates(memory(12, 64), TINY) if c.banks == 1 and c.macros]
    cheapest = min(rows, key=lambda c: c.read_pj)
    assert str(cheapest) == "1 x S64x8 + 1 x S64x4"
    assert cheapest.read_pj == pytest.approx(8.0 + 5.0)
    assert cheapest.unknown_leakage == ("S64x4",)
    assert cheapest.leakage_nw == pytest.approx(300)


def test_two_ports_take_two_port_macros_and_clock_both() -> None:
    macros = [c for c in candidates(memory(8, 16, ports=2), TINY) if c.macros]
    assert [str(c) for c in macros] == ["1 x D16x8"]
    assert macros[0].read_pj == pytest.approx(5.0)
    assert macros[0].write_pj == pytest.approx(7.0)
    assert macros[0].cycle_pj == pytest.approx(2 * MACRO_CYCLE_PJ)


def test_tiny_memories_become_flip_flops() -> None:
    result = built(memory(2, 2, ports=2), 100, 1.0)
    assert str(result) == "4 flip-flops"
    assert result.area_um2 == pytest.approx(4 * (20 + 7))
    assert result.read_pj == pytest.approx(2 * MUX_PJ)
    assert result.write_pj == pytest.approx(2 * 0.5 * (0.06 + 0.04))
    assert result.cycle_pj == pytest.approx(4 * (0.05 + 4 * 3 * 0.025))


def test_too_small_an_area_names_the_least_that_is_needed() -> None:
    with pytest.raises(
        SpikeforgeError,
        match=r"memories need at least 0\.004 mm2 in tiny, but 0\.002 mm2 are allowed; allow more",
    ):
        built(memory(8, 128), 10, 0.002)


SHAPES = st.tuples(st.integers(1, 20), st.integers(2, 100), st.integers(1, 2))


@settings(max_examples=25, deadline=None)
@given(st.lists(SHAPES, min_size=2, max_size=2), st.floats(0.001, 0.05))
def test_choice_is_the_cheapest_of_all_combinations(
    shapes: list[tuple[int, int, int]], limit_mm2: float
) -> None:
    demands = [
        Demand(memory=memory(w, d, p), reads=50.0 * (i + 1), writes=3.0, cycles=20.0)
        for i, (w, d, p) in enumerate(shapes)
    ]
    options = [candidates(demand.memory, TINY) for demand in demands]
    fitting = [
        sum(c.energy_pj(d) for c, d in zip(combination, demands, strict=True))
        for combination in itertools.product(*options)
        if sum(c.area_um2 for c in combination) <= limit_mm2 * 1e6
    ]
    if not fitting:
        with pytest.raises(SpikeforgeError, match="memories need at least"):
            choose(demands, TINY, limit_mm2)
        return
    chosen = choose(demands, TINY, limit_mm2)
    energy = sum(c.energy_pj(d) for c, d in zip(chosen, demands, strict=True))
    assert energy == pytest.approx(min(fitting))


def test_every_candidate_holds_the_whole_memory() -> None:
    one = memory(40, 400)
    for composition in candidates(one, load_profile("ihp-sg13g2")):
        bits = sum(count * m.width_bits * m.depth for macro in [composition]
                   for m, count in macro.macros)  # fmt: skip
        assert bits + composition.flip_flops >= 40 * 400
