"""The process design kits of the hand-off: their cells, their names in the flows, their clocks."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.power import load_profile
from deploy.power.event import check_clock
from hw.memory.technology import Technology
from spikeforge.errors import SpikeforgeError, nearest

__all__ = ["PDKS", "GateCell", "Pdk", "check_pdk_clock", "pdk_named"]


@dataclass(frozen=True, kw_only=True)
class GateCell:
    """The library's clock-gating cell: a latch, transparent while the clock is low, and a gate.

    Attributes:
        name: Of the cell.
        clock, enable, gated: Its pins.
    """

    name: str
    clock: str
    enable: str
    gated: str


@dataclass(frozen=True, kw_only=True)
class Pdk:
    """A process design kit.

    Attributes:
        name: As the user writes it.
        title: As people write it.
        technology: What memories are made of.
        gate: The clock-gating cell.
        driver: Cell and output pin that drive every input.
        load_pf: Load of every output, in pF.
        flow_name: Its name in LibreLane.
        target: Its target in SiliconCompiler.
        nets: Power and ground, or nothing where LibreLane's own names stand.
        profile: Technology profile with a sourced range of clocks, or nothing.
        default_mhz, most_mhz: The clock without a wish, and the fastest; a profile has its own.
        cell_um2: Cell area that a flip-flop brings along, itself included, in um2.
    """

    name: str
    title: str
    technology: Technology
    gate: GateCell
    driver: tuple[str, str]
    load_pf: float
    flow_name: str
    target: str
    nets: tuple[str, str] | None
    profile: str | None
    default_mhz: float
    most_mhz: float
    cell_um2: float

    @property
    def macros(self) -> bool:
        """Whether it has SRAM macros that memories are made of."""
        return self.technology is Technology.SG13G2


# Drivers and loads are those of LibreLane's configuration of each kit. Cell areas: mnist-tiny at
# 16 lanes, synthesized by Yosys to the typical Liberty file, over its 2,031 flip-flops.
PDKS = {
    pdk.name: pdk
    for pdk in (
        Pdk(
            name="ihp-sg13g2", title="IHP SG13G2 (130 nm)", technology=Technology.SG13G2,
            gate=GateCell(name="sg13g2_lgcp_1", clock="CLK", enable="GATE", gated="GCLK"),
            driver=("sg13g2_buf_4", "X"), load_pf=0.006, flow_name="ihp-sg13g2",
            target="ihp130_demo", nets=("VDD", "VSS"), profile="ihp-sg13g2", default_mhz=50.0,
            most_mhz=156.0, cell_um2=97.5,
        ),
        Pdk(
            name="sky130", title="SkyWater SKY130 (130 nm)", technology=Technology.GENERIC,
            gate=GateCell(
                name="sky130_fd_sc_hd__dlclkp_1", clock="CLK", enable="GATE", gated="GCLK"
            ),
            driver=("sky130_fd_sc_hd__inv_2", "Y"), load_pf=0.033442, flow_name="sky130A",
            target="skywater130_demo", nets=None, profile=None, default_mhz=50.0, most_mhz=500.0,
            cell_um2=49.7,
        ),
    )
}  # fmt: skip
"""All kits by name."""


def pdk_named(name: str) -> Pdk:
    """Find a kit.

    Raises:
        SpikeforgeError: If there is none of that name.
    """
    if name not in PDKS:
        raise SpikeforgeError(
            f"--pdk must be one of {', '.join(PDKS)}, not {name!r}{nearest(name, PDKS)}"
        )
    return PDKS[name]


def check_pdk_clock(pdk: Pdk, clock_mhz: float | None) -> float:
    """The clock to constrain the design to: the one asked for, or the kit's default, in MHz.

    Raises:
        SpikeforgeError: If it is out of range.
    """
    if pdk.profile is not None:
        return check_clock(load_profile(pdk.profile), clock_mhz)
    if clock_mhz is None:
        return pdk.default_mhz
    if not 0 < clock_mhz <= pdk.most_mhz:
        raise SpikeforgeError(
            f"the clock must be above 0 and at most {pdk.most_mhz:g} MHz for {pdk.name}, not "
            f"{clock_mhz:g} MHz; choose one in that range or leave it out for "
            f"{pdk.default_mhz:g} MHz"
        )
    return float(clock_mhz)
