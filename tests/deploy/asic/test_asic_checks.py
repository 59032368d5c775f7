"""The checks of a hand-off find what is wrong with the Verilog."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest

from deploy.asic.design import asic_config, design_files
from deploy.asic.handoff import check_verilog
from deploy.asic.pdk import pdk_named
from deploy.yosys import run_yosys
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


@pytest.mark.skipif(
    "SPIKEFORGE_LIBERTY" not in os.environ,
    reason="set SPIKEFORGE_LIBERTY to the folder with the Liberty files of IHP SG13G2",
)
def test_the_kits_own_liberty_files_have_every_cell_and_pin(design, tmp_path):
    """As flows read the design: cells and macros from the kit, not from our empty modules."""
    _, files = design
    wanted = set(re.findall(r"RM_IHPSG13_\w+_bist", files[CORE])) | {"sg13g2_stdcell"}
    steps = []
    for name in sorted(wanted):
        (packed,) = Path(os.environ["SPIKEFORGE_LIBERTY"]).glob(f"{name}_typ_1p20V_25C.lib*")
        raw = packed.read_bytes()
        (tmp_path / f"{name}.lib").write_bytes(
            gzip.decompress(raw) if ".gz" in packed.name else raw
        )
        steps.append(f"read_liberty -lib -ignore_miss_dir {name}.lib")
    for number, text in enumerate(files.values()):
        (tmp_path / f"{number}.v").write_text(text)
        steps.append(f"read_verilog -sv -defer -noautowire {number}.v")
    steps += ["hierarchy -check -top spikeforge_chip", "proc", "flatten", "check -assert"]
    (tmp_path / "kit.ys").write_text("\n".join(steps))
    run_yosys(tmp_path, "kit.ys")
    assert len(wanted) > 2
    assert "Warning: Resizing cell port" not in (tmp_path / "yosys.log").read_text()
