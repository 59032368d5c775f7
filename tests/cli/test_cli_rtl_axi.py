"""``spikeforge rtl --bus axi``: the top with AXI ports, and the register map beside it."""

from __future__ import annotations

import json


def test_rtl_with_axi_ports_writes_the_register_map(run_command, network_file, tmp_path):
    done = run_command("rtl", network_file, "--out", tmp_path, "--bus", "axi", "--lanes", 4,
                       "--json")  # fmt: skip
    assert done.status == 0, done.err
    record = json.loads(done.out)
    verilog, registers = tmp_path / "rtl/axi_accelerator.v", tmp_path / "rtl/registers.json"
    content = tmp_path / "weights/content.bin"
    assert {str(verilog), str(registers), str(content)} <= set(record["files"])
    assert "module axi_accelerator(" in verilog.read_text()
    identity = json.loads(registers.read_text())["identity"]
    assert identity.to_bytes(8, "little") == content.read_bytes()[:8]


def test_rtl_names_the_buses_there_are(run_command, network_file, tmp_path):
    done = run_command("rtl", network_file, "--out", tmp_path, "--bus", "apb")
    assert done.status == 2
    assert "'apb' is not one of 'stream', 'axi'" in done.err
