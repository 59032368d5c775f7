"""Verilog in which every conditional block names the Python lines that made it.

Verilator counts how often each block of the Verilog runs. For a coverage figure of ``hw/`` the
blocks must lead back to Python: here every side of every ``m.If`` and ``m.Switch`` sets a marker
wire of its own, read by nothing, and a comment at the end of the file tells what its number
stands for. An ``m.If`` without ``m.Else`` gets its missing side written out. Nothing else changes,
so coverage of the marked accelerator is coverage of the accelerator. The Verilog for users has no
markers.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from amaranth.back import rtlil, verilog
from amaranth.hdl import _nir

from hw.accelerator import Accelerator
from hw.axi.accelerator import AxiAccelerator
from hw.axi.verilog import AXI_TOP
from hw.config import HardwareConfig
from hw.gating import gating_verilog
from hw.ram import ram_verilog
from hw.verilog import TOP
from spikeforge.network import Network

__all__ = ["MARKER", "marked_axi_verilog", "marked_verilog"]

MARKER = "sf_mark"
# Record fields of no bits: Verilog would take their declaration for two bits.
_EMPTY_WIRE = re.compile(r"^  wire \[-1:0\] \S+ ?;\n", re.MULTILINE)
# Nets whose toggles say nothing: markers, and results of expressions.
_NAMELESS = re.compile(rf"^(  (?:wire|reg) (?:\[\d+:0\] )?(?:\\\$|{MARKER}_)[^;]*;)$", re.MULTILINE)
_ROOT = Path(__file__).parent.parent
_ALWAYS = _nir.Net.from_const(1)


@dataclass
class _Block:
    """A block that statements go into: a case of a switch, or a whole process."""

    builder: Any
    place: str = ""
    side: str = ""
    lines: set[str] = field(default_factory=set)

    def told(self) -> str:
        """The block's entry in the table: place, side, lines."""
        return f"{self.place or '-'} {self.side or '-'} {' '.join(sorted(self.lines - {''}))}"


@dataclass
class _Level:
    """A switch that is being filled: which cell of the netlist it is, and its cases."""

    cell: int
    cases: dict[int, _Block]
    chosen: int


def marked_verilog(network: Network, config: HardwareConfig) -> str:
    """Verilog of the accelerator, with markers and their table."""
    platform = config.platform
    text, table = _convert(Accelerator(network, config), TOP, platform, 0)
    return text + "\n" + ram_verilog(text) + gating_verilog(text) + "\n".join(table) + "\n"


def marked_axi_verilog(network: Network, config: HardwareConfig) -> str:
    """Verilog of the accelerator behind AXI, with markers and their table."""
    text = marked_verilog(network, config)
    top, table = _convert(AxiAccelerator(network, config), AXI_TOP, None, text.count("// mark "))
    return text + "\n" + top + "\n".join(table) + "\n"


def _convert(component: Any, name: str, platform: Any, first: int) -> tuple[str, list[str]]:
    blocks: list[_Block] = []
    os.environ["AMARANTH_USE_YOSYS"] = "builtin"
    with patch.object(rtlil, "ModuleEmitter", _emitter(blocks, first)):
        text = verilog.convert(component, name=name, platform=platform, emit_src=True)
    table = [f"// mark {first + n} {block.told()}" for n, block in enumerate(blocks)]
    text = _EMPTY_WIRE.sub("", text)
    text = _NAMELESS.sub(r"/*verilator coverage_off*/\1/*verilator coverage_on*/", text)
    return text.replace(f"{_ROOT}/", ""), table


def _where(src_loc: Any) -> str:
    """``hw/file.py:line``, or nothing for a line that is not of this project."""
    path = Path(src_loc[0])
    return f"{path.relative_to(_ROOT)}:{src_loc[1]}" if path.is_relative_to(_ROOT / "hw") else ""


def _emitter(blocks: list[_Block], first: int) -> type:
    """Amaranth's emitter, but for the blocks; these are collected in ``blocks``."""

    class Marked(rtlil.ModuleEmitter):
        def emit_assignment_list(self, cell_idx: int, cell: Any) -> None:
            target = _nir.Value(_nir.Net.from_cell(cell_idx, n) for n in range(len(cell.default)))
            self._process = process = self.builder.process(src_loc=cell.src_loc)
            process.assign(self.sigspec(target), self.sigspec(cell.default))
            whole = self._block(process, "", "")
            levels: list[_Level] = []
            for assign in cell.assignments:
                block = self._reach(whole, levels, self._path(assign.cond))
                stop = assign.start + len(assign.value)
                block.builder.assign(
                    self.sigspec(target[assign.start : stop]), self.sigspec(assign.value)
                )
                block.lines.add(_where(assign.src_loc))
            # Behind its markers: RTLIL declares a wire before its use.
            self.builder.contents[process.name] = self.builder.contents.pop(process.name)

        def _block(self, builder: Any, place: str, side: str) -> _Block:
            """Mark a block; blocks of other projects' lines (resets) bear no number."""
            block = _Block(builder, place, side)
            if place or not side:
                # A wire for each: Yosys drops what a later assignment overrides anyway.
                marker = self.builder.wire(1, name=f"{MARKER}_{first + len(blocks)}").name
                self._process.contents.insert(0, rtlil.Assignment(marker, "1'0"))
                builder.assign(marker, "1'1")
                blocks.append(block)
            return block

        def _path(self, condition: Any) -> list[tuple[int, int]]:
            """The switches around a statement from the outermost, and the case in each."""
            path: list[tuple[int, int]] = []
            while condition != _ALWAYS:
                path.insert(0, (condition.cell, condition.bit))
                condition = self.netlist.cells[condition.cell].en
            return path

        def _reach(
            self, whole: _Block, levels: list[_Level], path: list[tuple[int, int]]
        ) -> _Block:
            """Go to a case, through switches that are open already as far as they are."""
            block = whole
            for depth, (cell, bit) in enumerate(path):
                if depth == len(levels) or levels[depth].cell != cell:
                    del levels[depth:]
                    levels.append(_Level(cell, self._open(block, cell), bit))
                elif levels[depth].chosen != bit:
                    del levels[depth + 1 :]
                    levels[depth].chosen = bit
                block = levels[depth].cases[bit]
            del levels[len(path) :]
            return block

        def _open(self, block: _Block, number: int) -> dict[int, _Block]:
            """Write a switch with all its cases, and the one in which none of them holds."""
            cell = self.netlist.cells[number]
            place = _where(cell.src_loc)
            matches = [None if net == _ALWAYS else self.netlist.cells[net.cell]
                       for net in cell.inputs]  # fmt: skip
            tested = next((match.value for match in matches if match), _nir.Value())
            switch = block.builder.switch(self.sigspec(tested))
            cases = {}
            for bit, match in enumerate(matches):
                inside = switch.case(match.patterns) if match else switch.default()
                cases[bit] = self._block(inside, place, f"case{bit}" if match else "else")
            if place and all(matches):
                self._block(switch.default(), place, "else")
            return cases

    return Marked
