"""Clock gating: a block's clock runs only while the block says that it has something to do.

Each gated block gets a clock domain of its own behind a clock-gating cell (``icg.v``), which the
technology replaces by its own. What the accelerator does in which cycle stays the same.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from amaranth import ClockDomain, ClockSignal, DomainRenamer, Instance, Module, ResetSignal, Signal
from amaranth.hdl import Value

__all__ = ["add_gated", "gating_verilog"]

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
    cleared = Signal(name=f"{name}_cleared")
    m.d.sync += cleared.eq(clear)
    m.d.comb += domain.rst.eq(ResetSignal())
    m.submodules[f"_icg_{name}"] = Instance(
        _CELL,
        i_clk=ClockSignal(),
        i_enable=ResetSignal() | (clear & ~cleared) | active,
        o_gated=domain.clk,
    )
