"""``spikeforge asic``: what it says, its JSON, and its errors."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def test_it_says_what_it_wrote_and_what_comes_next(run_command, small_file, tmp_path):
    out = tmp_path / "out"
    done = run_command("asic", small_file, "--pdk", "ihp-sg13g2", "--out", out, "--lanes", 4,
                       "--clock-mhz", 40)  # fmt: skip
    assert done.status == 0, done.err
    assert done.out.startswith("small in IHP SG13G2 (130 nm), 4 lanes\n")
    assert "40 MHz (25 ns), timing not checked" in done.out
    assert "next     librelane --pdk ihp-sg13g2 config.json" in done.out
    assert "place and route was not run" in done.err
    assert "-period 25.000" in (out / "constraints.sdc").read_text()


def test_the_chip_is_the_one_whose_energy_was_asked_for(run_command, mnist_shaped, tmp_path):
    from spikeforge.netfile import save_network

    save_network(mnist_shaped("wide", 64), tmp_path / "wide.safetensors")
    done = run_command(
        "asic", tmp_path / "wide.safetensors", "--pdk", "ihp-sg13g2", "--out", tmp_path / "out",
        "--lanes", 32, "--bank-words", 256, "--frugal", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert (record["bank_words"], record["frugal"]) == (256, True)
    names = {each["name"] for each in record["macros"]}
    assert "RM_IHPSG13_1P_256x64_c2_bm_bist" in names
    assert not any(f"x{deep}" in name or f"_{deep}x" in name for name in names
                   for deep in (512, 1024, 2048))  # fmt: skip
    head = (tmp_path / "out" / "rtl" / "accelerator.v").read_text().splitlines()[0]
    assert "rows added as they are read, gated lanes, events in pairs" in head


def test_json_is_the_record_and_memories_without_macros_are_warned_of(
    run_command, small_file, tmp_path
):
    done = run_command("asic", small_file, "--pdk", "sky130", "--out", tmp_path, "--lanes", 4,
                       "--json")  # fmt: skip
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert record == json.loads((tmp_path / "asic.json").read_text())
    assert record["pdk"]["librelane"] == "sky130A"
    (line,) = [line for line in done.err.splitlines() if "OpenRAM" in line]
    assert "bits of memory become flip-flops" in line


BAD = {
    "kit": (["--pdk", "sky13"],
            "--pdk must be one of ihp-sg13g2, sky130, not 'sky13' (did you mean 'sky130'?)"),
    "lanes": (["--pdk", "sky130", "--lanes", "13"],
              "lanes must be in 1..12, the width of the widest layer of small, not 13"),
    "fast": (["--pdk", "sky130", "--clock-mhz", "501"],
             "the clock must be above 0 and at most 500 MHz for sky130, not 501 MHz; choose one in "
             "that range or leave it out for 50 MHz"),
    "no number": (["--pdk", "sky130", "--clock-mhz", "nan"], "at most 500 MHz for sky130, not nan"),
    "no macros": (["--pdk", "sky130", "--bank-words", "256"],
                  "--bank-words needs memory macros, and sky130 has none; leave it out"),
    "depth": (["--pdk", "ihp-sg13g2", "--bank-words", "300"],
              "--bank-words must be one of 256, 512, 1024, 2048, 4096, not 300"),
    "macros": (["--pdk", "ihp-sg13g2", "--clock-mhz", "200"],
               "the clock must be above 0 and at most 156.045 MHz in ihp-sg13g2, not 200 MHz"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_no_folder(case, run_command, small_file, tmp_path):
    arguments, said = BAD[case]
    out = tmp_path / "out"
    done = run_command("asic", small_file, "--out", out, *arguments)
    assert done.status == 2
    assert said in done.line
    assert done.out == ""
    assert not out.exists()


def test_an_output_that_is_a_file_is_refused(run_command, small_file, tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    done = run_command("asic", small_file, "--pdk", "sky130", "--out", path)
    assert done.status == 2
    assert f"{path}: File exists" in done.line
