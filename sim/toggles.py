"""Counts toggles of registers and of their clock pins, in an accelerator at work and an idle one.

Verilator counts what every net does (SAIF); Amaranth's RTLIL says which nets are registers and
which clock drives each. A clock pin toggles with its clock: behind a clock-gating cell, only while
the cell passes it on.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.interface import interface
from hw.verilog import TOP, generate_rtlil, generate_verilog
from sim.items import pack_items
from sim.verilator import build_environment
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network

__all__ = ["Register", "Toggles", "count_toggles", "registers"]

_CELL = re.compile(r"^  cell (\S+) (\S+)$")
_WIDTH = re.compile(r"^    parameter \\WIDTH (\d+)$")
_CONNECT = re.compile(r"^    connect \\(CLK|Q|clk|rd) (\S+)")


Net = tuple[tuple[str, ...], str]
"""Instances from the top down, and a net's name in the innermost."""


@dataclass(frozen=True)
class Register:
    """Flip-flops with one name and one clock.

    Attributes:
        path: Instances from the top to their module.
        name: The net that they drive.
        clock: The net that clocks them.
        width: Bits.
    """

    path: tuple[str, ...]
    name: str
    clock: str
    width: int


@dataclass(frozen=True, kw_only=True)
class Toggles:
    """Toggles a cycle.

    Attributes:
        outputs: Of register outputs.
        clocks: Of registers' and memories' clock pins.
        cells: Of the clock pins of clock-gating cells, which are in none of the other two.
        flip_flops: How many register bits there are.
        unseen: Of these, bits that the simulation shows no net of (constant ones, say).
    """

    outputs: float
    clocks: float
    cells: float
    flip_flops: int
    unseen: int

    @property
    def total(self) -> float:
        """Outputs and clock pins behind clock-gating cells."""
        return self.outputs + self.clocks


def registers(text: str) -> tuple[list[Register], list[Register], list[Register]]:
    """All registers in the RTLIL of an accelerator, its memories, and its clock-gating cells."""
    modules: dict[str, list[dict[str, str]]] = {}
    cells: list[dict[str, str]] = []
    for line in text.splitlines():
        if line.startswith("module "):
            cells = modules.setdefault(line.split()[1], [])
        elif found := _CELL.match(line):
            cells.append({"kind": found[1], "name": found[2]})
        elif cells and (found := _WIDTH.match(line)):
            cells[-1]["width"] = found[1]
        elif cells and (found := _CONNECT.match(line)):
            cells[-1][found[1]] = found[2]
    flops: list[Register] = []
    memories: list[Register] = []
    gates: list[Register] = []

    def visit(module: str, path: tuple[str, ...]) -> None:
        for cell in modules[module]:
            kind = cell["kind"]
            if kind == "$dff":
                at = Register(path, _plain(cell["Q"]), _plain(cell["CLK"]), int(cell["width"]))
                flops.append(at)
            elif kind in modules:
                visit(kind, (*path, _plain(cell["name"])))
            elif kind == "\\spikeforge_icg":
                gates.append(Register(path, "", _plain(cell["clk"]), 1))
            elif kind == "\\spikeforge_ram":
                memories.append(Register(path, _plain(cell["rd"]), _plain(cell["clk"]), 1))

    visit(f"\\{TOP}", ())
    return flops, memories, gates


def _plain(name: str) -> str:
    return name.removeprefix("\\")


def count_toggles(
    network: Network, config: HardwareConfig, levels: NDArray[np.uint8], folder: Path
) -> tuple[Toggles, Toggles]:
    """Toggles a cycle at work on images, back to back, and without any.

    Args:
        network: The network.
        config: The hardware; content is loaded before anything is counted.
        levels: Encoded images, shape (B, inputs).
        folder: Where to build and to keep the SAIF files.

    Raises:
        SpikeforgeError: If the simulator cannot be built or does not finish.
    """
    text = generate_rtlil(network, config)
    program = _build(network, config, folder)
    outside = interface(network, config)
    items, _ = pack_items(
        network.input, outside.fields["events__payload"], levels, outside.marks_in
    )
    (folder / "events").write_bytes(items.astype("<u4").tobytes())
    (folder / "content").write_bytes(load_bytes(network, config))
    known = registers(text)
    # Nets that are high when counting begins are counted then; this is what to take off.
    _, first = _run(program, "idle", 0, 0)
    cycles, busy = _run(program, "busy", len(levels), 0)
    _, idle = _run(program, "idle", 0, cycles)
    busy.subtract(first)
    idle.subtract(first)
    return _sum(known, busy, cycles), _sum(known, idle, cycles)


def _build(network: Network, config: HardwareConfig, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{TOP}.v").write_text(generate_verilog(network, config))
    shift = interface(network, config).fields["load__payload"]["data"].shift
    source = files("sim").joinpath("toggles.cpp").read_text()
    constants = f"constexpr int LOAD_DATA = {shift};"
    (folder / "toggles.cpp").write_text(source.replace("// @CONSTANTS@", constants))
    command = [
        "verilator", "--cc", "--exe", "--build", "-j", "2", "--trace-saif", "--trace-underscore",
        "-Wno-fatal", "--no-assert", "--top-module", TOP, "--prefix", "Vmodel",
        "--output-split", "20000", "-CFLAGS", "-O1", "--Mdir", "obj", "-o", "toggles",
        f"{TOP}.v", "toggles.cpp",
    ]  # fmt: skip
    _call(command, folder)
    return folder / "obj" / "toggles"


def _run(program: Path, kind: str, images: int, cycles: int) -> tuple[int, Counter[Net]]:
    """Run the simulator; returns how many cycles were counted, and the toggles of each net."""
    folder = program.parent.parent
    arguments = ["toggles.saif", kind, "content", "events", str(images), str(cycles)]
    counted = int(_call([str(program), *arguments], folder))
    return counted, _read_saif(folder / "toggles.saif")


def _call(command: list[str], folder: Path) -> str:
    environment = {**build_environment(), "OPT_FAST": "-O1"}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        log = folder / "toggles.log"
        log.write_text(done.stdout + done.stderr)
        raise SpikeforgeError(f"{command[0]} failed while counting toggles; its output is in {log}")
    return done.stdout


_INSTANCE = re.compile(r"\(INSTANCE (\S+)")
_NET = re.compile(r"\((\S+?)(?:\\\[\d+\\\])? \(T0 .*\(TC (\d+)\)\)")


def _read_saif(path: Path) -> Counter[Net]:
    """Toggles of each net, all its bits together."""
    found: Counter[Net] = Counter()
    inside: list[str] = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            line = line.strip()
            net = _NET.match(line)
            if net and inside[1]:  # the outermost instance only wraps the design
                instances = tuple(name for name in inside[2:] if name)
                found[instances, net[1].replace("\\", "")] += int(net[2])
            elif instance := _INSTANCE.match(line):
                inside.append(instance[1].replace("\\", ""))
            elif line == "(NET":
                inside.append("")
            elif line == ")" and inside:
                inside.pop()
    return found


def _sum(
    known: tuple[list[Register], ...],
    nets: Counter[Net],
    cycles: int,
) -> Toggles:
    flops, memories, gates = known

    def clock(register: Register) -> int:
        return nets[register.path, register.clock] * register.width

    return Toggles(
        outputs=sum(nets[one.path, one.name] for one in flops + memories) / cycles,
        clocks=sum(map(clock, flops + memories)) / cycles,
        cells=sum(map(clock, gates)) / cycles,
        flip_flops=sum(one.width for one in flops),
        unseen=sum(one.width for one in flops if (one.path, one.name) not in nets),
    )
