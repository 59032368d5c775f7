"""From the accelerator's Verilog to a flat netlist of library cells, by Yosys and ABC."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.power.gate.cells import Cell
from deploy.power.gate.kit import Kit
from deploy.power.gate.memories import LEAST_BITS
from deploy.power.gate.netlist import MEMORY
from deploy.power.liberty import unpacked_text
from deploy.yosys import run_yosys
from hw.verilog import TOP
from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.progress import progress

__all__ = ["BLOCK_DEPTH", "clock_gate_map", "synthesize_netlist"]

BLOCK_DEPTH = 2
"""Levels of the hierarchy that stay apart during synthesis, so that each block has its cells."""
_MACRO = re.compile(r"^module (RM_\w+) \(.*?^\);", re.MULTILINE | re.DOTALL)
_MODULE = re.compile(rf"^module \\?({TOP}[\w.]*)", re.MULTILINE)
_GATE = re.compile(r"^// An integrated clock-gating cell.*", re.MULTILINE | re.DOTALL)
_CHECKS = re.compile(r"\b((?:probe|tap)_\w+)")
_ICG = "(* blackbox *)\nmodule spikeforge_icg(input clk, input enable, output gated);\nendmodule\n"


def synthesize_netlist(
    verilog: str, kit: Kit, period_ns: float, folder: Path, *, register_gating: bool = True
) -> Path:
    """Synthesize; returns the netlist as JSON, which stays in the folder.

    Args:
        verilog: Of the accelerator, with clock-gating cells.
        kit: The library.
        period_ns: Clock period that ABC aims at.
        folder: Where to work.
        register_gating: Registers with a common enable get a clock gate.

    Raises:
        SpikeforgeError: If Yosys fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gating = _register_gating(kit) if register_gating else []
    liberties = []
    for number, path in enumerate(kit.paths):
        name = f"cells{number}.lib"
        write_atomically(folder / name, unpacked_text(path))
        liberties.append(name)
    stubs = _ICG + "".join(
        f"(* blackbox *)\n{found[0]}\nendmodule\n" for found in _MACRO.finditer(verilog)
    )
    write_atomically(folder / "black_boxes.v", stubs)
    text = _memories_apart(_GATE.sub("", verilog), kit)
    write_atomically(folder / "accelerator.v", text)
    write_atomically(folder / "clock_gate.v", clock_gate_map(kit))
    load = 4 * max(pin.capacitance_pf for pin in kit.library.cell(kit.technology.driver).inputs)
    write_atomically(
        folder / "abc.constr",
        f"set_driving_cell {kit.technology.driver}\nset_load {load * 1e3:.6g}\n",
    )
    write_atomically(folder / "synthesis.ys", _script(verilog, liberties, period_ns, gating))
    with progress("Synthesize to library cells", None):
        run_yosys(folder, "synthesis.ys")
    return folder / "netlist.json"


def _memories_apart(verilog: str, kit: Kit) -> str:
    """Generic memories that stay memories, as black boxes; the others become flip-flops."""
    begin = verilog.index(f"module {MEMORY} #(")
    end = verilog.index("endmodule", begin) + len("endmodule\n")
    module = verilog[begin:end]
    rest = verilog[:begin] + verilog[end:]

    def choose(found: re.Match[str]) -> str:
        size = [int(re.search(rf"\.{name}\(32'd(\d+)\)", found[0])[1])  # type: ignore[index]
                for name in ("WIDTH", "DEPTH")]  # fmt: skip
        keeps = kit.technology.stand_in is not None and size[0] * size[1] >= LEAST_BITS
        return found[0] if keeps else found[0].replace(MEMORY, _SMALL, 1)

    rest = re.sub(rf"\b{MEMORY} #\(.*?\n  \)", choose, rest, flags=re.DOTALL)
    head = module[: module.index(");\n", module.index(") (")) + 3]
    return rest + module.replace(MEMORY, _SMALL) + f"(* blackbox *)\n{head}endmodule\n"


_SMALL = "spikeforge_registers"


def _script(verilog: str, liberties: list[str], period_ns: float, gating: list[str]) -> str:
    files = " ".join(f"-liberty {name}" for name in liberties)
    kept = [name for name in _MODULE.findall(verilog) if name.count(".") <= BLOCK_DEPTH]
    checks = sorted(set(_CHECKS.findall(verilog[: verilog.index(");")])))
    lines = [
        "read_verilog -lib black_boxes.v",
        "read_verilog -D SYNTHESIS accelerator.v",
        *(f"delete -port {TOP}/{name}" for name in checks),  # for verification only
        f"hierarchy -check -top {TOP}",
        *(f"setattr -mod -set keep_hierarchy 1 {name}" for name in kept),
        f"synth -flatten -top {TOP}",
        *gating,
        f"dfflibmap {files}",
        f"abc {files} -D {period_ns * 1e3:.0f} -constr abc.constr",
        "opt_clean -purge",
        "techmap -map clock_gate.v",
        "setattr -mod -unset keep_hierarchy *",
        "flatten",
        "opt_clean -purge",
        "write_json netlist.json",
    ]
    return "\n".join(lines) + "\n"


def clock_gate_map(kit: Kit) -> str:
    """Verilog that puts the library's cells in place of the clock-gating cell."""
    head = "module spikeforge_icg(input clk, input enable, output gated);\n"
    if kit.clock_gate is not None:
        return f"{head}  {_gate_cell(kit.clock_gate)}\nendmodule\n"
    assert kit.latch is not None
    latch = kit.latch
    assert latch.state is not None
    inverter, both = _named(kit, "inverter"), _named(kit, "and")
    held = next(p.name for p in latch.outputs
                if p.function and p.function.pin == latch.state.names[0])  # fmt: skip
    clock, data = min(latch.state.clock.pins), min(latch.state.data.pins)
    return (
        f"{head}  wire low, kept;\n"
        f"  {inverter.name} inverter (.{_in(inverter, 0)}(clk), .{_out(inverter)}(low));\n"
        f"  {latch.name} latch (.{clock}(low), .{data}(enable), .{held}(kept));\n"
        f"  {both.name} both (.{_in(both, 0)}(clk), .{_in(both, 1)}(kept), .{_out(both)}(gated));\n"
        "endmodule\n"
    )


def _register_gating(kit: Kit) -> list[str]:
    """Flip-flops with an enable in common get a clock gate in place of multiplexers."""
    if kit.clock_gate is None:
        return []
    cell = kit.clock_gate
    clock, enable, *rest = _gate_pins(cell)
    tied = " ".join(f"-tie_lo {name}" for name in rest)
    return [
        f"clockgate -pos {cell.name} {enable}:{clock}:{_out(cell)} {tied} "
        f"-min_net_size {_LEAST_GATED}"
    ]


def _gate_pins(cell: Cell) -> list[str]:
    """Clock, enable, and what else enables (for scan: it stays 0)."""
    assert cell.state is not None
    enables = sorted(cell.state.data.pins, key=lambda name: (name not in _ENABLES, name))
    return [min(cell.state.clock.pins), *enables]


def _gate_cell(cell: Cell) -> str:
    """The library's own cell; pins for test stay 0."""
    clock, enable, *rest = _gate_pins(cell)
    pins = [f".{clock}(clk)", f".{enable}(enable)", f".{_out(cell)}(gated)"]
    pins += [f".{name}(1'b0)" for name in rest]
    return f"{cell.name} _TECHMAP_REPLACE_ ({', '.join(pins)});"


_LEAST_GATED = 4  # flip-flops behind a clock gate
_ENABLES = ("GATE", "ENA", "EN", "E")


def _named(kit: Kit, kind: str) -> Cell:
    """The smallest inverter, or AND of two."""
    wanted = {"inverter": ("!", 1), "and": ("&", 2)}[kind]
    found = [
        cell for cell in kit.library.cells()
        if cell.may_be_used and cell.state is None
        and (len(cell.outputs), len(cell.inputs)) == (1, wanted[1])
        and (function := cell.outputs[0].function) is not None and function.kind == wanted[0]
        and all(part.kind == "pin" for part in function.parts)
    ]  # fmt: skip
    if not found:
        raise SpikeforgeError(
            f"{kit.library.files[0].file}: has no {kind} to stand in for a clock gate; a whole "
            "library is needed"
        )
    return min(found, key=lambda cell: cell.area_um2)


def _in(cell: Cell, number: int) -> str:
    return cell.inputs[number].name


def _out(cell: Cell) -> str:
    return cell.outputs[0].name
