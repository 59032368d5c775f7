"""The accelerator's own Verilog module inside a larger design."""

from __future__ import annotations

from amaranth import Instance, Module, Signal

from hw.interface import Interface
from hw.verilog import TOP

__all__ = ["add_accelerator"]


def add_accelerator(m: Module, outside: Interface) -> dict[str, Signal]:
    """Add the module as it is generated and verified on its own; returns its ports by name."""
    ports, connections = {}, {}
    for port in outside.ports:
        ports[port.name] = Signal(port.width, name=f"{TOP}_{port.name}")
        connections[f"{'i' if port.is_input else 'o'}_{port.name}"] = ports[port.name]
    m.submodules[TOP] = Instance(TOP, **connections)
    return ports
