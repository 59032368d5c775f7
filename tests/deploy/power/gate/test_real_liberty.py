"""Against the foundry's own files, where ``SPIKEFORGE_LIBERTY`` points to those of IHP SG13G2."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from deploy.power.gate.cells import StateKind
from deploy.power.gate.internal import Electrical, internal_energy_pj
from deploy.power.gate.kit import load_kit
from deploy.power.gate.technology import technology_named
from deploy.power.gate.waves import Waves, clock_nets
from deploy.power.liberty import Edge, pin_of, read_library

FOLDER = os.environ.get("SPIKEFORGE_LIBERTY")
pytestmark = pytest.mark.skipif(not FOLDER, reason="needs the Liberty files of IHP SG13G2")
MACRO = "RM_IHPSG13_1P_256x8_c3_bm_bist"


@pytest.fixture(scope="module")
def real():
    return load_kit(technology_named("ihp-sg13g2"), Path(FOLDER))


def test_one_read_costs_what_the_table_says(real, make_netlist, rows_of):
    """Three cycles: idle, one read, idle; against the table as another reader sees it."""
    pins = real.library.cell(MACRO).pins
    nets = {name: 0 for name, pin in pins.items() if pin.is_input}
    nets |= {"A_CLK": 2, "A_MEN": 3, "A_REN": 3}
    netlist = make_netlist((MACRO, nets))
    rows, cycles = rows_of(netlist, {3: "01000"})
    waves = Waves(rows, cycles, netlist, real.library, clock_nets(netlist, real.library))
    at = Electrical(load_pf=np.zeros(4), slew_ns=np.zeros(4))
    cell = real.library.cell(MACRO)
    found = float(internal_energy_pj(cell, netlist.instances, waves, at)[0])
    path = next(Path(FOLDER).glob(f"{MACRO}_typ*.lib*"))
    other = read_library(path)
    group = other.group.get_groups("cell")[0]
    clock = pin_of(group, "A_CLK")
    read = sum(other.energy(clock, edge, "A_MEN & !A_WEN & A_REN") for edge in Edge)
    idle = sum(other.energy(clock, edge, "!A_MEN & !A_WEN & !A_REN") for edge in Edge)
    enables = sum(
        arc.rise.at(0, 0) + arc.fall.at(0, 0)
        for name in ("A_MEN", "A_REN") for arc in pins[name].power[:1]
    )  # fmt: skip
    assert read > 5.0
    assert found == pytest.approx(read + 3 * idle + enables, rel=0.02)


def test_the_cells_that_play_a_part(real):
    assert real.clock_gate.name == "sg13g2_lgcp_1"
    assert real.library.cell("sg13g2_dfrbpq_1").state.kind is StateKind.FLIP_FLOP
    assert real.library.voltage_v == 1.2
