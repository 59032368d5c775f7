"""Verilator's lint of the written Verilog, with all its warnings; waivers are the generator's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from deploy.asic.design import TOP
from deploy.asic.elaborate import BLACK_BOXES
from sim.verilator import build_environment
from spikeforge.errors import SpikeforgeError

__all__ = ["lint"]

_FINDING = re.compile(r"^%(?:Error|Warning).*$", re.MULTILINE)


def lint(folder: Path, names: Iterable[str]) -> None:
    """Lint the Verilog files of those names in a folder, beside :data:`BLACK_BOXES`.

    Raises:
        SpikeforgeError: With Verilator's first finding, or if a tool is missing.
    """
    waivers = str(files("hw").joinpath("lint.vlt"))
    command = ["verilator", "--lint-only", "-Wall", "--top-module", TOP, waivers, BLACK_BOXES]
    done = subprocess.run(
        [*command, *names], cwd=folder, env=build_environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        found = _FINDING.search(done.stderr)
        said = found[0] if found else (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise SpikeforgeError(f"the written Verilog does not pass Verilator's lint: {said}")
