"""Cells for memories that a technology has no macros for: CACTI's figures as a library cell."""

from __future__ import annotations

import re
from collections.abc import Mapping

from deploy.power.cacti import CACTI_SOURCE, GUARD, energy_factor, stand_in
from deploy.power.gate.cells import Cell, Pin, PowerArc, State, StateKind, TimingArc
from deploy.power.gate.expression import Expression
from deploy.power.gate.kit import Kit
from deploy.power.gate.netlist import MEMORY, Netlist
from deploy.power.gate.table import Table
from deploy.power.gate.technology import CactiNode, GateTechnology

__all__ = ["LEAST_BITS", "add_memory_cells", "memory_notes"]

LEAST_BITS = 2048
"""Smaller memories become flip-flops."""
_NAME = re.compile(rf"{MEMORY}_(\d+)x(\d+)$")


def add_memory_cells(kit: Kit, netlist: Netlist) -> None:
    """Add a cell to the kit's library for each size of memory that a netlist has."""
    for name, numbers in netlist.cells.items():
        found = _NAME.match(name)
        if found and kit.technology.stand_in is not None:
            pins = netlist.instances[numbers[0]].nets
            node, factor = kit.technology.stand_in, _factor(kit.technology.stand_in, kit.technology)
            kit.library.add(_cell(name, int(found[1]), int(found[2]), pins, node, factor))


def memory_notes(kit: Kit) -> tuple[str, ...]:
    """What the report says of the memories."""
    node, technology = kit.technology.stand_in, kit.technology
    if node is None:
        return ()
    factor = _factor(node, technology)
    return (
        f"memories of {LEAST_BITS} bits or more: no macros with power tables in this technology; "
        f"{CACTI_SOURCE}, {node.node_nm} nm, energy times {factor:.3g} for {technology.node_nm} nm "
        f"at {technology.volts:g} V (Stillmaker and Baas 2017); silicon may need "
        f"{GUARD:g} times as much; access times are CACTI's own, leakage is in the range below",
    )


def _factor(node: CactiNode, technology: GateTechnology) -> float:
    there = energy_factor(technology.node_nm, technology.volts)
    return there / energy_factor(node.node_nm, node.volts)


def _cell(
    name: str, width: int, depth: int, nets: Mapping[str, int], node: CactiNode, factor: float
) -> Cell:
    """A memory as a cell: energies on its clock, by what it is asked for."""
    one = stand_in(width, depth, node.node_nm)
    reads = Expression("pin", "re")
    enables = tuple(Expression("pin", pin) for pin in nets if pin.split("[")[0] == "we")
    writes = enables[0] if len(enables) == 1 else Expression("|", parts=enables)
    arcs = tuple(
        PowerArc(related="", when=Expression("&", parts=parts), rise=_scalar(energy * factor),
                 fall=None)
        for parts, energy in (
            ((reads, _not(writes)), one.read_pj), ((_not(reads), writes), one.write_pj),
            ((reads, writes), one.read_pj + one.write_pj),
        )
    )  # fmt: skip
    delay = _scalar(one.access_ns)
    out = TimingArc(related="clk", kind="rising_edge", sense="", delays=(delay, delay),
                    transitions=(_scalar(0.05), _scalar(0.05)))  # fmt: skip
    pins = {
        pin: Pin(
            name=pin, is_input=pin.split("[")[0] != "rd", capacitance_pf=0.0, function=None,
            power=arcs if pin == "clk" else (),
            timing=(out,) if pin.split("[")[0] == "rd" else (), most_load_pf=0.0,
        )
        for pin in nets
    }  # fmt: skip
    state = State(kind=StateKind.MEMORY, clock=Expression("pin", "clk"), data=Expression("0"))
    return Cell(
        name=name, file=CACTI_SOURCE, area_um2=one.area_mm2 * 1e6, pins=pins, state=state,
        leakage_nw=None, leakage_when=(), may_be_used=True,
    )  # fmt: skip


def _not(one: Expression) -> Expression:
    return Expression("!", parts=(one,))


def _scalar(value: float) -> Table:
    return Table((0.0,), (0.0,), ((value,),))
