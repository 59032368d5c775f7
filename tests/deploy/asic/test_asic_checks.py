"""The checks of a hand-off find what is wrong with the Verilog."""

from __future__ import annotations

import re

import pytest

from deploy.asic.design import asic_config, design_files
from deploy.asic.handoff import check_verilog
from deploy.asic.pdk import pdk_named
from spikeforge.errors import SpikeforgeError


@pytest.fixture(scope="module")
def design(small_network):
    pdk = pdk_named("ihp-sg13g2")
    return pdk, design_files(small_network, asic_config(small_network, pdk, 4), pdk)


CORE = "rtl/accelerator.v"
# Which file, what is replaced by what, and what is said about it.
FAULTS = {
    "syntax": ("rtl/spikeforge_chip.v", r"endmodule", "endmodul",
               r"cannot be elaborated: yosys failed: .*syntax error"),
    "unknown port": ("rtl/spikeforge_chip.v", r"\.loaded\(", ".loadet(",
                     r"cannot be elaborated: yosys failed: .*does not have a port named 'loadet'"),
    "unknown module": ("rtl/spikeforge_icg.v", r"cell_0 \(", "a (); no_such_cell b (",
                       r"cannot be elaborated: yosys failed: .*no_such_cell"),
    "no driver": (CORE, r"\n  assign events__ready = [^;]*;", "",
                  r"cannot be elaborated: yosys failed: Found \d+ problems in 'check -assert'"),
    "latch": ("rtl/spikeforge_chip.v", r"output wire loaded,", "output reg loaded,",
              r"must have no latches beside clock gates, but has 1, the first at "),
    "width": ("rtl/spikeforge_chip.v", r"\nendmodule",
              "\n  wire [1:0] w = 3'(rst);\nendmodule",
              r"does not pass Verilator's lint: %Warning-WIDTHTRUNC: rtl/spikeforge_chip\.v"),
}  # fmt: skip


def test_the_written_verilog_passes(design, tmp_path):
    pdk, files = design
    found = check_verilog(files, tmp_path, pdk).found
    assert found.flip_flops > 100
    assert found.macros


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(design, fault, tmp_path):
    pdk, files = design
    name, old, new, said = FAULTS[fault]
    text, count = re.subn(old, new, files[name], count=1)
    assert count == 1
    if fault == "latch":
        text = text.replace(".loaded(loaded)", ".loaded()").replace(
            "\nendmodule", "\n  always @* if (rst) loaded = clk;\nendmodule"
        )
    with pytest.raises(SpikeforgeError, match=f"the written Verilog {said}") as caught:
        check_verilog({**files, name: text}, tmp_path, pdk)
    assert str(tmp_path) not in str(caught.value)
