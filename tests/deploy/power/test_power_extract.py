"""Reading Liberty files: a hand-written library gives hand-computed numbers, bad ones one line."""

from __future__ import annotations

import gzip
import os
import tomllib
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.power import load_profile
from deploy.power.extract import extract, main
from spikeforge.errors import SpikeforgeError

pytest.importorskip("liberty", reason="the optional package liberty-parser")

HEAD = """library ({name}) {{
  capacitive_load_unit (1,pf); voltage_unit : "1V"; leakage_power_unit : "{leakage_unit}";
  nom_voltage : 1.2; nom_temperature : {temperature}; default_operating_conditions : typ;
"""


def power(rise: float, fall: float, *, when: str = "", related: str = "") -> str:
    conditions = f'when : "{when}"; ' if when else ""
    conditions += f'related_pin : "{related}"; ' if related else ""
    return (
        f"internal_power () {{ {conditions}rise_power (scalar) {{ values ({rise}); }} "
        f"fall_power (scalar) {{ values ({fall}); }} }}"
    )


def gate(name: str, inputs: str, rise: float, fall: float) -> str:
    pins = "".join(f'pin ({pin}) {{ direction : "input"; capacitance : 0.004; }}' for pin in inputs)
    return (
        f"cell (sg13g2_{name}) {{ area : 8.0; cell_leakage_power : 100.0; {pins}"
        f'pin (Y) {{ direction : "output"; {power(rise, fall, related="A")} }} }}\n'
    )


FLIP_FLOP = f"""cell (sg13g2_dfrbpq_1) {{ area : 50.0; cell_leakage_power : 500.0;
  pin (Q) {{ direction : "output"; {power(0.025, 0.027, related="CLK")}
    {power(0.9, 0.9, related="RESET_B")} }}
  pin (CLK) {{ direction : "input"; capacitance : 0.003;
    {power(0.010, 0.020, when="(D * RESET_B * Q)")}
    {power(0.012, 0.010, when="(!D * RESET_B * !Q)")}
    {power(0.0, 0.034, when="(!D * RESET_B * Q)")}
    {power(0.0, 0.022, when="(D * RESET_B * !Q)")}
    {power(0.7, 0.7, when="(D * !RESET_B * !Q)")} }}
  pin (D) {{ direction : "input"; capacitance : 0.001;
    {power(0.002, 0.004, when="CLK")} {power(0.8, 0.8, when="(!CLK * RESET_B)")}
    timing () {{ timing_type : setup_rising;
      rise_constraint (t) {{ values ("0.1, 0.2"); }}
      fall_constraint (t) {{ values ("0.1, 0.3"); }} }}
    timing () {{ timing_type : hold_rising;
      rise_constraint (t) {{ values ("9.0, 9.0"); }}
      fall_constraint (t) {{ values ("9.0, 9.0"); }} }} }}
}}
"""

WIRE = """wire_load ("30k") { capacitance : 0.001;
  fanout_length (1, 10); fanout_length (5, 50); fanout_length (20, 200); }
"""


def cells_text(**replaced: str) -> str:
    parts = {
        "head": HEAD.format(name="cells", leakage_unit="1pW", temperature=25),
        "wire": WIRE,
        "xor2": gate("xor2_1", "AB", 0.006, 0.008),
        "nand2": gate("nand2_1", "AB", 0.002, 0.003),
        "and2": gate("and2_1", "AB", 0.005, 0.006),
        "mux2": gate("mux2_1", "ABS", 0.009, 0.009),
        "flip_flop": FLIP_FLOP,
        "tail": "}\n",
    }
    return "".join((parts | replaced).values())


def macro_text(
    *, temperature: int = 25, leakage: str = "50.0", read: str = "A_MEN & !A_WEN & A_REN"
) -> str:
    return (
        HEAD.format(name="macro", leakage_unit="1nW", temperature=temperature)
        + f"""cell (RM_TEST_64x16) {{ area : 9000.0;
  memory () {{ type : ram; address_width : 6; word_width : 16; }}
  pin (A_CLK) {{ direction : input; capacitance : 0.0038;
    {power(0.0, 0.0, when="!A_MEN  & !A_WEN & !A_REN")}
    {power(7.5, 0.5, when=read)}
    {power(9.0, 0.25, when="A_MEN  & A_WEN  & !A_REN")}
    {power(99.0, 99.0, when="A_MEN  & A_WEN  & A_REN")} }}
  bus (A_DOUT) {{ direction : output;
    timing () {{ cell_rise (t) {{ values ("1.0, 2.2"); }}
      cell_fall (t) {{ values ("1.5, 1.9"); }} }}
  }}
  cell_leakage_power : {leakage};
}} }}
"""
    )


def folder(path: Path, cells: str | None = None, macro: str | None = None) -> Path:
    (path / "tiny_stdcell_typ.lib").write_text(cells or cells_text())
    with gzip.open(path / "RM_TEST_64x16.lib.gz", "wt") as file:
        file.write(macro or macro_text())
    return path


def test_tiny_library_gives_the_numbers_computed_by_hand(tmp_path: Path) -> None:
    read = tomllib.loads(extract(folder(tmp_path)))
    flip_flop, macro = read["logic"]["flip_flop"], read["macros"][0]
    assert read["logic"]["xor2"]["internal"]["value"] == pytest.approx(0.007)
    assert read["logic"]["mux2"]["leakage"] == {
        "value": pytest.approx(0.1),
        "unit": "nW",
        "source": "tiny_stdcell_typ.lib: sg13g2_mux2_1, cell_leakage_power",
    }
    # rise + fall, data stable: mean of (10 + 20) and (12 + 10) fJ
    assert flip_flop["clock"]["value"] == pytest.approx(0.026)
    # Q 26 less the stable rise 11, D 3, fall with data apart 28 less stable 15, in fJ
    assert flip_flop["toggle"]["value"] == pytest.approx(0.026 - 0.011 + 0.003 + 0.013)
    assert read["wire"]["net"]["value"] == pytest.approx(0.02)
    assert read["wire"]["clock_per_sink"]["value"] == pytest.approx(0.01)
    assert (macro["width_bits"], macro["depth"], macro["ports"]) == (16, 64, 1)
    assert macro["read"]["value"] == pytest.approx(8.0)
    assert macro["write"]["value"] == pytest.approx(9.25)
    assert macro["idle"]["value"] == 0
    assert macro["leakage"]["value"] == pytest.approx(50)
    assert macro["access"]["value"] == pytest.approx(2.2)
    assert read["clock"]["maximum"]["value"] == pytest.approx(1e3 / (2.2 + 0.3))


def test_extracted_profile_loads(tmp_path: Path) -> None:
    out = tmp_path / "own.toml"
    source = folder(tmp_path)
    result = CliRunner().invoke(main, ["--liberty", str(source), "--out", str(out)])
    assert result.exit_code == 0
    assert load_profile(out).macros[0].name == "RM_TEST_64x16"


def test_hash_is_of_the_unpacked_text(tmp_path: Path) -> None:
    first = tomllib.loads(extract(folder(tmp_path)))["sources"]
    (tmp_path / "RM_TEST_64x16.lib.gz").unlink()
    (tmp_path / "RM_TEST_64x16.lib").write_text(macro_text())
    assert tomllib.loads(extract(tmp_path))["sources"] == first


@pytest.mark.parametrize("leakage", ["0", "0.0"])
def test_leakage_stated_as_zero_is_left_out(tmp_path: Path, leakage: str) -> None:
    text = extract(folder(tmp_path, macro=macro_text(leakage=leakage)))
    assert "leakage" not in tomllib.loads(text)["macros"][0]


@pytest.mark.parametrize(
    ("cells", "macro", "message"),
    [
        (cells_text(tail=""), None, r"tiny_stdcell_typ\.lib: not a whole Liberty file"),
        (cells_text(flip_flop=""), None, "has no cell sg13g2_dfrbpq_1; is this the right"),
        (cells_text(wire=""), None, "has no wire_load model '30k'"),
        (
            cells_text(xor2='cell (sg13g2_xor2_1) { pin (A) { direction : "input"; '
                            'capacitance : 1; } pin (Y) { direction : "output"; } }'),
            None,
            "pin Y has no power tables; a Liberty file with power tables is needed",
        ),
        (
            cells_text().replace("(1,pf)", "(1,ff)"),
            None,
            r"capacitive_load_unit must be \(1,pf\), not \['1', 'ff'\]",
        ),
        (
            None,
            macro_text().replace("word_width : 16;", ""),
            r"RM_TEST_64x16\.lib: a table or attribute is missing .*; fetch the file again",
        ),
        (cells_text().replace('"1pW"', '"1W"'), None, "leakage_power_unit must be one of 1pW"),
        (None, macro_text(temperature=125), "is for 1.2 V, 125 C, but .* for 1.2 V, 25 C; give"),
        (None, macro_text(read="A_MEN"), "pin A_CLK has no power table for 'A_MEN & !A_WEN"),
    ],
)  # fmt: skip
def test_unfit_files_are_refused(
    tmp_path: Path, cells: str | None, macro: str | None, message: str
) -> None:
    with pytest.raises(SpikeforgeError, match=message):
        extract(folder(tmp_path, cells, macro))


def test_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path) / "RM_TEST_64x16.lib.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SpikeforgeError, match=r"RM_TEST_64x16\.lib\.gz: cannot be read .*again"):
        extract(tmp_path)


def test_empty_folder_is_refused_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "out.toml"
    result = CliRunner().invoke(main, ["--liberty", str(tmp_path), "--out", str(out)])
    assert result.exit_code == 2
    assert "must hold exactly one file *stdcell*.lib*, not 0" in result.output
    assert not out.exists()


@pytest.mark.skipif(
    "SPIKEFORGE_LIBERTY" not in os.environ,
    reason="set SPIKEFORGE_LIBERTY to the folder with the Liberty files of IHP SG13G2",
)
def test_shipped_profile_is_what_the_liberty_files_say() -> None:
    fresh = extract(Path(os.environ["SPIKEFORGE_LIBERTY"]))
    shipped = resources.files("deploy.power") / "profiles" / "ihp-sg13g2.toml"
    assert shipped.read_text(encoding="utf-8") == fresh
