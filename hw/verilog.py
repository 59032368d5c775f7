"""From a network to one Verilog file and the hex files of its content."""

from __future__ import annotations

import os
import re
from pathlib import Path

from amaranth.back import rtlil, verilog

from hw.accelerator import Accelerator
from hw.config import HardwareConfig
from hw.content import architecture_hash, hex_files
from hw.gating import gating_verilog
from hw.memory.technology import Technology
from hw.ram import ram_verilog
from spikeforge.files import write_atomically
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["TOP", "generate_modules", "generate_rtlil", "generate_verilog", "write_rtl"]

TOP = "accelerator"
# Record fields of no bits: Verilog would take their declaration for two bits.
_EMPTY_WIRE = re.compile(r"^  wire \[-1:0\] \S+ ?;\n", re.MULTILINE)


def generate_verilog(network: Network, config: HardwareConfig) -> str:
    """Verilog of the accelerator and of all that it names: it can be simulated as it is."""
    text = generate_modules(network, config)
    return text + "\n" + ram_verilog(text) + gating_verilog(text)


def generate_modules(network: Network, config: HardwareConfig) -> str:
    """Verilog of the accelerator, with the network's name and architecture hash at its head.

    Memories, macros and clock-gating cells are instances without their modules.
    """
    accelerator = Accelerator(network, config)
    # The Yosys that comes with Amaranth from PyPI, not whatever the machine has.
    os.environ["AMARANTH_USE_YOSYS"] = "builtin"
    with progress("Generate the Verilog", None):
        text = verilog.convert(
            accelerator, name=TOP, platform=config.platform,
            emit_src=False, strip_internal_attrs=True,
        )  # fmt: skip
    text = _EMPTY_WIRE.sub("", text)
    architecture = architecture_hash(network, config)
    head = f"// Spikeforge accelerator for {network.name}: {_choices(config)}\n"
    head += f"// Architecture {architecture}\n"
    return head + _with_hash(text, architecture)


def generate_rtlil(network: Network, config: HardwareConfig) -> str:
    """The same accelerator as RTLIL text, with its flip-flops as cells, not yet optimized."""
    return rtlil.convert(
        Accelerator(network, config), name=TOP, emit_src=False,
        platform=config.platform,
    )  # fmt: skip


def _choices(config: HardwareConfig) -> str:
    """What the user chose, for the head of the file."""
    words = [f"{config.lanes} lanes", f"memories: {config.memory.value}"]
    if config.technology is not Technology.GENERIC:
        words.append(f"technology: {config.technology.value}")
    if config.bank_words is not None:
        words.append(f"macros of at most {config.bank_words} words")
    if not config.row_register:
        words.append("rows added as they are read")
    if config.lane_gating:
        words.append("gated lanes")
    if config.event_pairs:
        words.append("events in pairs")
    if config.state_in_memory:
        words.append("membranes in memory")
    if config.clock_gating:
        words.append("gated clocks")
    return ", ".join(words)


def _with_hash(text: str, architecture: str) -> str:
    """The top module with the whole hash as a constant that simulators and netlists show."""
    begin = text.index(f"module {TOP}(")
    ports_end = text.index(");\n", begin) + 3
    constant = f"  localparam [255:0] ARCHITECTURE = 256'h{architecture};\n"
    return text[:ports_end] + constant + text[ports_end:]


def write_rtl(network: Network, config: HardwareConfig, folder: Path) -> Path:
    """Write ``rtl/accelerator.v`` and ``weights/*.hex`` below a folder; returns the former."""
    path = folder / "rtl" / f"{TOP}.v"
    write_atomically(path, generate_verilog(network, config))
    for name, text in hex_files(network, config).items():
        write_atomically(folder / "weights" / f"{name}.hex", text)
    return path
