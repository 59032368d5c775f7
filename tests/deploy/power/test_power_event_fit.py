"""The fitted event method: features by block, macros by their files, errors in every report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deploy.power.event_fit import (
    CLOCK,
    FittedEnergies,
    block_features,
    macro_energies_pj,
    predict,
)
from deploy.power.fitted import fitted_estimate
from deploy.power.gate.banks import gate_config
from deploy.power.gate.technology import technology_named
from deploy.power.profile import Fitted, load_profile
from hw.census import take_inventory
from hw.memory.sg13g2 import sg13g2_composition
from sim.activity import Activity, Operation, OperationKind
from spikeforge.errors import SpikeforgeError

FITTED = Fitted(error_total=0.05, error_logic=0.1, error_block=0.2,
                pj={f"integrate: {CLOCK}": 0.001, "integrate: add": 0.02,
                    "weight_memory: macro bit": 0.003})  # fmt: skip


@pytest.fixture
def profile():
    return load_profile("ihp-sg13g2").model_copy(update={"fitted": FITTED})


@pytest.fixture
def design(mnist_shaped):
    network = mnist_shaped("fit", 24)
    config = gate_config(network, technology_named("ihp-sg13g2"), 16, 256)
    return network, config, take_inventory(network, config)


def activity_for(inventory):
    names = [memory.name for memory in inventory.memories]
    return Activity(
        images=1, interval_cycles=100.0, latency_cycles=150.0,
        reads_per_image=dict.fromkeys(names, 40.0), writes_per_image=dict.fromkeys(names, 0.0),
        operations=(Operation(block="hidden1.integrate", kind=OperationKind.ADD, bits=20,
                              count_per_image=1000.0),
                    Operation(block="hidden1.integrate", kind=OperationKind.MULTIPLY, bits=12,
                              count_per_image=500.0)),
    )  # fmt: skip


def test_features_are_counts(design, profile):
    network, config, inventory = design
    features, macros = block_features(network, inventory, activity_for(inventory), config, profile)
    integrate = next(b for b in inventory.blocks if b.name == "hidden1.integrate")
    found = features["hidden1.integrate"]
    assert found["integrate: add"] == 20_000
    assert found["integrate: multiply"] == 6_000
    share = np.count_nonzero(network.weight("hidden1")) / network.weight("hidden1").size
    assert 0 < share < 1
    assert found["integrate: multiply, weight not zero"] == pytest.approx(share * 6_000)
    assert found[f"integrate: {CLOCK}"] == 100 * integrate.flip_flops
    weights = sg13g2_composition(64, 1568, 8, 1, 256)  # 2 groups of 784 rows, 16 lanes of 4 bits
    assert macros["hidden1.weight_memory"] == pytest.approx(
        macro_energies_pj(weights, profile, 40.0, 0.0)
    )


def test_macro_energy_is_the_files_own(profile):
    built = sg13g2_composition(64, 256, 8, 1, 256)
    (macro,) = [m for m in profile.macros if m.name in built.count()]
    assert macro_energies_pj(built, profile, 3.0, 2.0) == pytest.approx(
        3 * macro.read.value + 2 * macro.write.value
    )


def test_prediction_is_energies_times_features():
    features = {
        "a": {"integrate: add": 10.0, "unknown": 5.0}, "b": {f"integrate: {CLOCK}": 100.0},
    }  # fmt: skip
    logic, macros = predict(features, {"b": 7.0}, FittedEnergies(FITTED.pj))
    assert logic == pytest.approx({"a": 0.2, "b": 0.1})
    assert macros == {"b": 7.0}


def test_the_report_adds_up_and_says_its_error(design, profile):
    network, config, inventory = design
    activity = activity_for(inventory)
    report = fitted_estimate(network, inventory, activity, config, profile, 50.0)
    features, macros = block_features(network, inventory, activity, config, profile)
    logic, _ = predict(features, macros, FittedEnergies(FITTED.pj))
    total = sum(logic.values()) + sum(macros.values())
    assert report.dynamic_uj == pytest.approx(total * 1e-6)
    assert report.static_mw > 0
    doubled = replace(activity, reads_per_image={k: 80.0 for k in activity.reads_per_image})
    more = fitted_estimate(network, inventory, doubled, config, profile, 50.0)
    assert more.dynamic_uj - report.dynamic_uj >= 0.99 * sum(macros.values()) * 1e-6


def test_blocks_that_the_fit_never_saw_are_named(design, profile):
    network, config, inventory = design
    report = fitted_estimate(network, inventory, activity_for(inventory), config, profile, 50.0)
    (said,) = report.unknown
    assert said.startswith("logic of blocks that the fit never saw: ")
    assert "hidden1.fire" in said
    assert "hidden1.integrate" not in said
    assert said in report.label


def test_the_shipped_profile_says_how_far_it_is_off():
    shipped = load_profile("ihp-sg13g2-fitted")
    assert shipped.fitted.error_total <= 0.10
    assert shipped.fitted.error_logic <= 0.15
    assert shipped.fitted.error_block <= 0.25
    assert f"total within {shipped.fitted.error_total:.1%}" in shipped.error


def test_a_fitted_profile_has_its_bases_numbers(tmp_path):
    text = FittedEnergies(FITTED.pj).to_toml({"total": 0.05, "logic": 0.1, "block": 0.2}, 5, 6)
    (tmp_path / "own.toml").write_text(text)
    loaded = load_profile(tmp_path / "own.toml")
    base = load_profile("ihp-sg13g2")
    assert loaded.macros == base.macros
    assert loaded.operating == base.operating
    assert loaded.fitted.pj == pytest.approx(FITTED.pj)
    assert "total within 5.0%" in loaded.error
    assert "6 networks not in the fit of 5" in loaded.error


def test_an_unknown_base(tmp_path):
    (tmp_path / "own.toml").write_text('base = "ihp"\n')
    with pytest.raises(
        SpikeforgeError, match=r"own\.toml: base must be one of ihp-sg13g2.*not 'ihp'"
    ):
        load_profile(tmp_path / "own.toml")
