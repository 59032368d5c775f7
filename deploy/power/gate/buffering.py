"""Buffers for nets that are too heavy: what place and route would put in before anything else.

ABC sees one block at a time and each of its outputs as one load, so a net that leaves a block, or
reaches many memory pins, may end up behind a small gate. Here every net beyond the load that its
driver's library states, or beyond a fan-out, gets a tree of buffers. Clocks have their own tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from deploy.power.gate.cells import StateKind
from deploy.power.gate.kit import Kit
from deploy.power.gate.netlist import ONE, Instance, Netlist
from deploy.power.gate.waves import clock_nets

__all__ = ["MOST_SINKS", "with_buffers"]

MOST_SINKS = 16
"""Pins behind one driver or buffer."""
_SHARE = 0.6  # of the stated load, that a driver may have (macros, which are strong, have it all)

Sink = tuple[int, str]
"""Instance and pin."""


def with_buffers(netlist: Netlist, kit: Kit) -> Netlist:
    """A netlist in which no driver but those of clocks and constants is overloaded."""
    return _Buffering(netlist, kit).run()


class _Buffering:
    def __init__(self, netlist: Netlist, kit: Kit):
        self._netlist, self._kit = netlist, kit
        self._cell = kit.library.cell(kit.technology.buffer)
        self._instances = list(netlist.instances)
        self._nets = netlist.net_count

    def run(self) -> Netlist:
        clocks = clock_nets(self._netlist, self._kit.library)
        sinks = self._sinks()
        for number, instance in enumerate(self._netlist.instances):
            cell = self._kit.library.cell(instance.cell)
            for pin in cell.outputs:
                net = instance.nets.get(pin.name)
                if net is None or net <= ONE or net in clocks:
                    continue
                memory = cell.state is not None and cell.state.kind is StateKind.MEMORY
                most = pin.most_load_pf * (1.0 if memory else _SHARE)
                self._lighten(net, sinks.get(net, []), most, self._instances[number].block)
        for nets in self._netlist.inputs.values():
            for net in nets:
                if net not in clocks:
                    self._lighten(net, sinks.get(net, []), 0.0, "top")
        return replace(self._netlist, instances=tuple(self._instances), net_count=self._nets)

    def _sinks(self) -> dict[int, list[Sink]]:
        found: dict[int, list[Sink]] = {}
        for number, instance in enumerate(self._netlist.instances):
            pins = self._kit.library.cell(instance.cell).pins
            for name, net in instance.nets.items():
                if pins[name].is_input:
                    found.setdefault(net, []).append((number, name))
        return found

    def _load_pf(self, sinks: list[Sink]) -> float:
        library = self._kit.library
        pins = sum(library.cell(self._instances[n].cell).pins[name].capacitance_pf
                   for n, name in sinks)  # fmt: skip
        return pins + self._kit.wire.at(len(sinks))

    def _lighten(self, net: int, sinks: list[Sink], most_pf: float, block: str) -> None:
        """Put buffers between a net and its sinks until it is light enough; a tree, if need be."""
        while len(sinks) > 1 and (
            len(sinks) > MOST_SINKS or (most_pf and self._load_pf(sinks) > most_pf)
        ):
            groups = [sinks[n : n + MOST_SINKS] for n in range(0, len(sinks), MOST_SINKS)]
            sinks = [self._buffer(net, group, block) for group in groups]
            if len(groups) == 1:
                return

    def _buffer(self, net: int, sinks: list[Sink], block: str) -> Sink:
        """A buffer in front of some sinks; it becomes a sink of the net itself."""
        made = self._nets
        self._nets += 1
        for number, name in sinks:
            one = self._instances[number]
            self._instances[number] = replace(one, nets={**one.nets, name: made})
        number = len(self._instances)
        into, out = self._cell.inputs[0].name, self._cell.outputs[0].name
        nets: Mapping[str, int] = {into: net, out: made}
        self._instances.append(Instance(f"buffer{number}", block, self._cell.name, nets))
        return number, into
