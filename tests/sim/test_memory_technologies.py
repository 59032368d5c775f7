"""One network in every memory technology: equal results, in equal cycles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hw.config import HardwareConfig, MemoryMode
from hw.memory.technology import Technology
from hw.verilog import generate_verilog
from sim.cycles import count_cycles
from sim.reference import run_reference
from spikeforge.errors import SpikeforgeError

CELLS = {
    Technology.GENERIC: set(),
    Technology.SPRAM: {"SB_SPRAM256KA"},
    Technology.SG13G2: {"RM_IHPSG13_1P_", "RM_IHPSG13_2P_"},
}


@pytest.fixture(scope="module")
def case(networks):
    """Large enough that weights and replay ring are worth cells of their own."""
    rng = np.random.default_rng(5)
    hidden = networks.Numbers(weight=rng.integers(-8, 8, (24, 300)), steps=6, threshold=40,
                              bias=rng.integers(-20, 20, 24), name="hidden")  # fmt: skip
    output = networks.Numbers(weight=rng.integers(-8, 8, (10, 24)))
    network = networks.network_of(hidden, output, input_steps=5, name="cells")
    levels = networks.random_images(rng, 300, 5, 60)
    return networks.Case(network, networks.configure(network, 12), levels, [])


def _in(case, technology):
    return replace(case, config=replace(case.config, technology=technology))


@pytest.mark.parametrize("technology", Technology)
def test_result_and_cycles_are_those_of_the_models(case, compiled, technology):
    built = compiled(_in(case, technology))
    trace = run_reference(case.network, case.levels)
    assert 0.05 < (trace.layers[0].levels > 0).mean() < 0.7
    batch = built.run()
    assert batch.membranes.tolist() == trace.outputs.tolist()
    assert batch.classes.tolist() == trace.classes.tolist()
    count = count_cycles(built.interface.layers, trace)
    assert batch.first.tolist() == count.first.tolist()
    assert batch.result.tolist() == count.result.tolist()


@pytest.mark.parametrize("technology", Technology)
def test_text_has_the_cells_of_the_technology(case, technology):
    text = generate_verilog(case.network, _in(case, technology).config)
    design = text[: text.index("module spikeforge_ram")]
    found = {cell for cells in CELLS.values() for cell in cells if cell in design}
    assert found == CELLS[technology]
    # Synthesis brings its own cells: models stay out of its way.
    models = text[text.index("module spikeforge_ram") :]
    for cell in found:
        assert models.index("`ifndef SYNTHESIS") < models.index(f"module {cell}")


@pytest.mark.parametrize("technology", [Technology.SPRAM, Technology.SG13G2])
def test_cells_without_initial_content_must_be_loaded(technology):
    with pytest.raises(SpikeforgeError) as error:
        HardwareConfig(memory=MemoryMode.INIT, technology=technology)
    assert str(error.value) == (
        f"technology {technology.value} has no initial content, so memory must be load, not init"
    )
