"""The clock tree, which synthesis does not make: estimated from how many pins each clock reaches.

Each clock net gets leaf buffers for 20 pins each, and above them buffers for 20 buffers each. A
pulse charges and discharges the pins, the wires to them, and every buffer on the way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from deploy.power.gate.cells import Cell
from deploy.power.gate.kit import Kit
from deploy.power.gate.netlist import Netlist

__all__ = ["FAN_OUT", "ClockNet", "clock_net_energies"]

FAN_OUT = 20
"""Pins, or buffers, behind one buffer (an assumption)."""


@dataclass(frozen=True, kw_only=True)
class ClockNet:
    """One net of a clock, between its gate and the pins.

    Attributes:
        pins: Clock pins that it reaches, by the block of their cell.
        buffers: How many buffers are estimated.
        pulse_pj: Energy of one pulse, everything between the gate and the pins included.
        leakage_nw: Of the buffers.
    """

    pins: Counter[str]
    buffers: int
    pulse_pj: float
    leakage_nw: float


def clock_net_energies(netlist: Netlist, kit: Kit, nets: list[int]) -> dict[int, ClockNet]:
    """Estimate every clock net of a netlist."""
    buffer = kit.library.cell(kit.technology.buffer)
    pins: dict[int, Counter[str]] = {net: Counter() for net in nets}
    load: dict[int, float] = dict.fromkeys(nets, 0.0)
    for instance in netlist.instances:
        cell = kit.library.cell(instance.cell)
        for name, net in instance.nets.items():
            if net in pins and cell.pins[name].is_input:
                pins[net][instance.block] += 1
                load[net] += cell.pins[name].capacitance_pf
    return {net: _estimate(pins[net], load[net], buffer, kit) for net in nets}


def _estimate(pins: Counter[str], load_pf: float, buffer: Cell, kit: Kit) -> ClockNet:
    count = pins.total()
    buffers, layer = 0, count
    while layer > 1 and count > 1:
        layer = -(-layer // FAN_OUT)
        buffers += layer
    wire_pf = kit.wire.at(FAN_OUT) / FAN_OUT * (count + buffers)
    own_pf = buffers * buffer.inputs[0].capacitance_pf
    volts = kit.library.voltage_v
    each_pf = (load_pf + wire_pf + own_pf) / buffers if buffers else 0.0
    switched = (load_pf + wire_pf + own_pf) * volts**2  # both edges of a pulse
    internal = buffers * _pulse_pj(buffer, kit.technology.slew_ns, each_pf)
    return ClockNet(
        pins=pins, buffers=buffers, pulse_pj=switched + internal,
        leakage_nw=buffers * (buffer.leakage_nw or 0.0),
    )  # fmt: skip


def _pulse_pj(buffer: Cell, slew_ns: float, load_pf: float) -> float:
    """Internal energy of a buffer for a rise and a fall."""
    total = 0.0
    for arc in buffer.outputs[0].power:
        for table in (arc.rise, arc.fall):
            total += table.at(slew_ns, load_pf) if table else 0.0
    return total
