"""The mapped netlist as data: instances of library cells, and the nets between their pins."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically

__all__ = ["MEMORY", "ONE", "ZERO", "Instance", "Netlist", "read_netlist", "write_netlist"]

MEMORY = "spikeforge_ram"
"""A memory that no macros were found for."""
ZERO, ONE = 0, 1
"""Nets of the constants; Yosys numbers real ones from 2."""
_CONSTANTS = {"0": ZERO, "1": ONE, "x": ZERO, "z": ZERO}
_PART = re.compile(r"^[A-Za-z_]\w*$")


@dataclass(frozen=True)
class Instance:
    """One cell of the netlist.

    Attributes:
        name: Its name in the flat netlist.
        block: The part of the hierarchy that it came from, such as ``hidden1.fire``.
        cell: Name of the library cell.
        nets: Net of each pin; bits of a bus by ``NAME[3]``.
        parameters: Of a generic memory.
    """

    name: str
    block: str
    cell: str
    nets: Mapping[str, int]
    parameters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """A flat netlist.

    Attributes:
        instances: All cells.
        inputs, outputs: Nets of each port, lowest bit first.
        clock: Net of the clock port.
        net_count: Nets are numbered below this.
        names: A name for each net that has one.
    """

    instances: tuple[Instance, ...]
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    clock: int
    net_count: int
    names: Mapping[int, str]

    @cached_property
    def cells(self) -> dict[str, list[int]]:
        """Indices of the instances of each cell."""
        found: dict[str, list[int]] = {}
        for number, instance in enumerate(self.instances):
            found.setdefault(instance.cell, []).append(number)
        return found


def read_netlist(path: Path, top: str, clock: str) -> Netlist:
    """Read Yosys' JSON of a flat, mapped module.

    Args:
        path: The file.
        top: The module.
        clock: Its clock port.

    Raises:
        SpikeforgeError: If a port is driven in both directions.
    """
    module = json.loads(path.read_text())["modules"][top]
    inputs: dict[str, tuple[int, ...]] = {}
    outputs: dict[str, tuple[int, ...]] = {}
    highest = ONE
    for name, port in module["ports"].items():
        bits = tuple(_net(bit) for bit in port["bits"])
        if port["direction"] == "inout":
            raise SpikeforgeError(f"port {name} of {top} is inout; the netlist has only in and out")
        (inputs if port["direction"] == "input" else outputs)[name] = bits
        highest = max(highest, *bits)
    instances = []
    for name, cell in module["cells"].items():
        nets = {}
        for pin, bits in cell["connections"].items():
            if len(bits) == 1:
                nets[pin] = _net(bits[0])
            else:
                nets |= {f"{pin}[{n}]": _net(bit) for n, bit in enumerate(bits)}
        highest = max(highest, *nets.values())
        kind, parameters = cell["type"], {}
        if kind == MEMORY:
            parameters = {key: int(bits, 2) for key, bits in cell["parameters"].items()
                          if set(bits) <= {"0", "1"} and key != "INIT"}  # fmt: skip
            kind = f"{MEMORY}_{parameters['WIDTH']}x{parameters['DEPTH']}"
        instances.append(Instance(name, _block(name), kind, nets, parameters))
    names: dict[int, str] = {}
    for name, net in module["netnames"].items():
        for n, bit in enumerate(net["bits"]):
            if isinstance(bit, int) and (bit not in names or not net["hide_name"]):
                names[bit] = f"{name}[{n}]" if len(net["bits"]) > 1 else name
    return Netlist(
        instances=tuple(instances), inputs=inputs, outputs=outputs, clock=inputs[clock][0],
        net_count=highest + 1, names=names,
    )  # fmt: skip


def _net(bit: int | str) -> int:
    return bit if isinstance(bit, int) else _CONSTANTS[bit]


def _block(name: str) -> str:
    """Two levels of the hierarchy, as the inventory has them; ``top`` above all of it."""
    parts: list[str] = []
    for part in name.removeprefix("$flatten").replace("\\", "").split("."):
        if not _PART.match(part):
            break
        parts.append(part)
    inside = name.startswith("$flatten") or len(parts) > 1
    return ".".join(parts[:2]) if inside and parts else "top"


def write_netlist(path: Path, netlist: Netlist, top: str) -> None:
    """Write a netlist as structural Verilog, for other tools."""
    ports = [f"  {kind} [{len(nets) - 1}:0] {name}"
             for kind, found in (("input", netlist.inputs), ("output", netlist.outputs))
             for name, nets in found.items()]  # fmt: skip
    lines = [f"module {top} (", ",\n".join(ports), ");"]
    lines += [f"  wire n{net};" for net in range(netlist.net_count)]
    lines += [f"  assign n{ZERO} = 1'b0;", f"  assign n{ONE} = 1'b1;"]
    lines += [f"  assign n{net} = {name}[{bit}];" for name, nets in netlist.inputs.items()
              for bit, net in enumerate(nets)]  # fmt: skip
    lines += [f"  assign {name}[{bit}] = n{net};" for name, nets in netlist.outputs.items()
              for bit, net in enumerate(nets)]  # fmt: skip
    for number, one in enumerate(netlist.instances):
        buses: dict[str, list[tuple[int, int]]] = {}
        for pin, net in one.nets.items():
            name, _, bit = pin.partition("[")
            buses.setdefault(name, []).append((int(bit[:-1]) if bit else 0, net))
        pins = ", ".join(f".{name}({_joined(bits)})" for name, bits in buses.items())
        lines.append(f"  {one.cell} u{number} ({pins});  // {one.block}: {one.name}")
    write_atomically(path, "\n".join([*lines, "endmodule", ""]))


def _joined(bits: list[tuple[int, int]]) -> str:
    nets = [f"n{net}" for _, net in sorted(bits, reverse=True)]
    return nets[0] if len(nets) == 1 else "{" + ", ".join(nets) + "}"
