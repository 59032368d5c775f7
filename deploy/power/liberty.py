"""Reading Liberty files: the few facts about cells that a technology profile needs.

Energies in Liberty are stated per edge of a pin, in the unit capacitance times voltage squared;
with pF and V, which are the only units accepted here, that is pJ.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from spikeforge.errors import SpikeforgeError

__all__ = [
    "LEAKAGE_NW", "Edge", "Library", "attribute", "condition", "parsed", "pin_of", "read_library",
    "reading", "reading_file", "table_at", "unpacked_text",
]  # fmt: skip

_MAX_BYTES = 64 << 20
LEAKAGE_NW = {"1pW": 1e-3, "1nW": 1.0, "1uW": 1e3, "1mW": 1e6}


class Edge(StrEnum):
    """A pin's transition."""

    RISE = "rise_power"
    FALL = "fall_power"


@dataclass(frozen=True, kw_only=True)
class Library:
    """One parsed Liberty file.

    Attributes:
        file: File name without folder and without ``.gz``.
        sha256: Hash of the unpacked text.
        group: The parser's top group.
        leakage_nw: Factor from the file's leakage unit to nW.
    """

    file: str
    sha256: str
    group: Any
    leakage_nw: float

    def cell(self, name: str) -> Any:
        """Return a cell's group.

        Raises:
            SpikeforgeError: If the library has no such cell.
        """
        for cell in self.group.get_groups("cell"):
            if _plain(cell.args[0]) == name:
                return cell
        raise SpikeforgeError(f"{self.file}: has no cell {name}; is this the right library?")

    def leakage(self, cell: Any) -> float | None:
        """Static power of a cell in nW; None where it is not stated, or stated as zero."""
        value = attribute(cell, "cell_leakage_power")
        return float(value) * self.leakage_nw if value is not None and float(value) else None

    def energy(self, pin: Any, edge: Edge, when: str, slew_ns: float = 0.0) -> float:
        """Internal energy in pJ of one edge of an input pin under a condition.

        Raises:
            SpikeforgeError: If the file has no power table for it.
        """
        wanted = condition(when)
        for group in pin.get_groups("internal_power"):
            stated = attribute(group, "when")
            if stated is not None and condition(stated) == wanted:
                return table_at(group.get_group(edge.value), slew_ns, 0.0)
        name = _plain(pin.args[0])
        raise SpikeforgeError(
            f"{self.file}: pin {name} has no power table for {when!r}; "
            "a Liberty file with power tables is needed"
        )

    def output_energy(self, pin: Any, slew_ns: float, load_pf: float) -> float:
        """Internal energy in pJ of an output transition, mean over all arcs and both edges.

        Raises:
            SpikeforgeError: If the file has no power tables for this pin.
        """
        values = [
            table_at(group.get_group(edge.value), slew_ns, load_pf)
            for group in pin.get_groups("internal_power")
            if _plain(attribute(group, "related_pin") or "") != "RESET_B"
            for edge in Edge
        ]
        if not values:
            raise SpikeforgeError(
                f"{self.file}: pin {_plain(pin.args[0])} has no power tables; "
                "a Liberty file with power tables is needed"
            )
        return float(np.mean(values))


def read_library(path: Path) -> Library:
    """Read one Liberty file, gzipped or not.

    Raises:
        SpikeforgeError: If it cannot be read or understood, or uses other units than pF and V.
    """
    text = unpacked_text(path)
    group = parsed(text, str(path))
    library = Library(
        file=path.name.removesuffix(".gz"),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        group=group,
        leakage_nw=1.0,
    )
    with reading(library):
        return replace(library, leakage_nw=_units(group, path))


def parsed(text: str, where: str) -> Any:
    """Parse Liberty text; the parser's top group comes back.

    Raises:
        SpikeforgeError: If it cannot be understood, or the parser is not installed.
    """
    try:
        from liberty.parser import parse_liberty
        from liberty.tokenized import ParserError
    except ImportError:
        raise SpikeforgeError(
            "reading Liberty files needs the package liberty-parser; "
            "install it with: pip install liberty-parser"
        ) from None
    try:
        return parse_liberty(text)
    except (ParserError, AssertionError, IndexError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise SpikeforgeError(
            f"{where}: not a whole Liberty file ({reason}); fetch it again"
        ) from None


def reading(library: Library) -> AbstractContextManager[None]:
    """:func:`reading_file` for a library's file."""
    return reading_file(library.file)


@contextmanager
def reading_file(file: str) -> Iterator[None]:
    """Turn what a damaged file does to the parser's containers into one line that names the file.

    Raises:
        SpikeforgeError: If the body finds an attribute missing, or something that is no number.
    """
    try:
        yield
    except (
        AssertionError,
        AttributeError,
        KeyError,
        StopIteration,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error).split())[:120] or "nothing there"
        raise SpikeforgeError(
            f"{file}: a table or attribute is missing or no number ({reason}); fetch the file again"
        ) from None


def unpacked_text(path: Path) -> str:
    """Text of a file, gzipped or not.

    Raises:
        SpikeforgeError: If it cannot be read, or is too large.
    """
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise SpikeforgeError(f"{path}: larger than {_MAX_BYTES >> 20} MiB unpacked")
        text: str = raw.decode()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise SpikeforgeError(f"{path}: cannot be read ({error}); fetch it again") from None
    return text


def _units(group: Any, path: Path) -> float:
    capacitance = [_plain(part) for part in group.get_attribute("capacitive_load_unit") or ()]
    voltage = attribute(group, "voltage_unit")
    leakage = attribute(group, "leakage_power_unit")
    if [part.lower() for part in capacitance] not in (["1", "pf"], ["1.0", "pf"]):
        raise SpikeforgeError(f"{path}: capacitive_load_unit must be (1,pf), not {capacitance}")
    if voltage != "1V":
        raise SpikeforgeError(f"{path}: voltage_unit must be 1V, not {voltage}")
    if leakage not in LEAKAGE_NW:
        raise SpikeforgeError(
            f"{path}: leakage_power_unit must be one of {', '.join(LEAKAGE_NW)}, not {leakage}"
        )
    return LEAKAGE_NW[leakage]


def attribute(group: Any, name: str) -> str | None:
    """A simple attribute as plain text, or None."""
    values = group.get_attributes(name)
    return _plain(values[0]) if values else None


def condition(text: str) -> frozenset[str]:
    """A conjunction such as ``A_MEN & !A_WEN`` as the set of its literals.

    A condition that is no conjunction comes back as one literal, which equals no conjunction.
    """
    bare = re.sub(r"[\s()]", "", text)
    if re.search(r"[|+^]", bare):
        return frozenset({bare})
    return frozenset(re.findall(r"!?\w+", bare))


def pin_of(cell: Any, name: str, kind: str = "pin") -> Any:
    """A pin (or bus) of a cell; the name is one of the technology's own."""
    for pin in cell.get_groups(kind):
        if _plain(pin.args[0]) == name:
            return pin
    raise SpikeforgeError(f"cell {_plain(cell.args[0])} has no {kind} {name}")


def table_at(group: Any, slew_ns: float, load_pf: float) -> float:
    """Interpolate a power table (scalar, over slew, or over slew and load), clamped at its ends."""
    if group is None:
        raise SpikeforgeError("a power group without a rise or fall table; fetch the file again")
    stated = group.get_attribute("values")
    if len(stated) == 1 and isinstance(stated[0], int | float):
        return float(stated[0])
    values = group.get_array("values")
    if values.size == 1:
        return float(values.reshape(-1)[0])
    slews = group.get_array("index_1").reshape(-1)
    if values.shape[0] == 1:
        return float(np.interp(slew_ns, slews, values[0]))
    loads = group.get_array("index_2").reshape(-1)
    at_load = [float(np.interp(load_pf, loads, row)) for row in values]
    return float(np.interp(slew_ns, slews, at_load))


def _plain(value: object) -> str:
    return str(getattr(value, "value", value)).strip('"').strip()
