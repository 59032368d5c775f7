"""LibreLane's configuration file, with the names of variables that its releases 3 have."""

from __future__ import annotations

import json
from collections.abc import Iterable

from deploy.asic.constraints import CLOCK, period_ns
from deploy.asic.design import TOP
from deploy.asic.elaborate import Elaborated
from deploy.asic.floorplan import CELL_SHARE, Floorplan
from deploy.asic.pdk import Pdk
from spikeforge.errors import SpikeforgeError

__all__ = ["CONSTRAINTS", "check_config", "librelane_config"]

CONSTRAINTS = "constraints.sdc"
_SRAM = "pdk_dir::libs.ref/sg13g2_sram"
# Timing corners of the flow, and the ending of the macros' Liberty files there.
_CORNERS = {
    "*_typ_1p20V_25C": "typ_1p20V_25C", "*_fast_1p32V_m40C": "fast_1p32V_m55C",
    "*_slow_1p08V_125C": "slow_1p08V_125C",
}  # fmt: skip
_SUPPLIES = ("VDD!", "VDDARRAY!")  # both of a macro are the chip's only supply


def librelane_config(
    names: Iterable[str], pdk: Pdk, clock_mhz: float, found: Elaborated, floor: Floorplan | None
) -> str:
    """The configuration as JSON text.

    Args:
        names: The Verilog files.
        pdk: The kit.
        clock_mhz: The clock.
        found: The elaborated design, for its macros.
        floor: Where macros lie; nothing where there are none.
    """
    constraints = f"dir::{CONSTRAINTS}"
    config: dict[str, object] = {
        "meta": {"version": 2, "flow": "Classic"},
        "DESIGN_NAME": TOP,
        "VERILOG_FILES": [f"dir::{name}" for name in names],
        "CLOCK_PORT": CLOCK,
        "CLOCK_PERIOD": period_ns(clock_mhz),
        "PNR_SDC_FILE": constraints,
        "SIGNOFF_SDC_FILE": constraints,
        "FALLBACK_SDC": constraints,
    }
    if pdk.nets:
        config |= {"VDD_NETS": [pdk.nets[0]], "GND_NETS": [pdk.nets[1]]}
    if floor is None:
        config |= {"FP_SIZING": "relative", "FP_CORE_UTIL": round(100 * CELL_SHARE)}
    else:
        config |= {
            "FP_SIZING": "absolute",
            "DIE_AREA": [0, 0, floor.width_um, floor.height_um],
            "PL_TARGET_DENSITY_PCT": round(100 * CELL_SHARE) + 10,
            "PDN_MACRO_CONNECTIONS": _connections(pdk),
            "MACROS": {name: _macro(name, found, floor) for name in sorted(found.macro_counts)},
        }
    return json.dumps(config, indent=2) + "\n"


def _connections(pdk: Pdk) -> list[str]:
    assert pdk.nets is not None
    power, ground = pdk.nets
    return [f".*bank.*_column.* {power} {ground} {supply} VSS!" for supply in _SUPPLIES]


def _macro(name: str, found: Elaborated, floor: Floorplan) -> dict[str, object]:
    return {
        "gds": [f"{_SRAM}/gds/{name}.gds"],
        "lef": [f"{_SRAM}/lef/{name}.lef"],
        "nl": [f"{_SRAM}/verilog/{name}.v"],
        "lib": {corner: [f"{_SRAM}/lib/{name}_{end}.lib"] for corner, end in _CORNERS.items()},
        "instances": {
            path: {"location": list(floor.places[path]), "orientation": "N"}
            for path, module in found.macros.items() if module == name
        },
    }  # fmt: skip


def check_config(text: str, files: Iterable[str], found: Elaborated) -> None:
    """Read a configuration back: its files are there, and its macros are those of the design.

    Raises:
        SpikeforgeError: Names what is missing or too much.
    """
    config = json.loads(text)
    there = set(files)
    named = [*config["VERILOG_FILES"], *(value for key, value in config.items() if "SDC" in key)]
    missing = [name for name in named if name.removeprefix("dir::") not in there]
    if missing:
        raise SpikeforgeError(f"LibreLane's configuration names {missing[0]}, which is not written")
    listed = {
        path: name
        for name, macro in config.get("MACROS", {}).items()
        for path in macro["instances"]
    }
    if listed != found.macros:
        wrong = sorted(listed.items() ^ found.macros.items())[0]
        raise SpikeforgeError(
            f"LibreLane's configuration and the design differ in their macros, first in {wrong[0]}"
        )
