"""Constraints, LibreLane's configuration, SiliconCompiler's script, and the floorplan."""

from __future__ import annotations

import json
import re
import sys
from contextlib import nullcontext
from itertools import combinations
from types import ModuleType
from unittest.mock import MagicMock

import pytest

from deploy.asic.check_constraints import check_constraints, read_constraints
from deploy.asic.constraints import constraints, period_ns
from deploy.asic.design import chip_ports
from deploy.asic.floorplan import plan_floor
from deploy.asic.librelane import check_config
from deploy.asic.macros import footprint, macro_area_um2
from deploy.asic.pdk import PDKS, check_pdk_clock, pdk_named
from hw.interface import Port
from hw.memory.sg13g2 import MACROS
from spikeforge.errors import SpikeforgeError

KITS = ["ihp-sg13g2", "sky130"]
PORTS = (Port("clk", 1, True), Port("x", 3, True), Port("y", 1, False))
# Names and kinds of LibreLane's variables, from the declarations in its release 3.0.17.
VARIABLES = {
    "meta": dict, "DESIGN_NAME": str, "VERILOG_FILES": list, "CLOCK_PORT": str,
    "CLOCK_PERIOD": float, "PNR_SDC_FILE": str, "SIGNOFF_SDC_FILE": str, "FALLBACK_SDC": str,
    "VDD_NETS": list, "GND_NETS": list, "FP_SIZING": str, "FP_CORE_UTIL": int, "DIE_AREA": list,
    "PL_TARGET_DENSITY_PCT": int, "PDN_MACRO_CONNECTIONS": list, "MACROS": dict,
}  # fmt: skip
VIEWS = {"gds", "lef", "nl", "lib", "instances"}


@pytest.mark.parametrize("kit", KITS)
def test_constraints_name_every_port(handed_over, kit):
    handed = handed_over(kit)
    text = handed.text("constraints.sdc")
    ports = chip_ports(handed.network, handed.config)
    named = set(re.findall(r"\[get_ports \{(\w+)(?:\[\*\])?\}\]", text))
    assert named == {port.name for port in ports}
    assert "create_clock -name clk -period 20.000 [get_ports {clk}]\n" in text
    cell, pin = handed.pdk.driver
    for port in ports[1:]:
        where = f"[get_ports {{{port.name}{'[*]' if port.width > 1 else ''}}}]\n"
        if port.is_input:
            assert f"set_input_delay 4.000 -clock clk {where}" in text
            assert f"set_driving_cell -lib_cell {cell} -pin {pin} {where}" in text
        else:
            assert f"set_output_delay 4.000 -clock clk {where}" in text
            assert f"set_load {handed.pdk.load_pf:g} {where}" in text
    assert "false_path" not in text


@pytest.mark.parametrize(("mhz", "ns"), [(50.0, 20.0), (30.0, 33.333), (156.045, 6.408)])
def test_the_period_is_never_longer_than_the_clocks(mhz, ns):
    assert period_ns(mhz) == ns <= 1000 / mhz


def _good():
    return constraints(PORTS, PDKS["sky130"], 100.0)


def test_good_constraints_are_read_back():
    commands = check_constraints(_good(), PORTS, "clk")
    clock, *_ = commands
    assert (clock.name, clock.target, clock.options["-period"]) == ("create_clock", "clk", "10.000")
    (delay,) = [command for command in commands if command.name == "set_output_delay"]
    assert (delay.value, delay.target) == (2.0, "y")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (r"set_load .*\n", "", r"must have one set_load for y, not 0"),
        (r"(set_load .*\n)", r"\1\1", r"must have one set_load for y, not 2"),
        (r"x\[\*\]", "x", r"constraints, line \d+: the design has no port 'x'"),
        (r"\{y\}", "{z}", r"constraints, line \d+: the design has no port 'z'"),
        (r"output_delay 2\.0", "output_delay 12.0", r"must be within the period of 10 ns"),
        (r"create_clock", "#", r"must make one clock, on clk"),
        (r"-period \S+", "-period fast", r"line 3: 'fast' must be a number"),
        (r"set_load", "set_lode", r"must be one of create_clock, .*, not 'set_lode'"),
        (r"-pin Y", "-pins Y", r"line 6: set_driving_cell must not have '-pins' here"),
        (r"\[get_clocks \{clk\}\]", "", r"line 4: set_clock_uncertainty must name one of the"),
        (r"-early", "-early 1", r"set_timing_derate must have one value|must not have"),
    ],
)
def test_faulty_constraints_are_named(old, new, said):
    text, count = re.subn(old, new, _good(), count=1)
    assert count == 1
    if new.startswith("-early"):
        text = text.replace("-early 1", "-early 1 2 3")
    with pytest.raises(SpikeforgeError, match=said):
        check_constraints(text, PORTS, "clk")


def test_comments_and_empty_lines_are_no_commands():
    assert read_constraints("# a\n\n") == []


@pytest.mark.parametrize("kit", KITS)
def test_the_configuration_has_librelanes_variables(handed_over, kit):
    handed = handed_over(kit)
    config = json.loads(handed.text("config.json"))
    for name, value in config.items():
        assert isinstance(value, VARIABLES[name]), name
    assert config["meta"] == {"version": 2, "flow": "Classic"}
    assert (config["DESIGN_NAME"], config["CLOCK_PORT"]) == ("spikeforge_chip", "clk")
    assert config["CLOCK_PERIOD"] == 20.0
    files = [*config["VERILOG_FILES"], config["PNR_SDC_FILE"], config["SIGNOFF_SDC_FILE"]]
    for name in files:
        assert (handed.folder / name.removeprefix("dir::")).is_file()
    assert ("MACROS" in config) is (kit == "ihp-sg13g2")
    assert config["FP_SIZING"] == ("absolute" if "MACROS" in config else "relative")


def test_macros_are_the_kits_and_lie_apart_on_the_die(handed_over):
    config = json.loads(handed_over("ihp-sg13g2").text("config.json"))
    left, bottom, right, top = config["DIE_AREA"]
    boxes = []
    for name, macro in config["MACROS"].items():
        assert set(macro) == VIEWS
        corners = [view for views in macro["lib"].values() for view in views]
        views = [*macro["gds"], *macro["lef"], *macro["nl"], *corners]
        assert all(view.startswith("pdk_dir::libs.ref/sg13g2_sram/") for view in views)
        assert all(f"/{name}" in view for view in views)
        size = footprint(name)
        for path, place in macro["instances"].items():
            assert path.startswith("core.")
            assert place["orientation"] == "N"
            x, y = place["location"]
            boxes.append((x, y, x + size.width_um, y + size.height_um))
    assert len(boxes) > 2
    for x0, y0, x1, y1 in boxes:
        assert left + 39 < x0 < x1 < right - 39
        assert bottom + 39 < y0 < y1 < top - 39
    for one, two in combinations(boxes, 2):
        apart = max(one[0] - two[2], two[0] - one[2], one[1] - two[3], two[1] - one[3])
        assert apart > 35
    (pattern,) = {hook.split()[0] for hook in config["PDN_MACRO_CONNECTIONS"]}
    paths = [path for macro in config["MACROS"].values() for path in macro["instances"]]
    assert all(re.fullmatch(pattern, path) for path in paths)


def test_a_configuration_that_does_not_fit_the_design_is_found(handed_over):
    handed = handed_over("ihp-sg13g2")
    text = handed.text("config.json")
    config = json.loads(text)
    listed = {p: name for name, macro in config["MACROS"].items() for p in macro["instances"]}
    found = MagicMock(macros=listed)
    check_config(text, handed.record["files"], found)
    with pytest.raises(SpikeforgeError, match=r"names dir::rtl/accelerator\.v, which is not wri"):
        check_config(text, [], found)
    first = min(listed)
    found.macros = {**listed, first: "RM_OTHER"}
    with pytest.raises(SpikeforgeError, match=rf"differ in their macros, first in {first[:-3]}"):
        check_config(text, handed.record["files"], found)


def test_the_floor_has_room_for_the_cells():
    macros = {f"core.bank{n}": "RM_IHPSG13_1P_64x64_c2_bm_bist" for n in range(5)}
    for cells in (0.0, 1e5, 4e6):
        floor = plan_floor(macros, cells)
        lowest = min(y for _, y in floor.places.values())
        assert floor.width_um * lowest * 0.4 >= cells


@pytest.mark.parametrize("cell", [cell for same in MACROS.values() for cell in same],
                         ids=lambda cell: cell.name)  # fmt: skip
def test_a_macros_footprint_has_the_area_of_its_liberty_file(cell):
    size = footprint(cell.name)
    assert size.width_um * size.height_um == pytest.approx(cell.area_um2, rel=1e-5)
    assert macro_area_um2(cell.name) == cell.area_um2


@pytest.fixture
def silicon_compiler(monkeypatch):
    """SiliconCompiler as far as the script calls it: what it adds is kept."""
    kept = {"files": [], "libraries": [], "targets": []}

    class Library:
        def __init__(self):
            self.mock = MagicMock()

        def set_name(self, name):
            self.name = name

        def active_dataroot(self, name):
            return nullcontext()

        def active_fileset(self, name):
            return nullcontext()

        def add_file(self, name):
            kept["files"].append(name)

        def __getattr__(self, name):
            return getattr(self.mock, name)

    def project(design):
        made = MagicMock()
        made.add_asiclib = lambda library: kept["libraries"].append(library.name)
        return made

    def design(name):
        made = Library()
        made.set_name(name)
        kept["design"] = made
        return made

    def module(name, **members):
        made = ModuleType(name)
        made.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, made)

    module("siliconcompiler", ASIC=project, Design=design)
    module("siliconcompiler.targets", **{
        name: lambda project, name=name: kept["targets"].append(name)
        for name in ("ihp130_demo", "skywater130_demo")
    })  # fmt: skip
    module("lambdapdk", LambdaLibrary=Library)
    module("lambdapdk.ihp130", IHP130PDK=MagicMock())
    return kept


@pytest.mark.parametrize("kit", KITS)
def test_the_script_makes_a_project_of_the_files_and_macros(handed_over, kit, silicon_compiler):
    handed = handed_over(kit)
    space = {"__name__": "script", "__file__": str(handed.folder / "run_siliconcompiler.py")}
    exec(handed.text("run_siliconcompiler.py"), space)
    space["make_project"]()
    own = [name for name in silicon_compiler["files"] if not name.startswith(("ihp-", "lambdapdk"))]
    assert own[-1] == "constraints.sdc"
    assert sorted(own[:-1]) == sorted(n for n in handed.record["files"] if n.endswith(".v"))
    assert silicon_compiler["targets"] == [handed.pdk.target]
    macros = [macro["name"] for macro in handed.record["macros"]]
    assert silicon_compiler["libraries"] == macros
    for name in macros:
        views = [view for view in silicon_compiler["files"] if f"/{name}" in view]
        assert len(views) == 5  # LEF, GDS, three corners
    silicon_compiler["design"].mock.set_topmodule.assert_called_once_with("spikeforge_chip")


def test_kits_have_their_own_clocks():
    assert check_pdk_clock(pdk_named("ihp-sg13g2"), None) == 50.0
    assert check_pdk_clock(pdk_named("sky130"), None) == 50.0
    assert check_pdk_clock(pdk_named("sky130"), 100.0) == 100.0
