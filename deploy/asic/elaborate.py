"""What the written Verilog is to a synthesis: elaborated by Yosys, flat, checked, and counted."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.asic.design import TOP
from deploy.asic.pdk import Pdk
from deploy.yosys import run_yosys
from hw.memory.sg13g2 import sg13g2_black_boxes
from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically

__all__ = ["BLACK_BOXES", "Elaborated", "black_boxes", "elaborate", "read_netlist"]

BLACK_BOXES = "black_boxes.v"
_FLIP_FLOP = re.compile(r"\$(?:[as]|al|ad|sd)?dff(?:sr)?(?:e|ce)?$")
_LATCH = re.compile(r"\$(?:[as]d|d)?latch(?:sr)?$")
_MACRO = re.compile(r"RM_IHPSG13_")


@dataclass(frozen=True)
class Elaborated:
    """A flat design, before any mapping to cells.

    Attributes:
        macros: Module of each macro by the path of its instance, as flows name it.
        gates: Clock-gating cells.
        flip_flops: Bits of registers, memories left out.
        memories: Words and bits a word of each memory that becomes registers, by its path.
    """

    macros: dict[str, str]
    gates: int
    flip_flops: int
    memories: dict[str, tuple[int, int]]

    @property
    def memory_bits(self) -> int:
        """Bits of memory that become registers."""
        return sum(depth * width for depth, width in self.memories.values())

    @property
    def macro_counts(self) -> Counter[str]:
        """Macros by name."""
        return Counter(self.macros.values())


def black_boxes(files: Mapping[str, str], pdk: Pdk) -> str:
    """Empty modules of what the kit brings, for checks alone."""
    gate = pdk.gate
    return (
        "/* verilator lint_off UNDRIVEN */\n/* verilator lint_off DECLFILENAME */\n"
        f"module {gate.name} (input wire {gate.clock}, input wire {gate.enable}, "
        f"output wire {gate.gated});\nendmodule\n" + sg13g2_black_boxes("\n".join(files.values()))
    )


def elaborate(folder: Path, names: Iterable[str], pdk: Pdk) -> Elaborated:
    """Elaborate the Verilog files of those names in a folder, beside :data:`BLACK_BOXES`.

    Raises:
        SpikeforgeError: If Yosys refuses them, finds wires without a driver or with several,
            latches, or macros that are not there.
    """
    write_atomically(folder / "elaborate.ys", _script(names))
    try:
        run_yosys(folder, "elaborate.ys")
    except SpikeforgeError as error:
        why, _, _ = str(error).partition("; all it said")  # in a log that goes with the folder
        raise SpikeforgeError(f"the written Verilog cannot be elaborated: {why}") from None
    return read_netlist(json.loads((folder / "elaborated.json").read_text()), pdk)


def _script(names: Iterable[str]) -> str:
    steps = [
        f"read_verilog -sv -lib {BLACK_BOXES}",
        *(f"read_verilog -sv -defer -noautowire {name}" for name in names),
        f"hierarchy -check -top {TOP}", "proc -norom", "flatten -noscopeinfo", "opt_clean -purge",
        "memory_collect", "opt_clean -purge", "check -assert", "write_json elaborated.json",
    ]  # fmt: skip
    return "\n".join(steps) + "\n"


def read_netlist(netlist: dict[str, Any], pdk: Pdk) -> Elaborated:
    """Count what is in a flat design.

    Raises:
        SpikeforgeError: If it has latches.
    """
    cells = netlist["modules"][TOP]["cells"]
    latches = [name for name, cell in cells.items() if _LATCH.match(cell["type"])]
    if latches:
        raise SpikeforgeError(
            f"the written Verilog must have no latches beside clock gates, but has {len(latches)}, "
            f"the first at {latches[0]}"
        )
    return Elaborated(
        macros={n: cell["type"] for n, cell in sorted(cells.items()) if _MACRO.match(cell["type"])},
        gates=sum(cell["type"] == pdk.gate.name for cell in cells.values()),
        flip_flops=sum(
            _number(cell, "WIDTH") for cell in cells.values() if _FLIP_FLOP.match(cell["type"])
        ),
        memories={
            name: (_number(cell, "SIZE"), _number(cell, "WIDTH"))
            for name, cell in sorted(cells.items()) if cell["type"] == "$mem_v2"
        },
    )  # fmt: skip


def _number(cell: dict[str, Any], parameter: str) -> int:
    return int(cell["parameters"][parameter], 2)
