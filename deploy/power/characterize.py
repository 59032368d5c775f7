"""From the Liberty files of IHP SG13G2 to the numbers of its technology profile.

Energies of an access or a clock cycle are sums over both edges of the clock pin: the rising edge
carries the work, the falling edge is zero in the macros' tables but not in the flip-flop's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deploy.power.liberty import Edge, Library, attribute, pin_of, reading
from spikeforge.errors import SpikeforgeError

__all__ = ["FAN_OUT", "SLEW_NS", "WIRE_LOAD", "characterize"]

SLEW_NS = 0.174
FAN_OUT = 2.0
CLOCK_FAN_OUT = 20.0
WIRE_LOAD = "30k"
_PREFIX = "sg13g2_"
_CELLS = {"xor2": "xor2_1", "nand2": "nand2_1", "and2": "and2_1", "mux2": "mux2_1"}
_FLIP_FLOP = "dfrbpq_1"
_READ = "A_MEN & !A_WEN & A_REN"
_WRITE = "A_MEN & A_WEN & !A_REN"
_IDLE = "!A_MEN & !A_WEN & !A_REN"

Entry = dict[str, Any]


def characterize(cells: Library, macros: Sequence[Library]) -> Entry:
    """Read everything that the profile takes from Liberty files.

    Args:
        cells: The standard cells.
        macros: The memory macros, one a file, of the same voltage and temperature.

    Returns:
        The profile's tables ``operating``, ``clock_maximum``, ``wire``, ``logic``, ``macros``,
        ``notes`` and ``sources`` as plain data.

    Raises:
        SpikeforgeError: If a cell or a table is missing, or the operating points differ.
    """
    point = _operating(cells)
    found = []
    for library in macros:
        if _operating(library) != point:
            raise SpikeforgeError(
                f"{library.file}: is for {_operating(library)}, but {cells.file} for {point}; "
                "give files of one corner"
            )
        with reading(library):
            found.append(_macro(library))
    found.sort(key=lambda entry: (entry["ports"], entry["name"]))
    with reading(cells):
        tables = {
            "operating": _operating_table(cells),
            "clock_maximum": _maximum_clock(cells, found),
            "wire": _wire(cells),
            "logic": _logic(cells),
        }
    return {
        **tables,
        "macros": found,
        "notes": _leakage_notes(found),
        "sources": [{"file": lib.file, "sha256": lib.sha256} for lib in (cells, *macros)],
    }


def _operating(library: Library) -> str:
    with reading(library):
        voltage = float(attribute(library.group, "nom_voltage") or 0)
        temperature = float(attribute(library.group, "nom_temperature") or 0)
    return f"{voltage:g} V, {temperature:g} C"


def _operating_table(cells: Library) -> Entry:
    corner = attribute(cells.group, "default_operating_conditions") or "not named"
    return {
        "corner": corner,
        "voltage": _q(float(attribute(cells.group, "nom_voltage") or 0), "V",
                      f"{cells.file}: nom_voltage"),
        "temperature": _q(float(attribute(cells.group, "nom_temperature") or 0), "C",
                          f"{cells.file}: nom_temperature"),
    }  # fmt: skip


def _wire(cells: Library) -> Entry:
    """Wire capacitance by the library's own wire-load model."""
    for model in cells.group.get_groups("wire_load"):
        if str(model.args[0]).strip('"') == WIRE_LOAD:
            break
    else:
        raise SpikeforgeError(f"{cells.file}: has no wire_load model {WIRE_LOAD!r}")
    points = np.array(model.get_attributes("fanout_length"), dtype=float)
    unit = float(attribute(model, "capacitance") or 0)
    net = float(np.interp(FAN_OUT, points[:, 0], points[:, 1])) * unit
    sink = float(np.interp(CLOCK_FAN_OUT, points[:, 0], points[:, 1])) * unit / CLOCK_FAN_OUT
    where = f"{cells.file}: wire_load {WIRE_LOAD} (assumed model), fanout_length x capacitance"
    return {
        "net": _q(net, "pF", f"{where} at fan-out {FAN_OUT:g}, interpolated"),
        "clock_per_sink": _q(sink, "pF", f"{where} at fan-out 20, divided by 20"),
    }


def _logic(cells: Library) -> Entry:
    pins = [_input_pf(cells.cell(_PREFIX + name)) for name in _CELLS.values()]
    load = _wire(cells)["net"]["value"] + FAN_OUT * float(np.mean(pins))
    table: Entry = {kind: _cell(cells, _PREFIX + name, load) for kind, name in _CELLS.items()}
    table["flip_flop"] = _flip_flop(cells, load)
    return table


def _cell(cells: Library, name: str, load_pf: float) -> Entry:
    cell = cells.cell(name)
    output = next(p for p in cell.get_groups("pin") if attribute(p, "direction") == "output")
    where = f"{cells.file}: {name}"
    return {
        "internal": _q(
            cells.output_energy(output, SLEW_NS, load_pf), "pJ",
            f"{where}, internal_power of the output, mean of all arcs and of rise and fall, "
            f"at slew {SLEW_NS} ns and load {load_pf:.5f} pF",
        ),
        "input_pin": _q(_input_pf(cell), "pF", f"{where}, capacitance, mean of the input pins"),
        "leakage": _leakage(cells, cell, where),
        "area": _q(float(cell["area"]), "um2", f"{where}, area"),
    }  # fmt: skip


def _input_pf(cell: Any) -> float:
    pins = [p for p in cell.get_groups("pin") if attribute(p, "direction") == "input"]
    return float(np.mean([float(p["capacitance"]) for p in pins]))


def _leakage(library: Library, cell: Any, where: str) -> Entry:
    stated = library.leakage(cell)
    if stated is None:
        raise SpikeforgeError(f"{where}: states no cell_leakage_power; a full library is needed")
    return _q(stated, "nW", f"{where}, cell_leakage_power")


def _flip_flop(cells: Library, load_pf: float) -> Entry:
    """Clock energy with stable data, and what a change of the stored bit adds to it.

    A change: the data pin moves while the clock is high, the falling edge then finds data and
    output apart, and the output moves at the next rising edge, whose stable-data energy is not
    spent (the table states 0 for it).
    """
    name = _PREFIX + _FLIP_FLOP
    cell = cells.cell(name)
    clock, data, output = pin_of(cell, "CLK"), pin_of(cell, "D"), pin_of(cell, "Q")

    def edge(kind: Edge, *whens: str) -> float:
        return float(np.mean([cells.energy(clock, kind, when, SLEW_NS) for when in whens]))

    stable = ("D * RESET_B * Q", "!D * RESET_B * !Q")
    apart = ("!D * RESET_B * Q", "D * RESET_B * !Q")
    moved = float(np.mean([cells.energy(data, kind, "CLK", SLEW_NS) for kind in Edge]))
    fall, rise = edge(Edge.FALL, *stable), edge(Edge.RISE, *stable)
    toggle = (
        cells.output_energy(output, SLEW_NS, load_pf)
        + edge(Edge.RISE, *apart) - rise + moved + edge(Edge.FALL, *apart) - fall
    )  # fmt: skip
    where = f"{cells.file}: {name}"
    at = f"at slew {SLEW_NS} ns"
    return {
        "clock": _q(rise + fall, "pJ", f"{where}, internal_power of CLK, rise + fall with D = Q, "
                    f"reset inactive, mean over Q = 0 and Q = 1, {at}"),
        "toggle": _q(toggle, "pJ", f"{where}, internal_power of Q, of D while CLK is high, and of "
                     f"CLK with D and Q apart less with D = Q; means of both directions, {at} and "
                     f"load {load_pf:.5f} pF"),
        "clock_pin": _q(float(clock["capacitance"]), "pF", f"{where}, capacitance of CLK"),
        "leakage": _leakage(cells, cell, where),
        "area": _q(float(cell["area"]), "um2", f"{where}, area"),
    }  # fmt: skip


def _macro(library: Library) -> Entry:
    cell = library.group.get_groups("cell")[0]
    memory = cell.get_groups("memory")
    if not memory:
        raise SpikeforgeError(f"{library.file}: has no memory() group; is it a memory macro?")
    clocks = [str(p.args[0]) for p in cell.get_groups("pin")]
    clock = pin_of(cell, "A_CLK")

    def access(when: str) -> Entry:
        energy = sum(library.energy(clock, kind, when) for kind in Edge)
        return _q(energy, "pJ", f"{library.file}: internal_power of A_CLK when {when}, rise + fall")

    entry = {
        "name": str(cell.args[0]),
        "ports": 2 if "B_CLK" in clocks else 1,
        "width_bits": int(memory[0]["word_width"]),
        "depth": 1 << int(memory[0]["address_width"]),
        "read": access(_READ),
        "write": access(_WRITE),
        "idle": access(_IDLE),
        "clock_pin": _q(float(clock["capacitance"]), "pF", f"{library.file}: capacitance of A_CLK"),
        "area": _q(float(cell["area"]), "um2", f"{library.file}: area"),
        "access": _q(_access_ns(cell), "ns", f"{library.file}: longest cell_rise or cell_fall of "
                     "A_DOUT over all slews and loads of its tables"),
    }  # fmt: skip
    stated = library.leakage(cell)
    if stated is not None:
        entry["leakage"] = _q(stated, "nW", f"{library.file}: cell_leakage_power")
    return entry


def _access_ns(cell: Any) -> float:
    timings = pin_of(cell, "A_DOUT", "bus").get_groups("timing")
    return max(
        float(t.get_group(kind).get_array("values").max())
        for t in timings
        for kind in ("cell_rise", "cell_fall")
    )


def _leakage_notes(macros: Sequence[Entry]) -> list[str]:
    """Say so where the stated leakage is nothing but a figure a bit, times the bits."""
    notes = []
    for ports in (1, 2):
        known = [m for m in macros if m["ports"] == ports and "leakage" in m]
        per_bit = [m["leakage"]["value"] * 1e3 / (m["width_bits"] * m["depth"]) for m in known]
        if len(per_bit) > 1 and max(per_bit) < 1.001 * min(per_bit):
            notes.append(
                f"the leakage stated for all {len(known)} macros with {ports} port(s) is "
                f"{per_bit[0]:.2f} pW a bit whatever their shape: decoders and sense amplifiers "
                "may not be in it"
            )
    return notes


def _maximum_clock(cells: Library, macros: Sequence[Entry]) -> Entry:
    """The clock at which the slowest macro's data still reaches a flip-flop directly."""
    data = pin_of(cells.cell(_PREFIX + _FLIP_FLOP), "D")
    setup = max(
        float(t.get_group(kind).get_array("values").max())
        for t in data.get_groups("timing")
        if attribute(t, "timing_type") == "setup_rising"
        for kind in ("rise_constraint", "fall_constraint")
    )
    slowest = max(macros, key=lambda macro: macro["access"]["value"])
    period = slowest["access"]["value"] + setup
    return _q(
        1e3 / period, "MHz",
        f"1 / ({slowest['access']['value']:g} ns access of {slowest['name']}, the slowest macro, + "
        f"{setup:g} ns longest setup of {_PREFIX}{_FLIP_FLOP}); an upper bound for the memories, "
        "logic not included",
    )  # fmt: skip


def _q(value: float, unit: str, source: str) -> Entry:
    return {"value": float(f"{value:.6g}"), "unit": unit, "source": source}
