"""What Yosys is asked to do, and its memories with costs of our own."""

from __future__ import annotations

import re

import pytest

from deploy.bitstream import script
from deploy.bitstream.script import WIDE_BLOCK_COST, memory_library, synthesis_script
from deploy.boards import Family
from spikeforge.errors import SpikeforgeError

pytest.importorskip("pyosys", reason="the optional extra fpga")


def test_only_the_wide_block_costs_more():
    text = memory_library(Family.ECP5)["memories.txt"]
    costs = dict(re.findall(r"ram block (\S+) \{[^}]*?cost (\d+);", text))
    narrow, wide = int(costs["$__DP16KD_"]), int(costs["$__PDPW16KD_"])
    assert wide == WIDE_BLOCK_COST * narrow
    assert "-lib memories.txt" in synthesis_script(Family.ECP5, "top")


def test_the_ice40_needs_no_library():
    assert memory_library(Family.ICE40) == {}
    assert "memories.txt" not in synthesis_script(Family.ICE40, "top")


def test_a_yosys_that_describes_its_memories_otherwise(monkeypatch):
    monkeypatch.setattr(script, "_WIDE", r"(never)(\d+)(;)")
    with pytest.raises(
        SpikeforgeError, match=r"^pyosys must describe \$__PDPW16KD_ once in .*, not 0 times; run"
    ):
        memory_library(Family.ECP5)
    monkeypatch.setattr(script, "_LIBRARY", "lattice/none.txt")
    with pytest.raises(
        SpikeforgeError, match=r"^pyosys must have lattice/none\.txt, and has not; "
    ):
        memory_library(Family.ECP5)
