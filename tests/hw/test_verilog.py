from __future__ import annotations

import re
import subprocess

import pytest

from hw.config import MemoryMode, configure
from hw.interface import interface
from hw.verilog import generate_verilog, write_rtl
from sim.verilator import build_environment


@pytest.fixture(scope="module")
def network(networks):
    return networks.random_case(13, images=4).network


def test_head_names_network_lanes_memory_and_architecture(network):
    config = configure(network, 5)
    head = generate_verilog(network, config).splitlines()[:2]
    assert head[0] == "// Spikeforge accelerator for random13: 5 lanes, memories: load"
    assert head[1] == f"// Architecture {network.architecture_hash(lanes=5)}"


@pytest.mark.parametrize("memory", MemoryMode)
def test_equal_input_gives_equal_text(network, memory):
    config = configure(network, 5, memory)
    assert generate_verilog(network, config) == generate_verilog(network, config)


def test_loaded_content_leaves_no_trace_in_the_text(networks):
    def text(weight):
        network = networks.network_of(networks.Numbers(weight=weight), input_steps=7)
        return generate_verilog(network, configure(network, 2))

    assert text([[1, 2], [3, 1]]) == text([[2, 1], [1, 3]])


@pytest.mark.parametrize("memory", MemoryMode)
def test_ports_of_the_text_are_those_of_the_interface(network, memory):
    config = configure(network, 5, memory)
    text = generate_verilog(network, config)
    top = text[text.index("module accelerator(") :]
    top = top[: top.index("endmodule")]
    found = {}
    for line in re.findall(r"^  (input|output) ((?:\[\d+:0\] )?)(\S+);", top, re.MULTILINE):
        width = int(line[1].strip("[] ").split(":")[0]) + 1 if line[1] else 1
        found[line[2]] = (width, line[0] == "input")
    outside = interface(network, config)
    assert found == {port.name: (port.width, port.is_input) for port in outside.ports}


@pytest.mark.parametrize("memory", MemoryMode)
@pytest.mark.parametrize("seed", [3, 34])
def test_verilator_finds_no_error(networks, tmp_path, seed, memory):
    network = networks.random_case(seed, images=4).network
    path = write_rtl(network, configure(network, 3, memory), tmp_path)
    command = ["verilator", "--lint-only", "-Wall", "-Wno-fatal", "--top-module", "accelerator",
               str(path)]  # fmt: skip
    done = subprocess.run(command, env=build_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    grave = re.findall(r"%(?:Error|Warning-(?:LATCH|MULTIDRIVEN|UNDRIVEN|UNOPTFLAT|PINMISSING))",
                       done.stderr)  # fmt: skip
    assert not grave, done.stderr


def test_written_folder_holds_the_text_and_one_hex_file_a_memory(networks, tmp_path):
    network = networks.network_of(
        networks.Numbers(weight=[[1, 2]] * 3, threshold=3, bias=[1, 2, 3], name="hidden"),
        networks.Numbers(weight=[[1, 2, 3]] * 2), input_steps=3,
    )  # fmt: skip
    config = configure(network, 2, MemoryMode.INIT)
    path = write_rtl(network, config, tmp_path)
    assert path == tmp_path / "rtl" / "accelerator.v"
    assert path.read_text() == generate_verilog(network, config)
    wanted = {"hidden_weight", "hidden_threshold", "hidden_bias", "output_weight"}
    assert {file.stem for file in (tmp_path / "weights").iterdir()} == wanted
    named = set(re.findall(r'"weights/(\w+)\.hex"', path.read_text()))
    assert named == wanted


@pytest.mark.parametrize("name", ["loader", "output", "a__b", "wire", "top"])
def test_any_layer_name_that_the_contract_allows_can_be_built(networks, name):
    network = networks.network_of(
        networks.Numbers(weight=[[1, 2]] * 3, threshold=3, name=name),
        networks.Numbers(weight=[[1, 2, 3]] * 2, name="last"), input_steps=3,
    )  # fmt: skip
    text = generate_verilog(network, configure(network, 2))
    assert f"tap_{name}" in text
