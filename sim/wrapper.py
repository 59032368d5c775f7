"""A Verilog shell around the accelerator that lets Verilator work less.

Verilator evaluates everything that hangs on an input each time any input changes, twice a cycle.
Reset, the load stream and the result's ready reach far, so the shell passes them on one cycle
later, through registers of its own; all other ports go straight through. The load stream never
stalls (hw.loader), and in a batch the result is always taken, so nothing else changes.
"""

from __future__ import annotations

from hw.interface import Interface
from hw.verilog import TOP

__all__ = ["WRAPPER_TOP", "wrapper_verilog"]

WRAPPER_TOP = "shell"
_DELAYED = ("rst", "load__payload", "load__valid", "result__ready")


def wrapper_verilog(interface: Interface) -> str:
    """Text of the shell: the accelerator's ports, with the slow inputs registered."""
    declared, connected, registers = [], [], []
    for port in interface.ports:
        kind = "input" if port.is_input else "output"
        declared.append(f"  {kind} wire [{port.width - 1}:0] {port.name}")
        inner = port.name
        if port.name in _DELAYED:
            inner = f"{port.name}_later"
            registers.append(f"  reg [{port.width - 1}:0] {inner} = 0;")
            registers.append(f"  always @(posedge clk) {inner} <= {port.name};")
        connected.append(f"    .{port.name}({inner})")
    return (
        f"module {WRAPPER_TOP} (\n" + ",\n".join(declared) + "\n);\n"
        + "\n".join(registers) + f"\n  {TOP} accelerator_0 (\n" + ",\n".join(connected)
        + "\n  );\nendmodule\n"
    )  # fmt: skip
