"""From a network to one Verilog file and the hex files of its content."""

from __future__ import annotations

import os
from pathlib import Path

from amaranth.back import verilog

from hw.accelerator import Accelerator
from hw.config import HardwareConfig
from hw.content import hex_files
from hw.ram import ram_verilog
from spikeforge.files import write_atomically
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["TOP", "generate_verilog", "write_rtl"]

TOP = "accelerator"


def generate_verilog(network: Network, config: HardwareConfig) -> str:
    """Verilog of the accelerator, with the network's name and architecture hash at its head.

    Raises:
        SpikeforgeError: If the network uses something without hardware so far.
    """
    accelerator = Accelerator(network, config)
    # The Yosys that comes with Amaranth from PyPI, not whatever the machine has.
    os.environ["AMARANTH_USE_YOSYS"] = "builtin"
    with progress("Generate the Verilog", None):
        text = verilog.convert(accelerator, name=TOP, emit_src=False, strip_internal_attrs=True)
    head = (
        f"// Spikeforge accelerator for {network.name}: {config.lanes} lanes, "
        f"memories: {config.memory.value}\n"
        f"// Architecture {network.architecture_hash(**config.identity())}\n"
    )
    return head + text + "\n" + ram_verilog()


def write_rtl(network: Network, config: HardwareConfig, folder: Path) -> Path:
    """Write ``rtl/accelerator.v`` and ``weights/*.hex`` below a folder; returns the former."""
    path = folder / "rtl" / f"{TOP}.v"
    write_atomically(path, generate_verilog(network, config))
    for name, text in hex_files(network, config).items():
        write_atomically(folder / "weights" / f"{name}.hex", text)
    return path
