"""Runs one Yosys script in a process of its own: ``python -m deploy.bitstream.synthesis SCRIPT``.

Yosys keeps its state in the process and ends it on an error, so that it cannot run in ours.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(script: str) -> None:
    """Run a script; what Yosys says goes to standard output."""
    from pyosys import libyosys

    libyosys.run_pass(f"script {script}", libyosys.Design())


if __name__ == "__main__":
    main(sys.argv[1])
