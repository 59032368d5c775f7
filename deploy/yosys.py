"""Runs one Yosys script in a process of its own: ``python -m deploy.yosys SCRIPT``.

Yosys keeps its state in the process and ends it on an error, so that it cannot run in ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.running import Running

__all__ = ["main", "run_yosys"]


def run_yosys(folder: Path, script: str) -> None:
    """Run a Yosys script of that name in a folder.

    Raises:
        SpikeforgeError: If it fails.
    """
    Running(["-m", "deploy.yosys", script], folder, "yosys.log").finish()


def main(script: str) -> None:
    """Run a script; what Yosys says goes to standard output."""
    from pyosys import libyosys

    libyosys.run_pass(f"script {script}", libyosys.Design())


if __name__ == "__main__":
    main(sys.argv[1])
