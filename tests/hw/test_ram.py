from __future__ import annotations

import pytest

from hw.ram import Ram, ram_verilog


def test_width_must_hold_whole_grains():
    with pytest.raises(ValueError, match="width must be a multiple of grain, not 10 of 8"):
        Ram(width=10, depth=4, grain=8)


def test_there_are_memories_with_one_port_and_with_two():
    with pytest.raises(ValueError, match="ports must be 1 or 2, not 3"):
        Ram(width=8, depth=4, grain=8, ports=3)


def test_source_text_is_one_module_of_the_name_that_the_generator_uses():
    text = ram_verilog()
    assert text.count("module spikeforge_ram") == 1
    assert text.rstrip().endswith("endmodule")
