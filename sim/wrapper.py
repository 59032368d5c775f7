"""What Verilator gets for a batch: the accelerator in a shell that lets it work less.

Three things cost a compiled model time, and change nothing in what the accelerator computes:

- A clock cycle takes two calls, one for each edge. In the copy for batches **both edges count**
  (``edge`` for ``posedge``), so a cycle is one call. Clock-gating cells have a variant for it
  (``hw/icg.v``), chosen by a macro.
- Everything that hangs on an input is evaluated in each call. Reset, the load stream and the
  result's ready reach far; the shell passes them on a cycle later, through registers of its own.
  The load stream never stalls (hw.loader), and in a batch the result is always taken.
- Probes depend on inputs, and would be read after the edge; the shell keeps them for a cycle.

All other ports go straight through. cocotb runs the Verilog as it is, and must give the same.
"""

from __future__ import annotations

import re

from hw.interface import Interface
from hw.verilog import TOP

__all__ = ["WRAPPER_TOP", "batch_verilog"]

WRAPPER_TOP = "shell"
_DELAYED = ("rst", "load__payload", "load__valid", "result__ready")
_EDGE = re.compile(r"posedge (\w*clk)\b")


def batch_verilog(interface: Interface, verilog: str) -> str:
    """Text of the shell and, in it, of the accelerator whose Verilog is given."""
    assert _EDGE.search(verilog)
    return "`define SPIKEFORGE_BOTH_EDGES\n" + _shell(interface) + _EDGE.sub(r"edge \1", verilog)


def _shell(interface: Interface) -> str:
    declared, connected, registers = [], [], []
    for port in interface.ports:
        kind = "input" if port.is_input else "output"
        size = f"[{port.width - 1}:0]"
        inner = port.name
        if port.name in _DELAYED:
            inner = f"{port.name}_later"
            registers.append(f"  reg {size} {inner} = 0;")
            registers.append(f"  always @(edge clk) {inner} <= {port.name};")
        elif port.name.startswith("probe_"):
            inner, kind = f"{port.name}_now", "output reg"
            registers.append(f"  wire {size} {inner};")
            registers.append(f"  always @(edge clk) {port.name} <= {inner};")
        declared.append(f"  {kind} {'' if kind.endswith('reg') else 'wire '}{size} {port.name}")
        connected.append(f"    .{port.name}({inner})")
    return (
        f"module {WRAPPER_TOP} (\n" + ",\n".join(declared) + "\n);\n"
        + "\n".join(registers) + f"\n  {TOP} accelerator_0 (\n" + ",\n".join(connected)
        + "\n  );\nendmodule\n\n"
    )  # fmt: skip
