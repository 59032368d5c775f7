"""Coverage of the RTL: reading Verilator's counts, naming points by Python lines, merging."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import hw
from sim.coverage import Merged, Point, cover, points_of
from sim.coverage.constants import constant_bits
from sim.coverage.holes import Reason, explain, reasons, source_text
from sim.coverage.verilog import without_uncounted
from sim.model import Stalls
from spikeforge.errors import SpikeforgeError

ROOT = Path(hw.__file__).parent.parent


def line_of(file, text):
    """Number of the only line of a source file that contains a text."""
    lines = (ROOT / file).read_text().splitlines()
    (number,) = [n for n, line in enumerate(lines, start=1) if text in line]
    return number


FIRE = line_of("hw/fire.py", "def elaborate") + 1
VERILOG = f"""module shell (clk);
  input wire clk;
endmodule
(* src = "hw/fire.py:{FIRE}" *)
module \\accelerator.a.fire (clk, values__0, \\o$7 , tied);
  input clk;
  wire clk;
  input [1:0] values__0;
  wire [1:0] values__0;
  wire [1:0] values__1;
  input [2:0] \\o$7 ;
  wire [2:0] \\o$7 ;
  wire \\o$7.last ;
  wire [1:0] \\o$7.level ;
  wire o;
  wire tied;
  reg sf_mark_1 ;
  reg \\$1 ;
  always @* begin
    if (a) begin
      sf_mark_1 = 1'h1;
    end else begin
      sf_mark_2 = 1'h1;
    end
  end
  (* src = "hw/fire.py:12" *)
  assign \\$1  = a ? b : c;
  assign tied = 1'h0;
endmodule
// mark 0 - - hw/fire.py:10
// mark 1 hw/fire.py:20 case0 hw/fire.py:21 hw/layer.py:22
// mark 2 hw/fire.py:20 else hw/fire.py:23
"""


def entry(count, **fields):
    """A line of coverage.dat."""
    keys = {"line": "l", "kind": "t", "comment": "o", "covered": "S"}
    text = "".join(f"\1{keys[name]}\2{value}" for name, value in fields.items())
    return f"C '\1f\2shell.v{text}\1h\2shell.top' {count}\n"


def verilog_line(text):
    return VERILOG.splitlines().index(text) + 1


def toggles(net, edges):
    line = verilog_line(net)
    return "".join(
        entry(count, line=line, kind="toggle", comment=comment) for comment, count in edges.items()
    )


def names(points, kind):
    return {point.name: count for point, count in points.items() if point.kind == kind}


def test_a_block_counts_for_its_branch_and_its_lines():
    then, other = verilog_line("      sf_mark_1 = 1'h1;"), verilog_line("      sf_mark_2 = 1'h1;")
    counts = "# SystemC::Coverage-3\n"
    counts += entry(3, line=then - 1, kind="branch", comment="if", covered=f"{then - 1}-{then}")
    counts += entry(0, line=then - 1, kind="branch", comment="else", covered=f"7,{other}-{other}")
    assert points_of(counts, VERILOG) == {
        Point("branch", "hw/fire.py", "20 case0"): 3, Point("line", "hw/fire.py", "21"): 3,
        Point("line", "hw/layer.py", "22"): 3, Point("branch", "hw/fire.py", "20 else"): 0,
        Point("line", "hw/fire.py", "23"): 0,
    }  # fmt: skip


def test_both_sides_of_a_mux_are_branches_of_its_line():
    line = verilog_line("  assign \\$1  = a ? b : c;")
    counts = entry(4, line=line, kind="branch", comment="cond_then", covered=str(line))
    counts += entry(0, line=line, kind="branch", comment="cond_else", covered=str(line))
    found = points_of(counts, VERILOG)
    assert names(found, "branch") == {"12 mux then": 4, "12 mux else": 0}


def test_toggles_go_by_class_net_and_bit_and_arrays_are_one_net():
    counts = toggles("  wire [1:0] values__0;", {"values__0[1]:0->1": 2, "values__0[1]:1->0": 0})
    counts += toggles("  wire [1:0] values__1;", {"values__1[1]:0->1": 5})
    counts += toggles("  wire \\o$7.last ;", {"o__024__07__02elast:1->0": 1})
    assert names(points_of(counts, VERILOG), "toggle") == {
        "Fire.values__#[1] rise": 7, "Fire.values__#[1] fall": 0, "Fire.o.last[0] fall": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "net",
    ["  wire [2:0] \\o$7 ;", "  wire o;", "  reg sf_mark_1 ;", "  reg \\$1 ;"],
)
def test_verilator_makes_no_points_of_copies_records_markers_and_results(net):
    assert points_of(toggles(net, {"net[0]:0->1": 1}), VERILOG) == {}
    assert f"/*verilator coverage_off*/{net}" in without_uncounted(VERILOG)


@pytest.mark.parametrize("net", ["  wire tied;", "  input wire clk;"])
def test_constants_and_the_shell_of_the_measurement_do_not_count(net):
    assert points_of(toggles(net, {"net[0]:0->1": 1}), VERILOG) == {}


def test_bits_that_wiring_ties_to_a_constant_are_found():
    assigns = [("\\probe.read", "probe[1]"), ("probe[2:1]", "2'h2"), ("probe[0]", "\\$4 [0]"),
               ("wide", "{ 1'h0, low[1:0] }"), ("copy", "\\wide "), ("\\$4 ", "a & b")]  # fmt: skip
    widths = {"probe.read": 1, "probe": 3, "$4": 1, "wide": 3, "copy": 3, "low": 2, "a": 1, "b": 1}
    assert constant_bits(assigns, widths) == {
        ("probe.read", 0), ("probe", 1), ("probe", 2), ("wide", 2), ("copy", 2),
    }  # fmt: skip


def test_leaving_points_out_changes_no_line_and_no_name():
    quiet = without_uncounted(VERILOG)
    assert [line.replace("/*verilator coverage_off*/", "").replace("/*verilator coverage_on*/", "")
            for line in quiet.splitlines()] == VERILOG.splitlines()  # fmt: skip
    counts = toggles("  wire [1:0] \\o$7.level ;", {"o[1]:0->1": 1})
    assert points_of(counts, quiet) == points_of(counts, VERILOG) != {}


def test_verilog_by_hand_is_named_by_its_own_lines():
    text = (ROOT / "hw/ram.v").read_text()
    verilog = "module shell (clk);\nendmodule\n" + text
    wanted = line_of("hw/ram.v", "word = mem[wa];")
    counts = entry(1, line=wanted + 1, kind="branch", comment="if", covered=f"{wanted + 2}")
    found = points_of(counts, verilog)
    assert names(found, "line") == {str(wanted): 1}
    assert names(found, "branch") == {f"{wanted - 1} if": 1}
    assert {point.file for point in found} == {"hw/ram.v"}


def test_one_network_covers_a_point_for_all(tmp_path):
    one, two, three = (Point("line", "hw/fire.py", str(n)) for n in (9, 10, 11))
    merged = Merged()
    assert merged.add("random 1", {one: 4, two: 0}) == 1
    assert merged.add("random 2", {one: 1, two: 2, three: 0}) == 1
    assert merged.holes() == [three]
    merged.save(tmp_path / "record.json")
    assert Merged.load(tmp_path / "record.json") == merged
    assert merged.points[one] == (2, 2)
    assert merged.points[two] == (2, 1)


def test_a_record_of_other_sources_is_refused(tmp_path):
    merged = Merged()
    merged.sources = "0123"
    merged.save(tmp_path / "record.json")
    with pytest.raises(SpikeforgeError, match="other sources in hw/; delete it or name another"):
        Merged.load(tmp_path / "record.json")


def test_a_reason_matches_the_source_line_wherever_it_stands():
    number = line_of("hw/fire.py", "def elaborate")
    hole, other = (Point("branch", "hw/fire.py", f"{number} {side}") for side in ("else", "case0"))
    assert source_text(hole) == "def elaborate(self, platform: Any) -> Module: else"
    known = [Reason("branch", "hw/fire.py", r"def elaborate.* else$", "never")]
    assert explain([hole, other], known) == {hole: "never"}


def test_a_hole_needs_a_reason(tmp_path):
    path = tmp_path / "holes.toml"
    path.write_text('[[hole]]\nkind = "line"\nfile = "hw/fire.py"\npoint = "x"\nreason = " "\n')
    with pytest.raises(SpikeforgeError, match="needs kind, file, point and reason"):
        reasons(path)


def test_every_known_reason_is_about_a_line_that_exists():
    for reason in reasons():
        lines = (ROOT / reason.file).read_text().splitlines()
        if reason.kind != "toggle":
            sides = ("", " else", *(f" case{n}" for n in range(9)), " mux then", " mux else", " if")
            texts = [line.strip() + side for line in lines for side in sides]
            assert any(re.search(reason.point, text) for text in texts), reason


def test_a_real_accelerator_is_counted_by_what_its_images_do(tiny_case, tmp_path):
    network, config = tiny_case.network, tiny_case.config
    blank = np.zeros_like(tiny_case.levels[:2])
    few = cover(network, config, blank, None, tmp_path, disturb=False)
    many = cover(network, config, tiny_case.levels, Stalls(seed=3), tmp_path)
    assert few.keys() == many.keys()
    fires = Point("line", "hw/fire.py", str(line_of("hw/fire.py", "eq(base + lane)")))
    assert few[fires] == 0 < many[fires]
    wrong_crc = line_of("hw/loader.py", "with m.If(~right):")
    refused = Point("branch", "hw/loader.py", f"{wrong_crc} case0")
    assert few[refused] == 0 < many[refused]
