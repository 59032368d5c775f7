"""Technologies that a netlist can be made in: which files, which cells play which part."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from deploy.power.gate.cells import Cell, StateKind
from deploy.power.gate.library import CellFile, CellLibrary, read_cells
from deploy.power.gate.wire import WireLoad
from hw.memory.technology import Technology
from spikeforge.errors import SpikeforgeError, nearest

__all__ = ["TECHNOLOGIES", "GateTechnology", "Kit", "load_kit", "technology_named"]


class StandInNode(NamedTuple):
    """Where CACTI's figures come from, and where they go.

    The supplies are those of CACTI's own low-standby-power cells: 1.2 V at 65 nm, 0.8 V at 22 nm.
    """

    cacti_nm: int
    cacti_volts: float
    node_nm: int
    volts: float


@dataclass(frozen=True, kw_only=True)
class GateTechnology:
    """One technology.

    Attributes:
        name, title: As the user names it, and in words.
        cells, macros: Patterns of the names of its Liberty files.
        memories: What memories are made of.
        volts: Supply of its files; None: any.
        driver: Cell that drives the inputs; the output load is four of its input.
        buffer: Cell of the clock tree.
        wire_load: Model of the library for nets; None: wires as heavy as the pins they reach.
        slew_ns: Of clocks and inputs.
        folders: Where PDK managers keep the files, below their root.
        stand_in: Node and supply that memories without macros are scaled to, from CACTI's node.
    """

    name: str
    title: str
    cells: tuple[str, ...]
    macros: tuple[str, ...] = ()
    memories: Technology = Technology.GENERIC
    volts: float | None = None
    driver: str
    buffer: str
    wire_load: str | None
    slew_ns: float
    folders: tuple[str, ...] = ()
    stand_in: StandInNode | None = None


TECHNOLOGIES = {
    one.name: one for one in (
        GateTechnology(
            name="ihp-sg13g2", title="IHP SG13G2, 130 nm, open PDK",
            cells=("sg13g2_stdcell_typ_1p20V_25C.lib",),
            macros=("RM_IHPSG13_*_typ_1p20V_25C.lib",), volts=1.2,
            memories=Technology.SG13G2, driver="sg13g2_buf_2", buffer="sg13g2_buf_8",
            wire_load="30k", slew_ns=0.174,
            folders=("ihp-sg13g2/libs.ref/sg13g2_stdcell/lib",
                     "ihp-sg13g2/libs.ref/sg13g2_sram/lib"),
        ),
        GateTechnology(
            name="sky130hd", title="SkyWater SKY130, 130 nm, high-density cells",
            cells=("sky130_fd_sc_hd__tt_025C_1v80.lib",), volts=1.8,
            driver="sky130_fd_sc_hd__buf_2",
            buffer="sky130_fd_sc_hd__clkbuf_8", wire_load="Small", slew_ns=0.1,
            folders=("sky130A/libs.ref/sky130_fd_sc_hd/lib",),
            stand_in=StandInNode(65, 1.2, 130, 1.8),
        ),
        GateTechnology(
            name="asap7", title="ASAP7, predictive 7 nm, RVT cells",
            cells=("asap7sc7p5t_*_RVT_TT_nldm*.lib",), volts=0.7, driver="BUFx2_ASAP7_75t_R",
            buffer="BUFx8_ASAP7_75t_R", wire_load=None, slew_ns=0.02,
            stand_in=StandInNode(22, 0.8, 7, 0.7),
        ),
        GateTechnology(
            name="osu018", title="OSU 180 nm cells (Debian's qflow-tech-osu018)",
            cells=("osu018_stdcells.lib",), volts=1.8, driver="BUFX2", buffer="CLKBUF1",
            wire_load=None,
            slew_ns=0.2,
            stand_in=StandInNode(65, 1.2, 180, 1.8),
        ),
    )
}  # fmt: skip


def technology_named(name: str) -> GateTechnology:
    """Look a technology up.

    Raises:
        SpikeforgeError: If there is none of that name.
    """
    if name not in TECHNOLOGIES:
        raise SpikeforgeError(
            f"--technology must be one of {', '.join(TECHNOLOGIES)} with --method gate, not "
            f"{name!r}{nearest(name, TECHNOLOGIES)}"
        )
    return TECHNOLOGIES[name]


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
    if technology.volts is not None and library.voltage_v != technology.volts:
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
