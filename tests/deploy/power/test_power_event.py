"""The event estimate: against numbers computed here by hand, and its refusals."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from deploy.power import estimate, load_profile
from deploy.power.operations import OperationEnergies
from hw.inventory import Block, Inventory, Memory, MemoryKind
from sim.activity import Activity, Operation, OperationKind
from spikeforge.errors import SpikeforgeError

TINY = load_profile(Path(__file__).parent / "data" / "tiny_profile.toml")

# The tiny technology by hand, in pJ: a net is 0.5 x (0.01 + 2 x 0.005) pF x (2 V)^2 = 0.04.
ADD = 0.5 * (2 * (0.01 + 0.04) + 3 * (0.02 + 0.04))
MULTIPLY = ADD + 0.5 * (0.03 + 0.04)
COMPARE = 0.5 * (0.01 + 0.04 + 3 * (0.02 + 0.04))
REGISTER = 0.5 * (0.06 + 0.04)
TRANSFER = 0.5 * (0.04 + 0.04)
FLIP_FLOP_CYCLE = 0.05 + 4 * 3 * (0.005 + 0.02)
FLIP_FLOP_NW = 5 + (2 * 1 + 3 * 2) + 4

INVENTORY = Inventory(
    blocks=(Block(name="core", flip_flops=10), Block(name="out", flip_flops=3)),
    memories=(
        Memory(name="core.weights", block="core", kind=MemoryKind.WEIGHTS, width_bits=8,
               depth=16, ports=1),
        Memory(name="core.events", block="core", kind=MemoryKind.EVENTS, width_bits=8,
               depth=16, ports=2),
    ),
)  # fmt: skip


def operation(block: str, kind: OperationKind, bits: int, count: float) -> Operation:
    return Operation(block=block, kind=kind, bits=bits, count_per_image=count)


ACTIVITY = Activity(
    images=7,
    interval_cycles=40,
    latency_cycles=60,
    reads_per_image={"core.weights": 30.5, "core.events": 20},
    writes_per_image={"core.events": 12},
    operations=(
        operation("core", OperationKind.ADD, 12, 100),
        operation("core", OperationKind.MULTIPLY, 6, 50),
        operation("core", OperationKind.REGISTER, 9, 8),
        operation("out", OperationKind.COMPARE, 12, 4),
        operation("out", OperationKind.TRANSFER, 5, 2.5),
    ),
)


def changed(**fields: object) -> Activity:
    return dataclasses.replace(ACTIVITY, **fields)  # type: ignore[arg-type]


def test_operations_cost_what_their_cells_cost() -> None:
    energies = OperationEnergies.of(TINY)
    assert energies.pj_per_bit == pytest.approx(
        {
            OperationKind.ADD: ADD,
            OperationKind.MULTIPLY: MULTIPLY,
            OperationKind.COMPARE: COMPARE,
            OperationKind.REGISTER: REGISTER,
            OperationKind.TRANSFER: TRANSFER,
        }
    )
    assert energies.flip_flop_clock_pj == pytest.approx(FLIP_FLOP_CYCLE)


def test_tiny_design_matches_the_sum_by_hand() -> None:
    report = estimate(INVENTORY, ACTIVITY, TINY, 20.0)
    assert report.memory_macros == {"core.weights": "1 x S16x8", "core.events": "1 x D16x8"}
    macro_clocks = 3 * (0.5 + 4 * 3 * 0.025)  # one port of S16x8, two of D16x8
    memories = 30.5 * 4.0 + 20 * 5.0 + 12 * 7.0 + 40 * macro_clocks
    core = 10 * 40 * FLIP_FLOP_CYCLE + 1200 * ADD + 300 * MULTIPLY + 72 * REGISTER + memories
    out = 3 * 40 * FLIP_FLOP_CYCLE + 48 * COMPARE + 12.5 * TRANSFER
    assert report.blocks["core"].dynamic_pj == pytest.approx(core)
    assert report.blocks["out"].dynamic_pj == pytest.approx(out)
    static_nw = 13 * FLIP_FLOP_NW + 100 + 200
    assert report.static_mw == pytest.approx(static_nw * 1e-6)
    assert report.memory_static_nw == pytest.approx(300)
    assert report.interval_us == pytest.approx(2.0)
    assert report.latency_ms == pytest.approx(0.003)
    assert report.images_per_second == pytest.approx(500_000)
    energy_uj = (core + out) * 1e-6 + static_nw * 1e-9 * 2.0
    assert report.energy_uj == pytest.approx(energy_uj)
    assert report.total_mw == pytest.approx(energy_uj / 2.0 * 1e3)
    clocks = 13 * FLIP_FLOP_CYCLE + macro_clocks
    single_uj = (core + out + 20 * clocks) * 1e-6 + static_nw * 1e-9 * 3.0
    assert report.energy_uj_single == pytest.approx(single_uj)


def test_dynamic_energy_is_linear_in_the_counts() -> None:
    double = changed(
        reads_per_image={name: 2 * n for name, n in ACTIVITY.reads_per_image.items()},
        writes_per_image={name: 2 * n for name, n in ACTIVITY.writes_per_image.items()},
        operations=tuple(
            dataclasses.replace(o, count_per_image=2 * o.count_per_image)
            for o in ACTIVITY.operations
        ),
    )
    once, twice = (estimate(INVENTORY, a, TINY) for a in (ACTIVITY, double))
    clocks = once.clock_pj_per_cycle * ACTIVITY.interval_cycles * 1e-6
    assert twice.dynamic_uj - clocks == pytest.approx(2 * (once.dynamic_uj - clocks))


def test_clock_changes_power_but_not_dynamic_energy() -> None:
    slow, fast = (estimate(INVENTORY, ACTIVITY, TINY, mhz) for mhz in (10.0, 100.0))
    assert fast.dynamic_uj == pytest.approx(slow.dynamic_uj)
    assert fast.dynamic_mw == pytest.approx(10 * slow.dynamic_mw)
    assert fast.static_mw == pytest.approx(slow.static_mw)
    assert fast.energy_uj < slow.energy_uj


def test_report_has_the_keys_of_the_contract_and_adds_up() -> None:
    data = estimate(INVENTORY, ACTIVITY, TINY).to_json()
    assert data == json.loads(json.dumps(data, allow_nan=False))
    assert set(data) == {
        "clock_mhz", "latency_ms", "images_per_second", "power_mw", "energy_uj",
        "energy_uj_single", "memory", "technology",
    }  # fmt: skip
    power = data["power_mw"]
    assert isinstance(power, dict)
    assert set(power) == {"total", "dynamic", "static", "blocks"}
    assert power["total"] == pytest.approx(power["dynamic"] + power["static"])
    assert power["total"] == pytest.approx(sum(power["blocks"].values()))
    assert set(data["memory"]) == {"macros", "area_mm2"}  # type: ignore[call-overload]
    technology = data["technology"]
    assert isinstance(technology, dict)
    assert set(technology) == {"name", "method", "sources", "error"}
    assert (technology["name"], technology["method"]) == ("tiny", "event")
    assert data["clock_mhz"] == 10


def test_only_files_behind_the_numbers_are_named_as_sources() -> None:
    sources = estimate(INVENTORY, ACTIVITY, TINY).sources
    assert [source.split()[0] for source in sources] == ["tiny_cells.lib", "S16x8.lib"]


def test_label_says_that_it_is_an_estimate_and_how() -> None:
    report = estimate(INVENTORY, ACTIVITY, TINY)
    assert report.label == (
        "estimate, event method, tiny, 2 V, 25 C, 10 MHz (timing not checked), "
        "250000 images/s back to back"
    )
    assert any("never clock-gated" in note for note in report.notes)
    assert any(note.startswith("clock_tree_factor 3: made up") for note in report.notes)
    assert "a remark on the numbers" in report.notes


def test_leakage_that_is_not_stated_is_unknown_and_in_no_total() -> None:
    macros = tuple(m.model_copy(update={"leakage": None}) for m in TINY.macros)
    report = estimate(INVENTORY, ACTIVITY, TINY.model_copy(update={"macros": macros}))
    assert report.unknown == ("SRAM leakage (unknown: D16x8, S16x8)",)
    assert report.memory_static_nw == 0
    assert report.static_mw == pytest.approx(13 * FLIP_FLOP_NW * 1e-6)
    assert report.label.endswith(", without SRAM leakage (unknown: D16x8, S16x8)")
    technology = report.to_json()["technology"]
    assert isinstance(technology, dict)
    assert technology["error"].endswith(
        "all totals are without SRAM leakage (unknown: D16x8, S16x8)"
    )


def test_nothing_is_unknown_where_everything_is_stated() -> None:
    assert estimate(INVENTORY, ACTIVITY, TINY).unknown == ()


@pytest.mark.parametrize("clock_mhz", [0.0, -5.0, 100.1, float("nan"), float("inf")])
def test_clock_out_of_range_is_explained(clock_mhz: float) -> None:
    with pytest.raises(
        SpikeforgeError,
        match=rf"clock must be above 0 and at most 100 MHz in tiny, not {clock_mhz:g} MHz; "
        r"choose one in that range or leave it out for 10 MHz",
    ):
        estimate(INVENTORY, ACTIVITY, TINY, clock_mhz)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_area_limit_out_of_range_is_explained(limit: float) -> None:
    with pytest.raises(SpikeforgeError, match="area for memories must be above 0 mm2, not"):
        estimate(INVENTORY, ACTIVITY, TINY, area_limit_mm2=limit)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"images": 0}, "activity of at least 1 image, not 0"),
        ({"interval_cycles": 0}, "the interval must be above 0 cycles, not 0"),
        ({"latency_cycles": float("nan")}, "the latency must be above 0 cycles, not nan"),
        ({"reads_per_image": {"core.weights": 1}}, "no reads are counted for .*'core.events'"),
        ({"writes_per_image": {}}, "no writes are counted for the memory 'core.events'"),
        (
            {"reads_per_image": {"core.weight": 1, **ACTIVITY.reads_per_image}},
            "'core.weight', which the design does not have .did you mean 'core.weights'",
        ),
        (
            {"operations": (operation("cor", OperationKind.ADD, 1, 1),)},
            "block 'cor', which the design does not have .did you mean 'core'",
        ),
        (
            {"operations": (operation("core", OperationKind.ADD, 1, -1),)},
            "counts of accesses and operations must be 0 or more",
        ),
    ],
)
def test_counters_of_another_design_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SpikeforgeError, match=message):
        estimate(INVENTORY, changed(**fields), TINY)


def test_memories_beyond_the_usual_area_are_built_smallest_and_said(monkeypatch) -> None:
    usual = estimate(INVENTORY, ACTIVITY, TINY)
    assert not any("more than the usual" in note for note in usual.notes)
    monkeypatch.setattr("deploy.power.event.AREA_LIMIT_MM2", 1e-6)
    found = estimate(INVENTORY, ACTIVITY, TINY)
    assert "more than the usual 1e-06: the smallest are taken" in found.notes[0]
    assert 1e-6 < found.memory_area_mm2 <= usual.memory_area_mm2
    with pytest.raises(SpikeforgeError, match="but 1e-06 mm2 are allowed; allow more area"):
        estimate(INVENTORY, ACTIVITY, TINY, area_limit_mm2=1e-6)
