"""``spikeforge rtl`` and its choices of hardware, AXI ports among them."""

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


def test_rtl_takes_memories_and_clocks_of_a_technology(run_command, network_file, tmp_path):
    done = run_command("rtl", network_file, "--out", tmp_path, "--lanes", 4, "--technology",
                       "sg13g2", "--clock-gating")  # fmt: skip
    assert done.status == 0, done.err
    text = (tmp_path / "rtl/accelerator.v").read_text()
    assert "technology: sg13g2, gated clocks" in text.splitlines()[0]
    assert "RM_IHPSG13_1P_" in text
    assert "spikeforge_icg" in text


def test_rtl_refuses_macros_with_initial_content(run_command, network_file, tmp_path):
    done = run_command("rtl", network_file, "--out", tmp_path / "o", "--technology", "spram",
                       "--memory", "init")  # fmt: skip
    assert done.status == 2
    assert "technology spram has no initial content, so memory must be load, not init" in done.err
    assert not (tmp_path / "o").exists()


def test_rtl_skips_zero_rows_where_asked(run_command, network_file, tmp_path):
    done = run_command("rtl", network_file, "--out", tmp_path, "--lanes", 4, "--skip-zero-rows")
    assert done.status == 0, done.err
    assert "rows of 4 lanes" in done.out
    assert list((tmp_path / "weights").glob("*_index.hex"))


def test_rtl_of_frugal_hardware_is_other_hardware(run_command, network_file, tmp_path):
    records = []
    for name, choice in (("usual", []), ("frugal", ["--frugal"])):
        done = run_command("rtl", network_file, "--out", tmp_path / name, "--lanes", 4, "--json",
                           *choice)  # fmt: skip
        assert done.status == 0, done.err
        records.append(json.loads(done.out)["network"])
    usual, frugal = (tmp_path / name / "rtl/accelerator.v" for name in ("usual", "frugal"))
    assert usual.read_text() != frugal.read_text()
    assert records[0]["content"] == records[1]["content"]
    assert records[0]["architecture"] != records[1]["architecture"]


def test_frugal_hardware_equals_the_models(run_command, finished_run, data):
    usual, frugal = (
        run_command("simulate", finished_run.network, "--data", data, "--lanes", 8, "--images", 6,
                    "--json", *choice)
        for choice in ([], ["--frugal"])
    )  # fmt: skip
    assert (usual.status, frugal.status) == (0, 0), frugal.err
    exact, cycles = (json.loads(frugal.out)[key] for key in ("exact", "cycles"))
    assert (exact["class_mismatches"], exact["cycle_mismatches"]) == (0, 0)
    assert cycles != json.loads(usual.out)["cycles"]
    checked = run_command("verify", finished_run.network, "--data", data, "--images", 2, "--lanes",
                          8, "--frugal", "--json")  # fmt: skip
    assert checked.status == 0, checked.err
    record = json.loads(checked.out)
    assert record["exact"]["cycle_mismatches"] == 0
    assert record["network"] == json.loads(frugal.out)["network"]
    assert record["network"] != json.loads(usual.out)["network"]
