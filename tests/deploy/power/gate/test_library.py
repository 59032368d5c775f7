"""Reading cells: units, tables and states of a toy library; bad files give one line."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from deploy.power.gate.cells import StateKind
from deploy.power.gate.kit import load_kit
from deploy.power.gate.library import CellLibrary, read_cells
from deploy.power.gate.technology import technology_named
from spikeforge.errors import SpikeforgeError


def test_a_cell_in_our_units(library):
    inverter = library.cell("TINV")
    assert inverter.area_um2 == 1.0
    assert inverter.leakage_nw == 3.0
    assert inverter.pins["A"].capacitance_pf == 0.01
    assert inverter.pins["Y"].function.verilog(str) == "~A"
    assert inverter.pins["Y"].most_load_pf == 0.5
    assert [(w.verilog(str), v) for w, v in inverter.leakage_when] == [("A", 1.0), ("~A", 5.0)]


def test_tables_are_turned_so_that_slew_comes_first(library):
    (arc,) = library.cell("TINV").pins["Y"].power
    # The file has the load first: 0.010, 0.020 at load 0; 0.030, 0.040 at load 0.1.
    assert arc.rise.at(0.0, 0.0) == pytest.approx(0.010)
    assert arc.rise.at(1.0, 0.0) == pytest.approx(0.020)
    assert arc.rise.at(0.0, 0.1) == pytest.approx(0.030)
    assert arc.rise.at(0.5, 0.05) == pytest.approx(0.025)
    assert arc.rise.at(0.0, 0.2) == pytest.approx(0.050)  # the slope goes on beyond the table
    assert arc.fall.at(0.3, 7.0) == 0.002  # a scalar


def test_femtofarads_picoseconds_and_picowatts(tmp_path, toy_text):
    text = toy_text.replace("(1, pf)", "(1, ff)").replace('"1ns"', '"1ps"').replace("1nW", "1pW")
    (tmp_path / "small.lib.gz").write_bytes(gzip.compress(text.encode()))
    cell = read_cells(tmp_path / "small.lib.gz").cell("TINV")
    assert cell.pins["A"].capacitance_pf == pytest.approx(1e-5)
    assert cell.leakage_nw == pytest.approx(3e-3)
    (arc,) = cell.pins["Y"].power
    assert arc.fall.at(0, 0) == pytest.approx(2e-6)  # fF times V squared: fJ
    delay = cell.pins["Y"].timing[0].delays[0]
    assert delay.at(1e-3, 1e-4) == pytest.approx(0.4e-3)


def test_states(library):
    flop, gate = library.cell("TDFF").state, library.cell("TICG").state
    assert flop.kind is StateKind.FLIP_FLOP
    assert flop.names == ("IQ", "IQN")
    assert (flop.clock.pin, flop.data.pin) == ("CK", "D")
    assert gate.kind is StateKind.CLOCK_GATE
    assert (gate.clock.pin, gate.data.pin) == ("CK", "EN")
    assert library.cell("TLAT").state.kind is StateKind.LATCH


def test_wire_load_between_and_beyond_its_points(kit):
    assert [kit.wire.at(n) for n in (0, 1, 2, 3, 5)] == pytest.approx(
        [0.0, 0.001, 0.003, 0.005, 0.009]
    )


def test_one_cell_is_parsed_at_a_time(tmp_path, toy_text):
    broken = toy_text.replace(
        "capacitance : 0.02; }\n    pin (Y)", "capacitance : x; }\n    pin (Y)"
    )
    assert broken != toy_text
    (tmp_path / "toy.lib").write_text(broken)
    file = read_cells(tmp_path / "toy.lib")
    assert file.cell("TINV").area_um2 == 1.0
    with pytest.raises(SpikeforgeError, match=r"toy\.lib: a table or attribute is missing or no "):
        file.cell("TNAND2")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("\n}\n", "\n", "not a whole Liberty file (its brackets do not close); fetch it again"),
        ('"1V"', '"1mV"', "voltage_unit must be 1V"),
        ("(1, pf)", "(1, mf)", "capacitive_load_unit must be in pf or ff"),
        ('"1ns"', '"1s"', "time_unit must be one of 1ps, 10ps, 100ps, 1ns, not 1s"),
        ('"1nW"', '"1W"', "leakage_power_unit must be one of"),
        ("nom_voltage : 2.0", "nom_voltage : 0.0", "nom_voltage must be above 0, not 0"),
        ("nom_voltage : 2.0", "nom_voltage : nan", "nom_voltage must be above 0, not nan"),
        ("nom_voltage : 2.0", "nom_voltage : abc", "a table or attribute is missing or no number"),
        ("nom_temperature : 25.0", "nom_temperature : hot", "is missing or no number"),
        ("(1, pf)", "(x, pf)", "is missing or no number"),
        ("fanout_length (1, 1.0)", "fanout_length (one, 1.0)", "is missing or no number"),
    ],
)  # fmt: skip
def test_files_that_are_refused(tmp_path, toy_text, old, new, says):
    assert old in toy_text
    head, _, tail = toy_text.rpartition(old)
    (tmp_path / "toy.lib").write_text(head + new + tail)
    with pytest.raises(SpikeforgeError, match=r"toy\.lib") as caught:
        read_cells(tmp_path / "toy.lib")
    assert says in str(caught.value)


def test_files_of_two_corners(tmp_path, toy_text):
    (tmp_path / "a.lib").write_text(toy_text)
    (tmp_path / "b.lib").write_text(
        toy_text.replace("nom_temperature : 25.0", "nom_temperature : 125")
    )
    with pytest.raises(
        SpikeforgeError,
        match=r"b\.lib: is for 2 V, 125 C, but a\.lib for 2 V, 25 C; give files of one corner",
    ):
        CellLibrary([read_cells(tmp_path / name) for name in ("a.lib", "b.lib")])


def test_the_kit_finds_the_cells_that_play_a_part(kit):
    assert kit.clock_gate.name == "TICG"
    assert kit.latch is None
    assert "wire_load w" in kit.notes[-1]


def test_without_a_clock_gate_latch_and_and_stand_in(tmp_path, toy, toy_text):
    begin = toy_text.index("  cell (TICG)")
    (tmp_path / "toy.lib").write_text(toy_text[:begin] + "}\n")
    kit = load_kit(toy, tmp_path)
    assert kit.clock_gate is None
    assert kit.latch.name == "TLAT"
    assert "a latch and an AND stand in" in kit.notes[0]


def test_a_gzipped_file_with_flipped_bits(tmp_path, toy_text):
    whole = gzip.compress(toy_text.encode())
    for place in range(20, len(whole) - 20, 97):
        (tmp_path / "toy.lib.gz").write_bytes(
            whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :]
        )
        with pytest.raises(
            SpikeforgeError, match=r"toy\.lib\.gz: cannot be read .*; fetch it again"
        ):
            read_cells(tmp_path / "toy.lib.gz")


def test_files_of_another_supply_than_stated(tmp_path, toy, toy_text):
    (tmp_path / "toy.lib").write_text(toy_text.replace("nom_voltage : 2.0", "nom_voltage : 1.5"))
    with pytest.raises(
        SpikeforgeError,
        match=r"^toy\.lib: is for 1\.5 V, and A toy is meant at 2 V; give the files",
    ):
        load_kit(toy, tmp_path)


def _without(text, name):
    begin = text.index(f"  cell ({name})")
    end = text.find("  cell (", begin + 5)
    return text[:begin] + text[end:]


def test_without_any_flip_flop(tmp_path, toy, toy_text):
    (tmp_path / "toy.lib").write_text(_without(toy_text, "TDFF"))
    with pytest.raises(SpikeforgeError, match=r"toy\.lib: has no flip-flop with power tables; a"):
        load_kit(toy, tmp_path)


def test_without_power_tables(tmp_path, toy, toy_text):
    (tmp_path / "toy.lib").write_text(toy_text.replace("internal_power", "internal_thing"))
    with pytest.raises(SpikeforgeError, match=r"TBUF has no power tables; a Liberty file with"):
        load_kit(toy, tmp_path)


def test_no_files(tmp_path, toy, monkeypatch):
    with pytest.raises(
        SpikeforgeError,
        match=r"no Liberty file toy\.lib in .*; name the folder of A toy with --",
    ):
        load_kit(toy, tmp_path)
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SpikeforgeError, match=r"where ciel, volare and PDK_ROOT point"):
        load_kit(toy, None)
    with pytest.raises(SpikeforgeError, match=r"--liberty must be a folder with Liberty files"):
        load_kit(toy, tmp_path / "none")


def test_pdk_managers_folders_are_searched(tmp_path, toy, toy_text, monkeypatch):
    folder = tmp_path / "toys" / "lib"
    folder.mkdir(parents=True)
    (folder / "toy.lib").write_text(toy_text)
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    assert load_kit(replace(toy, folders=("toys/lib",)), None).clock_gate.name == "TICG"


def test_a_misspelt_technology():
    with pytest.raises(
        SpikeforgeError,
        match=r"--technology must be one of ihp-sg13g2, sky130hd, asap7, osu018 with --method "
        r"gate, not 'sky130' \(did you mean 'sky130hd'\?\)",
    ):
        technology_named("sky130")
