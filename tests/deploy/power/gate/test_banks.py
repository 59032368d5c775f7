"""Which hardware a gate-level estimate looks at."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.power.gate.banks import gate_config
from deploy.power.gate.technology import technology_named
from hw.memory.technology import Technology
from spikeforge.errors import SpikeforgeError
from spikeforge.netfile import load_network

MODELS = Path(__file__).parents[4] / "models"


@pytest.fixture(scope="module")
def mlp():
    return load_network(MODELS / "mnist-mlp.safetensors")


def test_the_shallowest_macros_within_the_area(mlp):
    ihp = technology_named("ihp-sg13g2")
    assert gate_config(mlp, ihp, 64, None).bank_words == 512  # 256 would be 8.6 mm2
    tiny = load_network(MODELS / "mnist-tiny.safetensors")
    assert gate_config(tiny, ihp, 64, None).bank_words == 256
    chosen = gate_config(mlp, ihp, 64, 256)
    assert chosen.bank_words == 256
    assert chosen.clock_gating
    assert chosen.technology is Technology.SG13G2


def test_depths_that_do_not_exist(mlp):
    with pytest.raises(
        SpikeforgeError, match=r"^--bank-words must be one of 256, 512, 1024, 2048, 4096, not 100$"
    ):
        gate_config(mlp, technology_named("ihp-sg13g2"), 64, 100)
    with pytest.raises(
        SpikeforgeError,
        match=r"^--bank-words needs memory macros, and asap7 has none; leave it out$",
    ):
        gate_config(mlp, technology_named("asap7"), 64, 256)
