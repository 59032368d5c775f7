"""Reading whole cells from Liberty files, each when it is first asked for.

A standard-cell library has hundreds of cells with megabytes of tables, of which a design uses a
few dozen; so a file is cut into its cells by their brackets, and a cell is parsed on demand.
Everything is turned into ns, pF, pJ and nW.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from deploy.power.gate.cells import Cell
from deploy.power.gate.convert import Scale, cell_from_group
from deploy.power.gate.wire import WireLoad
from deploy.power.liberty import LEAKAGE_NW, attribute, parsed, reading_file, unpacked_text
from spikeforge.errors import SpikeforgeError, nearest

__all__ = ["CellFile", "CellLibrary", "read_cells"]

_CELL = re.compile(r"\bcell\s*\(\s*\"?\s*([\w.$]+)\s*\"?\s*\)\s*\{")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TIME_NS = {"1ps": 1e-3, "10ps": 1e-2, "100ps": 1e-1, "1ns": 1.0}
_UNIT_PF = {"pf": 1.0, "ff": 1e-3}


@dataclass
class CellFile:
    """One Liberty file, cut into cells.

    Attributes:
        file: Its name without ``.gz``.
        sha256: Of its text.
        text: Whole text without comments.
        group: The library without its cells, parsed.
        scale: Factors from its units to ours.
        spans: Where each cell's text lies.
    """

    file: str
    sha256: str
    text: str
    group: Any
    scale: Scale
    spans: dict[str, tuple[int, int]]
    _cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def voltage_v(self) -> float:
        """Nominal supply."""
        return self.scale.voltage_v

    @property
    def temperature_c(self) -> float:
        """Nominal temperature."""
        return float(attribute(self.group, "nom_temperature") or 25.0)

    @property
    def corner(self) -> str:
        """Name of the operating conditions."""
        return attribute(self.group, "default_operating_conditions") or "not named"

    def cell(self, name: str) -> Cell:
        """One cell; parsed at the first call."""
        if name not in self._cells:
            begin, end = self.spans[name]
            group = parsed(self.text[begin:end], self.file)
            self._cells[name] = cell_from_group(group, self.group, self.scale, self.file)
        return self._cells[name]

    @cached_property
    def wire_loads(self) -> dict[str, WireLoad]:
        """Wire-load models by name."""
        found = {}
        for model in self.group.get_groups("wire_load"):
            name = str(model.args[0]).strip('"')
            unit = float(attribute(model, "capacitance") or 0) * self.scale.cap_pf
            points = sorted(
                (int(fan_out), float(length) * unit)
                for fan_out, length, *_ in model.get_attributes("fanout_length")
            )
            slope = float(attribute(model, "slope") or 0) * unit
            found[name] = WireLoad(f"{self.file}: wire_load {name}", tuple(points), slope)
        return found


def read_cells(path: Path) -> CellFile:
    """Read one Liberty file, gzipped or not.

    Raises:
        SpikeforgeError: If it cannot be read, is not whole, or has units that are not understood.
    """
    raw = unpacked_text(path)
    text = _COMMENT.sub(" ", raw)
    if text.count("{") != text.count("}") or "library" not in text[:100_000]:
        raise SpikeforgeError(
            f"{path}: not a whole Liberty file (its brackets do not close); fetch it again"
        )
    spans = dict(_spans(text))
    if not spans:
        raise SpikeforgeError(f"{path}: has no cells; is it a Liberty file of cells or memories?")
    begins = sorted(spans.values())
    head, at = [], 0
    for begin, end in begins:
        head.append(text[at:begin])
        at = end
    head.append(text[at:])
    name = path.name.removesuffix(".gz")
    group = parsed("".join(head), name)
    with reading_file(name):
        file = CellFile(
            file=name, sha256=hashlib.sha256(raw.encode()).hexdigest(), text=text, group=group,
            scale=_scale(group, path), spans=spans,
        )  # fmt: skip
        if not (math.isfinite(file.temperature_c) and file.wire_loads is not None):
            raise ValueError(f"nom_temperature {file.temperature_c:g}")
        return file


def _spans(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    at = 0
    while found := _CELL.search(text, at):
        depth, end = 1, found.end()
        while depth and end < len(text):
            closing = text.find("}", end)
            depth += text.count("{", end, closing) - 1
            end = closing + 1
        yield found[1], (found.start(), end)
        at = end


def _scale(group: Any, path: Path) -> Scale:
    stated = [str(part).strip('"').lower() for part in group.get_attribute("capacitive_load_unit")
              or ()]  # fmt: skip
    time = attribute(group, "time_unit")
    leakage = attribute(group, "leakage_power_unit")
    if len(stated) != 2 or stated[1] not in _UNIT_PF:
        raise SpikeforgeError(f"{path}: capacitive_load_unit must be in pf or ff, not {stated}")
    if attribute(group, "voltage_unit") != "1V":
        raise SpikeforgeError(f"{path}: voltage_unit must be 1V")
    if time not in _TIME_NS:
        raise SpikeforgeError(f"{path}: time_unit must be one of {', '.join(_TIME_NS)}, not {time}")
    if leakage not in LEAKAGE_NW:
        raise SpikeforgeError(
            f"{path}: leakage_power_unit must be one of {', '.join(LEAKAGE_NW)}, not {leakage}"
        )
    voltage = float(attribute(group, "nom_voltage") or 0)
    if not 0 < voltage < math.inf:
        raise SpikeforgeError(f"{path}: nom_voltage must be above 0, not {voltage:g}")
    return Scale(
        time_ns=_TIME_NS[time], cap_pf=float(stated[0]) * _UNIT_PF[stated[1]],
        leakage_nw=LEAKAGE_NW[leakage], voltage_v=voltage, slew_span=_slew_span(group, path),
    )  # fmt: skip


def _slew_span(group: Any, path: Path) -> float:
    """Between the thresholds of a transition, over what the file's numbers are derated by."""
    low, high = (float(attribute(group, f"slew_{end}_threshold_pct_rise") or default)
                 for end, default in (("lower", 20.0), ("upper", 80.0)))  # fmt: skip
    derate = float(attribute(group, "slew_derate_from_library") or 1.0)
    if not (0 <= low < high <= 100 and derate > 0):
        raise SpikeforgeError(
            f"{path}: slew thresholds must rise from 0 to 100 and the derating be above 0, not "
            f"{low:g}, {high:g} and {derate:g}"
        )
    return (high - low) / 100.0 / derate


class CellLibrary:
    """The files of a technology together.

    Args:
        files: Of one corner.

    Raises:
        SpikeforgeError: If they are of different corners.
    """

    def __init__(self, files: Sequence[CellFile]):
        first = files[0]
        for other in files[1:]:
            same = (other.voltage_v, other.temperature_c) == (first.voltage_v, first.temperature_c)
            if not same:
                raise SpikeforgeError(
                    f"{other.file}: is for {other.voltage_v:g} V, {other.temperature_c:g} C, but "
                    f"{first.file} for {first.voltage_v:g} V, {first.temperature_c:g} C; give "
                    "files of one corner"
                )
        self.files = tuple(files)
        self._added: dict[str, Cell] = {}
        self._where = {name: one for one in files for name in one.spans}

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def add(self, cell: Cell) -> None:
        """Add a cell that no file has."""
        self._added[cell.name] = cell

    @property
    def names(self) -> list[str]:
        """All cells."""
        return list(self._where)

    @property
    def voltage_v(self) -> float:
        """Supply of all files."""
        return self.files[0].voltage_v

    def cell(self, name: str) -> Cell:
        """One cell.

        Raises:
            SpikeforgeError: If no file has it.
        """
        if name in self._added:
            return self._added[name]
        if name not in self._where:
            raise SpikeforgeError(
                f"{self.files[0].file}: has no cell {name}{nearest(name, self._where)}"
            )
        return self._where[name].cell(name)

    def cells(self) -> Iterator[Cell]:
        """Every cell, parsed one after the other."""
        for name in self._where:
            yield self.cell(name)
