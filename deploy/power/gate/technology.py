"""Technologies that a netlist can be made in: which files, and which cells play which part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hw.memory.technology import Technology
from spikeforge.errors import SpikeforgeError, nearest

__all__ = ["TECHNOLOGIES", "CactiNode", "GateTechnology", "technology_named"]


class CactiNode(NamedTuple):
    """The node of CACTI's that memories are scaled from.

    The supplies are those of CACTI's own low-standby-power cells: 1.2 V at 65 nm, 0.8 V at 22 nm.
    """

    node_nm: int
    volts: float


@dataclass(frozen=True, kw_only=True)
class GateTechnology:
    """One technology.

    Attributes:
        name, title: As the user names it, and in words.
        cells, macros: Patterns of the names of its Liberty files.
        memories: What memories are made of.
        node_nm: Its node.
        volts: Supply of its files.
        driver: Cell that drives the inputs; the output load is four of its input.
        buffer: Cell of the clock tree.
        wire_load: Model of the library for nets; None: wires as heavy as the pins they reach.
        slew_ns: Of clocks and inputs.
        folders: Where PDK managers keep the files, below their root.
        stand_in: Where memories without macros come from.
    """

    name: str
    title: str
    cells: tuple[str, ...]
    macros: tuple[str, ...] = ()
    memories: Technology = Technology.GENERIC
    node_nm: int
    volts: float
    driver: str
    buffer: str
    wire_load: str | None
    slew_ns: float
    folders: tuple[str, ...] = ()
    stand_in: CactiNode | None = None


TECHNOLOGIES = {
    one.name: one for one in (
        GateTechnology(
            name="ihp-sg13g2", title="IHP SG13G2, 130 nm, open PDK",
            cells=("sg13g2_stdcell_typ_1p20V_25C.lib",),
            macros=("RM_IHPSG13_*_typ_1p20V_25C.lib",), node_nm=130, volts=1.2,
            memories=Technology.SG13G2, driver="sg13g2_buf_2", buffer="sg13g2_buf_8",
            wire_load="30k", slew_ns=0.174,
            folders=("ihp-sg13g2/libs.ref/sg13g2_stdcell/lib",
                     "ihp-sg13g2/libs.ref/sg13g2_sram/lib"),
        ),
        GateTechnology(
            name="sky130hd", title="SkyWater SKY130, 130 nm, high-density cells",
            cells=("sky130_fd_sc_hd__tt_025C_1v80.lib",), node_nm=130, volts=1.8,
            driver="sky130_fd_sc_hd__buf_2",
            buffer="sky130_fd_sc_hd__clkbuf_8", wire_load="Small", slew_ns=0.1,
            folders=("sky130A/libs.ref/sky130_fd_sc_hd/lib",),
            stand_in=CactiNode(65, 1.2),
        ),
        GateTechnology(
            name="asap7", title="ASAP7, predictive 7 nm, RVT cells",
            cells=("asap7sc7p5t_*_RVT_TT_nldm*.lib",), node_nm=7, volts=0.7,
            driver="BUFx2_ASAP7_75t_R",
            buffer="BUFx8_ASAP7_75t_R", wire_load=None, slew_ns=0.02,
            stand_in=CactiNode(22, 0.8),
        ),
        GateTechnology(
            name="osu018", title="OSU 180 nm cells (Debian's qflow-tech-osu018)",
            cells=("osu018_stdcells.lib",), node_nm=180, volts=1.8,
            driver="BUFX2", buffer="CLKBUF1", wire_load=None, slew_ns=0.2,
            stand_in=CactiNode(65, 1.2),
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
