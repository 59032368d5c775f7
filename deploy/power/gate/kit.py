"""A technology's files, found and read, and the cells that synthesis must know by name."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.power.gate.cells import Cell, StateKind
from deploy.power.gate.library import CellFile, CellLibrary, read_cells
from deploy.power.gate.technology import GateTechnology
from deploy.power.gate.wire import WireLoad
from spikeforge.errors import SpikeforgeError

__all__ = ["Kit", "load_kit"]


@dataclass(frozen=True, kw_only=True)
class Kit:
    """A technology's files, read, and the cells that synthesis must know by name.

    Attributes:
        technology: The technology.
        paths: Liberty files of the cells (not of the macros).
        library: All cells and macros.
        wire: Capacitance of nets.
        clock_gate: Cell with a latch and an AND; None: these stand in.
        latch: Transparent while its clock pin is 1, for the stand-in.
        notes: What stands in for what.
    """

    technology: GateTechnology
    paths: tuple[Path, ...]
    library: CellLibrary
    wire: WireLoad
    clock_gate: Cell | None
    latch: Cell | None
    notes: tuple[str, ...]


def load_kit(technology: GateTechnology, liberty: Path | None) -> Kit:
    """Read the files of a technology.

    Args:
        technology: The technology.
        liberty: Folder of its files; None: where PDK managers keep them.

    Raises:
        SpikeforgeError: If files are missing, damaged, of several corners, without power tables,
            or without any flip-flop.
    """
    folders = [liberty] if liberty is not None else list(_managed(technology))
    paths = _matching(folders, technology.cells)
    if not paths:
        where = f"in {liberty}" if liberty is not None else "where ciel, volare and PDK_ROOT point"
        raise SpikeforgeError(
            f"no Liberty file {' or '.join(technology.cells)} {where}; "
            f"name the folder of {technology.title} with --liberty DIR"
        )
    macros = _matching(folders, technology.macros)
    if technology.macros and not macros:
        raise SpikeforgeError(
            f"no Liberty file of memory macros, {technology.macros[0]}, beside {paths[0]}; "
            f"put them into the same folder"
        )
    cells = [read_cells(path) for path in paths]
    library = CellLibrary([*cells, *(read_cells(path) for path in macros)])
    if library.voltage_v != technology.volts:
        raise SpikeforgeError(
            f"{cells[0].file}: is for {library.voltage_v:g} V, and {technology.title} is meant at "
            f"{technology.volts:g} V; give the files of that corner"
        )
    for name in (technology.driver, technology.buffer):
        library.cell(name)
    _check_power(cells[0], library, technology)
    gate = _smallest(cells, "clock_gating_integrated_cell", StateKind.CLOCK_GATE)
    flop = _smallest(cells, "next_state", StateKind.FLIP_FLOP)
    if flop is None:
        raise SpikeforgeError(
            f"{cells[0].file}: has no flip-flop with power tables; a whole library is needed"
        )
    latch = None if gate else _smallest(cells, "data_in", StateKind.LATCH)
    notes = []
    if gate is None:
        notes.append(
            "no clock-gating cell in the library: a latch and an AND stand in, for layers only; "
            "registers with an enable in common keep their multiplexers"
        )
    if gate is None and latch is None:
        raise SpikeforgeError(
            f"{cells[0].file}: has neither a clock-gating cell nor a latch; a library with one of "
            "them is needed"
        )
    wire, note = _wire(cells, technology)
    return Kit(
        technology=technology, paths=tuple(paths), library=library, wire=wire, clock_gate=gate,
        latch=latch, notes=(*notes, note),
    )  # fmt: skip


def _managed(technology: GateTechnology) -> Iterator[Path]:
    """Folders of PDK managers that exist."""
    roots = [os.environ.get("PDK_ROOT"), Path.home() / ".ciel", Path.home() / ".volare"]
    for root in roots:
        for folder in technology.folders:
            found = Path(root) / folder if root else None
            if found is not None and found.is_dir():
                yield found


def _matching(folders: list[Path], patterns: tuple[str, ...]) -> list[Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise SpikeforgeError(f"--liberty must be a folder with Liberty files, not {folder}")
        for path in sorted(folder.iterdir()):
            plain = path.name.removesuffix(".gz")
            if any(fnmatch.fnmatch(plain, pattern) for pattern in patterns):
                found.setdefault(plain, path)
    return list(found.values())


def _check_power(file: CellFile, library: CellLibrary, technology: GateTechnology) -> None:
    driver = library.cell(technology.driver)
    if not any(pin.power for pin in driver.outputs):
        raise SpikeforgeError(
            f"{file.file}: {driver.name} has no power tables; a Liberty file with power tables is "
            "needed"
        )


def _smallest(files: list[CellFile], word: str, kind: StateKind) -> Cell | None:
    """The smallest cell of a kind that can serve; only those with the word are parsed."""
    found = []
    for file in files:
        for name, (begin, end) in file.spans.items():
            if word in file.text[begin:end]:
                cell = file.cell(name)
                if _serves(cell, kind):
                    found.append(cell)
    return min(found, key=lambda cell: (len(cell.pins), cell.area_um2), default=None)


def _serves(cell: Cell, kind: StateKind) -> bool:
    state = cell.state
    if state is None or state.kind is not kind or not any(pin.power for pin in cell.pins.values()):
        return False
    plain = state.clock.kind == "pin"
    return plain if kind is not StateKind.LATCH else plain and state.clear is None


def _wire(files: list[CellFile], technology: GateTechnology) -> tuple[WireLoad, str]:
    if technology.wire_load is not None:
        for file in files:
            if technology.wire_load in file.wire_loads:
                model = file.wire_loads[technology.wire_load]
                return model, f"wires by {model.name}, without resistance (an assumption)"
    driver = technology.driver
    pins = [pin.capacitance_pf for file in files if driver in file.spans
            for pin in file.cell(driver).inputs]  # fmt: skip
    each = max(pins)
    model = WireLoad("as heavy as the pins", (), each)
    return model, (
        f"the library has no wire-load model: {each * 1e3:.2f} fF for each pin of a net, the input "
        f"of {driver} (an assumption)"
    )
