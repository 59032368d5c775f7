"""From a parsed Liberty group to a cell's data, in ns, pF, pJ and nW."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy.power.gate.cells import Cell, Pin, PowerArc, State, StateKind, TimingArc
from deploy.power.gate.expression import Expression, parse_expression
from deploy.power.gate.table import Table
from deploy.power.liberty import attribute, reading_file

__all__ = ["Scale", "cell_from_group"]

_BITS = re.compile(r"(\w+)\[(\d+)(?::(\d+))?\]$")
_SECOND = ("total_output_net_capacitance", "constrained_pin_transition")
"""What stands second in a table, wherever the file has it: the load, or a constraint's own pin."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Factors from a file's units.

    Attributes:
        time_ns, cap_pf, leakage_nw: Of one unit of the file.
        voltage_v: Supply; an energy unit is capacitance times voltage unit squared.
        slew_span: Of :class:`deploy.power.gate.cells.Cell`.
    """

    time_ns: float
    cap_pf: float
    leakage_nw: float
    voltage_v: float
    slew_span: float = 1.0


def cell_from_group(group: Any, library: Any, scale: Scale, file: str) -> Cell:
    """Turn one parsed cell into data.

    Raises:
        SpikeforgeError: If something in it is missing or no number; the file is named.
    """
    name = _plain(group.args[0])
    with reading_file(file):
        converter = _Converter(library, scale)
        pins = {pin.name: pin for pin in converter.pins(group)}
        leakage, states = converter.leakage(group)
        return Cell(
            name=name, file=file, area_um2=float(attribute(group, "area") or 0), pins=pins,
            state=_state(group, pins), leakage_nw=leakage, leakage_when=states,
            may_be_used=attribute(group, "dont_use") != "true", slew_span=scale.slew_span,
        )  # fmt: skip


class _Converter:
    """Knows the library's templates and units."""

    def __init__(self, library: Any, scale: Scale):
        self._scale = scale
        self._templates = {
            _plain(template.args[0]): template
            for kind in ("lu_table_template", "power_lut_template")
            for template in library.get_groups(kind)
        }

    def pins(self, cell: Any) -> Iterator[Pin]:
        for group in cell.get_groups("pin"):
            for name in group.args:
                yield from self._bits(_plain(name), [group])
        for bus in cell.get_groups("bus"):
            inner = bus.get_groups("pin")
            named = [(_plain(pin.args[0]), pin) for pin in inner]
            width = [int(bit) for name, _ in named for bit in _range(name)]
            for bit in sorted(set(width)):
                own = [pin for name, pin in named if bit in _range(name)]
                yield self._pin(f"{_plain(bus.args[0])}[{bit}]", [*own, bus])

    def _bits(self, name: str, groups: list[Any]) -> Iterator[Pin]:
        kind = attribute(groups[0], "direction")
        if kind in ("input", "output", "inout"):
            yield self._pin(name, groups)

    def _pin(self, name: str, groups: list[Any]) -> Pin:
        """A pin; of several groups (a bit, its bus) the first that states something counts."""

        def stated(what: str) -> str | None:
            return next((v for g in groups if (v := attribute(g, what)) is not None), None)

        function = stated("function") or stated("state_function")
        return Pin(
            name=name,
            is_input=stated("direction") == "input",
            capacitance_pf=float(stated("capacitance") or 0) * self._scale.cap_pf,
            function=parse_expression(function) if function else None,
            power=tuple(
                arc for g in groups for one in g.get_groups("internal_power")
                for arc in self._power(one)
            ),
            timing=tuple(
                arc for g in groups for one in g.get_groups("timing") for arc in self._timing(one)
            ),
            most_load_pf=float(stated("max_capacitance") or 0) * self._scale.cap_pf,
        )  # fmt: skip

    def _power(self, group: Any) -> Iterator[PowerArc]:
        energy = self._scale.cap_pf  # times V squared: pJ
        when = attribute(group, "when")
        both = self._table(_one(group, "power"), energy)
        for related in (attribute(group, "related_pin") or "").split() or [""]:
            yield PowerArc(
                related=related,
                when=parse_expression(when) if when else None,
                rise=both or self._table(_one(group, "rise_power"), energy),
                fall=both or self._table(_one(group, "fall_power"), energy),
                supply=attribute(group, "related_pg_pin") or "",
            )

    def _timing(self, group: Any) -> Iterator[TimingArc]:
        time = self._scale.time_ns
        kind = attribute(group, "timing_type") or "combinational"
        names = ("rise_constraint", "fall_constraint")
        if _one(group, "cell_rise") is not None or _one(group, "cell_fall") is not None:
            names = ("cell_rise", "cell_fall")
        delays = tuple(self._table(_one(group, name), time) for name in names)
        transitions = tuple(
            self._table(_one(group, name), time) for name in
            ("rise_transition", "fall_transition")
        )  # fmt: skip
        for related in (attribute(group, "related_pin") or "").split():
            yield TimingArc(
                related=related, kind=kind, sense=attribute(group, "timing_sense") or "",
                delays=(delays[0], delays[1]), transitions=(transitions[0], transitions[1]),
            )  # fmt: skip

    def _table(self, group: Any, unit: float) -> Table | None:
        if group is None:
            return None
        stated = group.get_attribute("values")
        if len(stated) == 1 and isinstance(stated[0], int | float):  # no array, a number
            return Table((0.0,), (0.0,), ((float(stated[0]) * unit,),))
        values = group.get_array("values") * unit
        if values.size == 1:
            return Table((0.0,), (0.0,), ((float(values.reshape(-1)[0]),),))
        template = self._templates.get(_plain(group.args[0])) if group.args else None
        axes = [attribute(template, f"variable_{n}") for n in (1, 2)] if template else []
        points = [self._index(group, template, n) for n in (1, 2)]
        if axes and axes[0] in _SECOND:
            loads, slews = points
            grid = values.reshape(len(loads), -1).T
        else:
            slews, loads = points
            grid = values.reshape(len(slews), -1)
        second = self._scale.time_ns if "constrained_pin_transition" in axes else self._scale.cap_pf
        return Table(
            tuple(value * self._scale.time_ns for value in slews) or (0.0,),
            tuple(value * second for value in loads) or (0.0,),
            tuple(tuple(float(value) for value in row) for row in grid),
        )

    def _index(self, group: Any, template: Any, number: int) -> list[float]:
        for one in (group, template):
            if one is not None and one.get_attributes(f"index_{number}"):
                return [float(v) for v in one.get_array(f"index_{number}").reshape(-1)]
        return []

    def leakage(self, cell: Any) -> tuple[float | None, tuple[tuple[Expression, float], ...]]:
        unit = self._scale.leakage_nw
        whole = float(attribute(cell, "cell_leakage_power") or 0) * unit
        states: dict[str, float] = {}
        for group in cell.get_groups("leakage_power"):
            when, value = attribute(group, "when"), float(attribute(group, "value") or 0) * unit
            if when is None:
                whole = max(whole, value)
            else:
                states[when] = states.get(when, 0.0) + value  # supplies add up
        found = tuple((parse_expression(when), value) for when, value in states.items())
        if not whole and found:
            whole = sum(value for _, value in found) / len(found)
        return whole or None, found


def _one(group: Any, name: str) -> Any:
    """The first inner group of a kind, or None."""
    found = group.get_groups(name)
    return found[0] if found else None


def _range(name: str) -> range:
    found = _BITS.match(name)
    if found is None:
        return range(0)
    ends = int(found[2]), int(found[3] or found[2])
    return range(min(ends), max(ends) + 1)


def _state(group: Any, pins: dict[str, Pin]) -> State | None:
    """How the cell keeps a bit, if it does."""
    if group.get_groups("memory"):
        port = next(name for name in ("A_CLK", "clk0", "CLK") if name in pins)
        nothing = Expression("0")
        return State(kind=StateKind.MEMORY, clock=Expression("pin", port), data=nothing)
    if attribute(group, "clock_gating_integrated_cell"):
        return _clock_gate(pins, str(attribute(group, "clock_gating_integrated_cell")))
    for kind, clock, data in (("ff", "clocked_on", "next_state"), ("latch", "enable", "data_in")):
        for own in group.get_groups(kind):
            names = [_plain(part) for part in own.args]
            stated = [attribute(own, what) for what in (clock, data, "clear", "preset")]
            if stated[0] is None or stated[1] is None:
                continue
            found = [parse_expression(text) if text else None for text in stated]
            assert found[0] is not None
            assert found[1] is not None
            return State(
                kind=StateKind.FLIP_FLOP if kind == "ff" else StateKind.LATCH,
                names=(names[0], names[1] if len(names) > 1 else ""), clock=found[0],
                data=found[1], clear=found[2], preset=found[3],
            )  # fmt: skip
    return None


def _clock_gate(pins: dict[str, Pin], kind: str) -> State | None:
    """A latch and an AND in one cell; those with another polarity are not used."""
    if not kind.startswith("latch_posedge"):
        return None
    inputs = [pin.name for pin in pins.values() if pin.is_input]
    clock = next((name for name in ("CLK", "CK", "CP") if name in inputs), None)
    if clock is None:
        return None
    enables = tuple(Expression("pin", name) for name in inputs if name != clock)
    data = enables[0] if len(enables) == 1 else Expression("|", parts=enables)
    return State(kind=StateKind.CLOCK_GATE, clock=Expression("pin", clock), data=data)


def _plain(value: object) -> str:
    return str(getattr(value, "value", value)).strip('"').strip()
