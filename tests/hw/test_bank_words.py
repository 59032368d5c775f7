"""Macros of a chosen depth: what memories are built of, and which depth an estimate takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.composing import composition_of
from hw.config import HardwareConfig
from hw.inventory import Memory, MemoryKind
from hw.memory.sg13g2 import sg13g2_composition
from hw.memory.technology import Technology
from spikeforge.errors import SpikeforgeError


def depths(found):
    return {cell.depth for bank in found.banks for cell in bank.cells}


@given(st.sampled_from([256, 512, 1024, 2048, 4096]), st.integers(300, 6000), st.integers(8, 300))
def test_no_macro_is_deeper_and_all_words_have_a_place(bank_words, depth, width):
    found = sg13g2_composition(width, depth, width, 1, bank_words)
    assert max(depths(found)) <= bank_words
    assert sum(bank.depth for bank in found.banks) >= depth
    assert all(bank.width >= width for bank in found.banks)


def test_shallow_macros_take_more_area():
    areas = [sg13g2_composition(256, 5488, 8, 1, words).area_um2 for words in (256, 512, 2048)]
    assert areas == sorted(areas, reverse=True)


def test_a_small_memory_gets_the_shallowest_anyway():
    assert depths(sg13g2_composition(14, 1024, 14, 2, 2048)) == {256}
    assert depths(sg13g2_composition(14, 1024, 14, 2)) == {1024}  # unless nothing is asked


def test_content_is_composed_in_bytes_and_all_else_in_words():
    config = HardwareConfig(lanes=1, technology=Technology.SG13G2, bank_words=256)
    weights = Memory(
        name="w", block="w", kind=MemoryKind.WEIGHTS, width_bits=60, depth=512, ports=1
    )
    events = Memory(name="e", block="e", kind=MemoryKind.EVENTS, width_bits=14, depth=512, ports=2)
    assert composition_of(weights, config) == sg13g2_composition(64, 512, 8, 1, 256)
    assert composition_of(events, config) == sg13g2_composition(14, 512, 14, 2, 256)
    assert composition_of(weights, HardwareConfig(lanes=1)) is None


def test_a_depth_below_one_is_refused():
    with pytest.raises(SpikeforgeError, match=r"^bank_words must be at least 1, not 0$"):
        HardwareConfig(lanes=1, bank_words=0)
