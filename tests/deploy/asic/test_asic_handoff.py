"""What lies in a hand-off: Verilog without models, the macros that memories ask for, a record."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from types import SimpleNamespace

import pytest

from hw.content import architecture_hash, layer_sections, load_bytes
from hw.geometry import geometry
from hw.interface import interface
from hw.memory.sg13g2 import sg13g2_composition
from spikeforge.errors import MismatchError, SpikeforgeError

KITS = ["ihp-sg13g2", "sky130"]
GATES = {"ihp-sg13g2": "sg13g2_lgcp_1", "sky130": "sky130_fd_sc_hd__dlclkp_1"}
VERILOG = ["rtl/accelerator.v", "rtl/spikeforge_chip.v", "rtl/spikeforge_icg.v",
           "rtl/spikeforge_ram.v"]  # fmt: skip


def _memories(handed):
    """Width, depth, grain and ports of every memory, from the layers themselves."""
    for layer in geometry(handed.network, handed.config):
        for part in layer_sections(layer):
            yield 8 * part.row_bytes, part.depth, 8, 1
        if layer.buffer_depth:
            yield layer.event_bits, layer.buffer_depth, layer.event_bits, 2


def _instances(handed):
    return re.findall(r"^  (RM_IHPSG13_\w+) ", handed.text("rtl/accelerator.v"), re.MULTILINE)


def test_macros_are_those_that_the_memories_are_composed_of(handed_over):
    handed = handed_over("ihp-sg13g2")
    wanted, registers = Counter(), 0
    for width, depth, grain, ports in _memories(handed):
        found = sg13g2_composition(width, depth, grain, ports)
        wanted.update(found.count() if found else {})
        registers += 0 if found else width * depth
    assert wanted.total() > 2
    assert Counter(_instances(handed)) == wanted
    assert {m["name"]: m["count"] for m in handed.record["macros"]} == wanted
    assert handed.record["memory_bits_in_flip_flops"] == registers > 0
    area = sum(m["count"] * m["area_um2"] for m in handed.record["macros"])
    assert handed.record["macro_area_mm2"] == pytest.approx(area / 1e6, abs=1e-4)


def test_without_macros_every_bit_of_memory_is_counted_as_a_flip_flop(handed_over):
    handed = handed_over("sky130")
    bits = sum(width * depth for width, depth, *_ in _memories(handed))
    assert not _instances(handed)
    assert handed.record["macros"] == []
    assert handed.record["memory_bits_in_flip_flops"] == bits > 10_000
    (note,) = [note for note in handed.record["notes"] if "OpenRAM" in note]
    assert f"{bits:,} bits of memory become flip-flops" in note
    assert f"{bits:,} bits in all" in handed.text("README.md")
    assert "OpenRAM" in handed.text("README.md")


@pytest.mark.parametrize("kit", KITS)
def test_macros_and_gates_have_no_modules_here(handed_over, kit):
    handed = handed_over(kit)
    files = sorted(p.relative_to(handed.folder).as_posix() for p in handed.folder.rglob("*.v"))
    assert files == VERILOG
    text = "".join(handed.text(name) for name in files)
    modules = re.findall(r"^module ([^\s(]+)", text, re.MULTILINE)
    assert {"accelerator", "spikeforge_chip", "spikeforge_ram", "spikeforge_icg"} <= set(modules)
    assert not [name for name in modules if name.startswith(("RM_", "sg13g2", "sky130"))]
    assert "spikeforge_macro" not in text
    assert "held" not in handed.text("rtl/spikeforge_icg.v")
    (gate,) = re.findall(r"^  (\w+) cell_0 \(", handed.text("rtl/spikeforge_icg.v"), re.MULTILINE)
    assert gate == GATES[kit]
    assert handed.record["clock_gates"] == len(re.findall(r"^  spikeforge_icg ", text, re.M)) > 1


@pytest.mark.parametrize("kit", KITS)
def test_the_top_has_all_ports_but_those_for_tests(handed_over, kit):
    handed = handed_over(kit)
    text = handed.text("rtl/spikeforge_chip.v")
    found = {
        name: (way == "input", int(high or 0) + 1)
        for way, high, name in re.findall(r"(input|output) +wire (?:\[(\d+):0\] )?(\w+)", text)
    }
    ports = interface(handed.network, handed.config).ports
    hidden = [port.name for port in ports if port.name.startswith(("probe_", "tap_"))]
    assert hidden
    assert found == {
        port.name: (port.is_input, port.width) for port in ports if port.name not in hidden
    }
    for name in hidden:
        assert f".{name}()" in text


def test_memories_have_no_initial_content_and_the_content_is_beside_them(handed_over):
    handed = handed_over("ihp-sg13g2")
    assert ".hex" not in handed.text("rtl/accelerator.v")
    content = (handed.folder / "content.bin").read_bytes()
    assert content == load_bytes(handed.network, handed.config)


@pytest.mark.parametrize("kit", KITS)
def test_the_record_names_network_clock_and_every_file(handed_over, kit):
    handed = handed_over(kit)
    record = json.loads(handed.text("asic.json"))
    assert record == handed.record
    assert record["network"] == {
        "name": "small", "content": handed.network.content_hash,
        "file_sha256": hashlib.sha256(handed.network_file.read_bytes()).hexdigest(),
        "architecture": architecture_hash(handed.network, handed.config),
    }  # fmt: skip
    assert record["clock"] == {"mhz": 50.0, "period_ns": 20.0, "timing": "not checked"}
    assert record["place_and_route"] == "not run"
    assert record["flip_flops"] > 100
    there = {
        path.relative_to(handed.folder).as_posix()
        for path in handed.folder.rglob("*") if path.is_file()
    }  # fmt: skip
    assert there == {*record["files"], "asic.json"}
    for name, digest in record["files"].items():
        assert hashlib.sha256((handed.folder / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("kit", KITS)
def test_the_readme_has_the_commands_and_what_was_not_done(handed_over, kit):
    handed = handed_over(kit)
    text = handed.text("README.md")
    assert f"\n    librelane --pdk {handed.pdk.flow_name} config.json\n" in text
    assert "\n    python run_siliconcompiler.py\n" in text
    assert "Not run: synthesis to cells, place and route, timing" in text
    for macro in handed.record["macros"]:
        assert f"| `{macro['name']}` | {macro['count']} |" in text
    assert "\n\n\n" not in text


def test_twice_the_same_gives_the_same_files_and_keeps_those_of_others(hand_over, handed_over,
                                                                       tmp_path):  # fmt: skip
    first = handed_over("ihp-sg13g2")
    out = tmp_path / "out"
    shutil.copytree(handed_over("sky130").folder, out)
    (out / "mine.txt").write_text("kept")
    record = json.loads((out / "asic.json").read_text())
    for stale, text in {"old.v": "", "../mine.v": "also kept"}.items():
        (out / stale).write_text(text)
        record["files"][stale] = ""
    (out / "asic.json").write_text(json.dumps(record))
    hand_over("ihp-sg13g2", out)
    for name in [*first.record["files"], "asic.json"]:
        assert (out / name).read_bytes() == (first.folder / name).read_bytes(), name
    assert (out / "mine.txt").read_text() == "kept"
    assert (tmp_path / "mine.v").read_text() == "also kept"
    assert not (out / "old.v").exists()
    assert not list(out.glob(".part-*"))


def test_a_folder_of_someone_else_is_left_alone(hand_over, tmp_path):
    (tmp_path / "thesis.tex").write_text("dear")
    with pytest.raises(
        SpikeforgeError,
        match=r"--out must be a new or empty folder, or one with the asic\.json of an earlier run, "
        r"but \S+ has 'thesis\.tex' in it and no asic\.json; name another folder",
    ):
        hand_over("ihp-sg13g2", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_failed_check_leaves_nothing_behind(hand_over, tmp_path, monkeypatch):
    def fail(files, folder, pdk):
        (folder / "half").write_text("")
        raise SpikeforgeError("no good")

    monkeypatch.setattr("deploy.asic.handoff.check_verilog", fail)
    with pytest.raises(SpikeforgeError, match="no good"):
        hand_over("ihp-sg13g2", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_macros_than_the_memories_ask_for_are_a_mismatch(hand_over, tmp_path, monkeypatch):
    found = SimpleNamespace(macro_counts=Counter())
    monkeypatch.setattr(
        "deploy.asic.handoff.check_verilog", lambda files, *_: SimpleNamespace(found=found)
    )
    with pytest.raises(
        MismatchError,
        match=r"the Verilog has 0 instances of RM_IHPSG13_1P_\w+, and the memories of small are "
        r"composed of [1-9]",
    ):
        hand_over("ihp-sg13g2", tmp_path / "out")
