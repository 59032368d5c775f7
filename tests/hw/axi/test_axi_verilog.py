from __future__ import annotations

import json
import re
import subprocess

import pytest

from hw.axi.verilog import AXI_TOP, write_axi_rtl
from hw.config import MemoryMode, configure
from hw.verilog import generate_verilog
from sim.verilator import build_environment

LITE = {
    "awaddr": 12, "awprot": 3, "awvalid": 1, "awready": 1, "wdata": 32, "wstrb": 4, "wvalid": 1,
    "wready": 1, "bresp": 2, "bvalid": 1, "bready": 1, "araddr": 12, "arprot": 3, "arvalid": 1,
    "arready": 1, "rdata": 32, "rresp": 2, "rvalid": 1, "rready": 1,
}  # fmt: skip
SENT_BY_SLAVE = {"awready", "wready", "bresp", "bvalid", "arready", "rdata", "rresp", "rvalid"}


@pytest.fixture(scope="module")
def network(networks):
    return networks.network_of(
        networks.Numbers(weight=[[1, 2]] * 3, threshold=3, name="hidden"),
        networks.Numbers(weight=[[1, 2, 3]] * 2), input_steps=3,
    )  # fmt: skip


@pytest.fixture(scope="module", params=MemoryMode)
def folder(request, network, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.value)
    write_axi_rtl(network, configure(network, 2, request.param), folder)
    return folder


def test_ports_are_named_as_axi_has_them(folder):
    text = (folder / "rtl" / "axi_accelerator.v").read_text()
    top = text[text.index(f"module {AXI_TOP}(") :]
    top = top[: top.index("endmodule")]
    found = {}
    for line in re.findall(r"^  (input|output) ((?:\[\d+:0\] )?)(\S+);", top, re.MULTILINE):
        width = int(line[1].strip("[] ").split(":")[0]) + 1 if line[1] else 1
        found[line[2]] = (line[0], width)
    wanted = {"aclk": ("input", 1), "aresetn": ("input", 1)}
    for name, width in LITE.items():
        wanted[f"s_axi_{name}"] = ("output" if name in SENT_BY_SLAVE else "input", width)
    for name, out, back in (("s_axis", "input", "output"), ("m_axis", "output", "input")):
        bits = found[f"{name}_tdata"][1]
        assert bits in (8, 16, 32, 64)
        wanted |= {f"{name}_tdata": (out, bits), f"{name}_tvalid": (out, 1),
                   f"{name}_tlast": (out, 1), f"{name}_tready": (back, 1)}  # fmt: skip
    assert found == wanted


def test_verilator_finds_no_error(folder):
    command = ["verilator", "--lint-only", "-Wall", "-Wno-fatal", "--top-module", AXI_TOP,
               str(folder / "rtl" / "axi_accelerator.v")]  # fmt: skip
    done = subprocess.run(command, env=build_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    grave = re.findall(r"%(?:Error|Warning-(?:LATCH|MULTIDRIVEN|UNDRIVEN|UNOPTFLAT|PIN\w+))",
                       done.stderr)  # fmt: skip
    assert not grave, done.stderr


def test_the_accelerator_inside_is_the_one_that_is_verified(network, folder):
    record = json.loads((folder / "rtl" / "registers.json").read_text())
    config = configure(network, 2, MemoryMode(record["memory"]))
    text = (folder / "rtl" / "axi_accelerator.v").read_text()
    assert text.startswith(generate_verilog(network, config) + "\n")
    hexes = {path.name for path in (folder / "weights").iterdir()}
    assert hexes == {"hidden_weight.hex", "hidden_threshold.hex", "output_weight.hex"}
