"""What Yosys is asked to do with a design: a script for each family of devices."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from deploy.boards import Family
from spikeforge.errors import SpikeforgeError

__all__ = ["WIDE_BLOCK_COST", "memory_library", "synthesis_script"]

WIDE_BLOCK_COST = 1.25
"""What an ECP5 block of 512 x 36 bits costs, in blocks of another shape.

Content comes in bytes, so that such a block holds as many bits as the others; what it may save is
the rounding of a depth. A deep memory of shallow blocks has a multiplexer behind it, though, and
that was the longest path of a design: a narrower block is worth one block in five more.
"""
_LIBRARY, _WIDE = "lattice/brams_16kd.txt", r"(ram block \$__PDPW16KD_ \{[^}]*?\bcost )(\d+)(;)"
_ICE40 = "synth_ice40 -dsp -abc9 -device u"
_ECP5 = "synth_ecp5 -nodsp"  # unregistered multipliers are slower than look-up tables


def synthesis_script(family: Family, top: str) -> str:
    """Commands that read a design and leave its netlist in ``netlist.json`` and ``netlist.v``.

    Args:
        family: Of the device.
        top: The top module, in ``accelerator.v`` and ``<top>.il``.
    """
    if family is Family.ICE40:
        steps = [f"{_ICE40} -top {top}"]
    else:
        steps = [
            f"{_ECP5} -top {top} -run begin:map_ram",
            "memory_libmap -lib +/lattice/lutrams_trellis.txt -lib memories.txt",
            "techmap -map +/lattice/lutrams_map_trellis.v -map +/lattice/brams_map_16kd.v",
            f"{_ECP5} -top {top} -run map_ffram:",
        ]
    reading = ["read_verilog accelerator.v", f"read_rtlil {top}.il"]
    writing = ["write_json netlist.json", "write_verilog -noattr -noexpr netlist.v"]
    return "\n".join([*reading, *steps, *writing]) + "\n"


def memory_library(family: Family) -> dict[str, str]:
    """Files that the script reads beside the design: Yosys' memories, with costs of our own.

    Raises:
        SpikeforgeError: If the installed Yosys describes its memories in another way.
    """
    if family is Family.ICE40:
        return {}
    found = find_spec("pyosys")
    path = Path(found.origin).parent / "share" / _LIBRARY if found and found.origin else None
    if path is None or not path.is_file():
        raise SpikeforgeError(
            f"pyosys must have {_LIBRARY}, and has not; run 'pip install spikeforge[fpga]'"
        )
    text, changed = re.subn(_WIDE, _with_cost, path.read_text())
    if changed != 1:
        raise SpikeforgeError(
            f"pyosys must describe $__PDPW16KD_ once in {_LIBRARY}, not {changed} times; "
            "run 'pip install spikeforge[fpga]' for a version that does"
        )
    return {"memories.txt": text}


def _with_cost(found: re.Match[str]) -> str:
    before, cost, after = found.groups()
    return f"{before}{round(WIDE_BLOCK_COST * int(cost))}{after}"
