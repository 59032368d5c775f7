"""From a network to one Verilog file with AXI ports."""

from __future__ import annotations

from pathlib import Path

from amaranth.back import verilog

from hw.axi.accelerator import AxiAccelerator
from hw.axi.document import register_json
from hw.config import HardwareConfig
from hw.content import hex_files
from hw.verilog import generate_verilog
from spikeforge.files import write_atomically
from spikeforge.network import Network

__all__ = ["AXI_TOP", "generate_axi_verilog", "write_axi_rtl"]

AXI_TOP = "axi_accelerator"


def generate_axi_verilog(network: Network, config: HardwareConfig) -> str:
    """Verilog of the accelerator, word for word as without AXI, and of the top around it.

    Raises:
        SpikeforgeError: If the network uses something without hardware so far.
    """
    text = generate_verilog(network, config)  # chooses the Yosys, too
    top = AxiAccelerator(network, config)
    return text + "\n" + verilog.convert(
        top, name=AXI_TOP, emit_src=False, strip_internal_attrs=True
    )  # fmt: skip


def write_axi_rtl(network: Network, config: HardwareConfig, folder: Path) -> tuple[Path, Path]:
    """Write ``rtl/axi_accelerator.v``, ``rtl/registers.json`` and ``weights/*.hex``.

    Returns:
        The Verilog file and the register map.
    """
    path, registers = folder / "rtl" / f"{AXI_TOP}.v", folder / "rtl" / "registers.json"
    write_atomically(path, generate_axi_verilog(network, config))
    write_atomically(registers, register_json(network, config))
    for name, text in hex_files(network, config).items():
        write_atomically(folder / "weights" / f"{name}.hex", text)
    return path, registers
