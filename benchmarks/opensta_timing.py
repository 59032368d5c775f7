"""Timing of a netlist by OpenSTA beside this project's own analysis of the same netlist.

Needs the program ``sta`` (Debian's package ``opensta``). Takes the folder that ``spikeforge power
--method gate`` names at its end.

Example:
    python benchmarks/opensta_timing.py FOLDER --liberty DIR
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

from deploy.power.gate.buffering import with_buffers
from deploy.power.gate.kit import load_kit
from deploy.power.gate.netlist import read_netlist
from deploy.power.gate.technology import technology_named
from deploy.power.gate.timing import analyze_timing
from deploy.power.liberty import unpacked_text
from hw.verilog import TOP
from spikeforge.files import write_atomically
from spikeforge.progress import console

PERIOD_NS = 100.0


def script(folder: Path, liberties: list[Path], wire_load: str, slew_ns: float) -> str:
    """OpenSTA's commands: the same wire-load model, slews and ideal clock as ours."""
    lines = [f"read_liberty {path}" for path in liberties]
    lines += [
        f"read_verilog {folder / 'netlist.v'}", f"link_design {TOP}",
        f"set_wire_load_model -name {wire_load}", "set_wire_load_mode top",
        f"create_clock -name clk -period {PERIOD_NS} [get_ports clk]",
        f"set_input_transition {slew_ns} [all_inputs]",
        f"set_clock_transition {slew_ns} [get_clocks clk]",
        "set_input_delay 0 -clock clk [all_inputs]",
        "report_checks -path_delay max -fields {slew cap} -digits 4",
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def main() -> None:
    """Run both and print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--liberty", type=Path, required=True, metavar="DIR")
    parser.add_argument("--technology", default="ihp-sg13g2")
    options = parser.parse_args()
    kit = load_kit(technology_named(options.technology), options.liberty)
    netlist = with_buffers(read_netlist(options.folder / "netlist.json", TOP, "clk"), kit)
    used = {kit.library.cell(name).file for name in netlist.cells}
    slew = kit.technology.slew_ns
    own = analyze_timing(netlist, kit.library, kit.wire, clock_slew_ns=slew, input_slew_ns=slew)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        liberties = []
        for path in sorted(options.liberty.iterdir()):
            plain = path.name.removesuffix(".gz")
            if plain in used:
                liberties.append(work / plain)
                write_atomically(liberties[-1], unpacked_text(path))
        wire = str(kit.technology.wire_load)
        write_atomically(work / "sta.tcl", script(options.folder, liberties, wire, slew))
        command = ["sta", "-no_splash", "-exit", str(work / "sta.tcl")]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    slack = re.search(r"(-?[\d.]+)\s+slack", said)
    console.print(said[-4000:], markup=False, highlight=False)
    console.print("Own analysis:")
    for point in own.path:
        console.print(f"  {point.arrival_ns:8.4f} ns  {point.through}", markup=False)
    if slack is None:
        raise SystemExit("OpenSTA gave no slack; what it said stands above")
    theirs = PERIOD_NS - float(slack[1])
    off = own.period_ns / theirs - 1
    console.print(f"OpenSTA {theirs:.3f} ns, own {own.period_ns:.3f} ns ({off:+.1%})")


if __name__ == "__main__":
    main()
