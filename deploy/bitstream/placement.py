"""What place and route reports: the clock that it reached, and what the design takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from deploy.boards import Board, Family

__all__ = ["Placement", "read_placement"]

_CELLS = {
    Family.ICE40: {
        "luts": "ICESTORM_LC", "block_rams": "ICESTORM_RAM", "sprams": "ICESTORM_SPRAM",
        "dsps": "ICESTORM_DSP",
    },
    Family.ECP5: {
        "luts": "TRELLIS_COMB", "flip_flops": "TRELLIS_FF", "block_rams": "DP16KD",
        "dsps": "MULT18X18D",
    },
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A placed and routed design.

    Attributes:
        seed: Of place and route.
        reached_mhz: The fastest system clock that its timing allows.
        used: Cells of each kind; on iCE40 a logic cell (a look-up table, a flip-flop, or both)
            counts once under ``luts``.
        available: What the FPGA has of each.
    """

    seed: int
    reached_mhz: float
    used: dict[str, int]
    available: dict[str, int]


def read_placement(report: Path, board: Board, seed: int) -> Placement:
    """Read nextpnr's report."""
    found = json.loads(report.read_text())
    cells = found["utilization"]
    names = _CELLS[board.family]
    # The system clock has the longest paths; an oscillator that it is divided from has short ones.
    reached = min(clock["achieved"] for clock in found["fmax"].values())
    return Placement(
        seed=seed, reached_mhz=reached,
        used={key: cells[name]["used"] for key, name in names.items()},
        available={key: cells[name]["available"] for key, name in names.items()},
    )  # fmt: skip
