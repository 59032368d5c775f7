"""Clock gating: a block's clock runs only while the block says that it has something to do.

Each gated block gets a clock domain of its own behind a clock-gating cell (``icg.v``), which the
technology replaces by its own. What the accelerator does in which cycle stays the same.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from amaranth import ClockDomain, ClockSignal, DomainRenamer, Instance, Module, ResetSignal, Signal
from amaranth.hdl import Value

__all__ = ["add_gated", "clock_enable", "gating_verilog"]

_CELL = "spikeforge_icg"


def gating_verilog(design: str) -> str:
    """Source text of the clock-gating cell, if a design has one."""
    return files("hw").joinpath("icg.v").read_text() if f"{_CELL} " in design else ""


def add_gated(m: Module, name: str, block: Any, *, active: Value, clear: Value) -> None:
    """Add a block as a submodule with a gated clock.

    Args:
        m: Where to add it.
        name: Name of the submodule.
        block: The block, which is reset by ``clear`` already.
        active: High in every cycle in which a register or memory of the block may change.
        clear: Resets the block while high; one cycle of it is passed on.
    """
    domain = ClockDomain(f"{name}_gated", local=True)
    m.domains += domain
    m.submodules[name] = DomainRenamer(domain.name)(block)
    m.d.comb += domain.rst.eq(ResetSignal())
    enable = clock_enable(m, name, active=active, clear=clear)
    m.submodules[f"_icg_{name}"] = Instance(
        _CELL, i_clk=ClockSignal(), i_enable=enable, o_gated=domain.clk
    )


def clock_enable(m: Module, name: str, *, active: Value, clear: Value) -> Value:
    """When the clock of a block runs; arguments as of :func:`add_gated`."""
    cleared = Signal(name=f"{name}_cleared")
    m.d.sync += cleared.eq(clear)
    return ResetSignal() | (clear & ~cleared) | active
