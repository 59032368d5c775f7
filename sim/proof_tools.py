"""Yosys for proofs: from RTLIL with claims to what a solver reads.

The reset stays low, and memories whose first content comes from a file hold anything, so that a
claim about a circuit with content in ROM is one about every content.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from hw.ram import ram_verilog
from spikeforge.errors import SpikeforgeError

__all__ = ["TOP", "abc_path", "check_tools", "run_yosys"]

TOP = "top"
_YOSYS = "from pyosys import libyosys as y; y.run_pass('script run.ys', y.Design())"
_INIT = re.compile(r'parameter \\INIT "[^"]*"')
_RESET = re.compile(r"^  wire width 1 input \d+ +\\rst$", re.MULTILINE)


def check_tools() -> None:
    """Refuse to go on without the tools.

    Raises:
        SpikeforgeError: Says what to install.
    """
    if find_spec("pyosys") is None or find_spec("z3") is None:
        raise SpikeforgeError(
            "proofs need pyosys and z3-solver; run 'pip install pyosys z3-solver'"
        )


def abc_path() -> Path:
    """The model checker that comes with pyosys."""
    spec = find_spec("pyosys")
    assert spec is not None  # checked before
    assert spec.origin is not None
    return Path(spec.origin).parent / "yosys-abc"


def run_yosys(
    rtlil: str, passes: tuple[str, ...], made: tuple[str, ...], files: dict[str, str]
) -> list[bytes]:
    """Run passes over a design and return the files they write.

    Args:
        rtlil: The design, whose top module is called ``top``.
        passes: After it was read, down to those that write ``made``.
        made: Names of these files.
        files: Texts of further files that the passes read, by name.

    Raises:
        SpikeforgeError: If Yosys does not understand the design.
    """
    begin = ("read_verilog -formal ram.v", "read_rtlil design.il", f"hierarchy -top {TOP}")
    with tempfile.TemporaryDirectory(prefix="spikeforge-proof-") as name:
        folder = Path(name)
        given = {
            "design.il": _prepared(rtlil),
            "ram.v": ram_verilog(),
            "run.ys": "\n".join((*begin, *passes)) + "\n",
        } | files
        for file, text in given.items():
            (folder / file).write_text(text)
        done = subprocess.run([sys.executable, "-c", _YOSYS], cwd=folder, capture_output=True,
                              text=True, check=False)  # fmt: skip
        paths = [folder / name for name in made]
        if done.returncode or not all(path.exists() for path in paths):
            raise SpikeforgeError(f"Yosys cannot read the design: {done.stderr.strip()[-400:]}")
        return [path.read_bytes() for path in paths]


def _prepared(rtlil: str) -> str:
    """The design without contents from files, and with its reset tied low."""
    begin = rtlil.index(f"module \\{TOP}\n")
    top = _RESET.sub("  wire width 1 \\\\rst\n  connect \\\\rst 1'0", rtlil[begin:], count=1)
    return _INIT.sub('parameter \\\\INIT ""', rtlil[:begin] + top)
