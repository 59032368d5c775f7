"""A toy library and netlists of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("liberty", reason="the optional package liberty-parser")

from deploy.power.gate.kit import load_kit
from deploy.power.gate.library import CellLibrary, read_cells
from deploy.power.gate.netlist import Instance, Netlist
from deploy.power.gate.technology import GateTechnology

HERE = Path(__file__).parent
TOY = GateTechnology(
    name="toy", title="A toy", cells=("toy.lib",), node_nm=130, volts=2.0,
    driver="TBUF", buffer="TBUF", wire_load="w",
    slew_ns=0.0,
)  # fmt: skip


@pytest.fixture
def toy():
    """The technology."""
    return TOY


@pytest.fixture
def kit():
    """The toy technology with its library."""
    return load_kit(TOY, HERE)


@pytest.fixture
def library():
    """The cells."""
    return CellLibrary([read_cells(HERE / "toy.lib")])


@pytest.fixture
def toy_text():
    """The library as text."""
    return (HERE / "toy.lib").read_text()


@pytest.fixture
def make_netlist():
    """A netlist of cells given as (cell, {pin: net}); net 2 is the clock."""

    def make(*cells, inputs=None, outputs=None, blocks=None):
        blocks = blocks or {}
        instances = tuple(
            Instance(f"u{n}", blocks.get(n, "top"), cell, nets)
            for n, (cell, nets) in enumerate(cells)
        )
        highest = max(net for one in instances for net in one.nets.values())
        return Netlist(
            instances=instances, inputs={"clk": (2,), **(inputs or {})}, outputs=outputs or {},
            clock=2, net_count=highest + 1, names={},
        )  # fmt: skip

    return make


@pytest.fixture
def rows_of():
    """Bit rows from {net: "0110..."}, one character a cycle."""

    def make(netlist, values):
        length = len(next(iter(values.values())))
        rows = np.zeros((netlist.net_count, -(-length // 64)), np.uint64)
        for net, bits in {1: "1" * length, **values}.items():
            for cycle, bit in enumerate(bits):
                rows[net, cycle // 64] |= np.uint64(int(bit) << (cycle % 64))
        return rows, length

    return make
