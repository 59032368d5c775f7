"""The Verilog of the hand-off: the accelerator, a top without ports for tests, and its cells.

Macros and the library's cells are instances only: their modules are the kit's.
"""

from __future__ import annotations

from deploy.asic.pdk import Pdk
from hw.composing import check_bank_words
from hw.config import HardwareConfig, configure
from hw.frugal import frugal_config
from hw.interface import Port, interface
from hw.ram import ram_verilog
from hw.verilog import TOP as CORE
from hw.verilog import generate_modules
from spikeforge.network import Network

__all__ = ["TOP", "asic_config", "chip_ports", "chip_verilog", "design_files"]

TOP = "spikeforge_chip"
_FOR_TESTS = ("probe_", "tap_")
"""Ports that show the inside to testbenches; as pins of a chip they would only cost area."""


def asic_config(
    network: Network, pdk: Pdk, lanes: int | None, bank_words: int | None = None,
    frugal: bool = False,
) -> HardwareConfig:  # fmt: skip
    """Hardware for a chip: content that is loaded, gated clocks, the kit's memories.

    Args:
        network: The network.
        pdk: The kit.
        lanes: None: the default.
        bank_words: Depth of the deepest macro; None: whatever is smallest.
        frugal: The choices of :data:`hw.frugal.FRUGAL`.

    Raises:
        SpikeforgeError: If ``lanes`` does not fit the network, or no macro is that deep.
    """
    check_bank_words(bank_words, pdk.technology, pdk.name)
    chosen = configure(
        network, lanes, technology=pdk.technology, clock_gating=True, bank_words=bank_words
    )
    return frugal_config(network, chosen) if frugal else chosen


def chip_ports(network: Network, config: HardwareConfig) -> tuple[Port, ...]:
    """Ports of the chip: those of the accelerator that are not there for tests alone."""
    found = interface(network, config).ports
    return tuple(port for port in found if not port.name.startswith(_FOR_TESTS))


def design_files(network: Network, config: HardwareConfig, pdk: Pdk) -> dict[str, str]:
    """All Verilog files by name, the top last."""
    return {
        "rtl/accelerator.v": generate_modules(network, config),
        "rtl/spikeforge_ram.v": ram_verilog(),
        "rtl/spikeforge_icg.v": _gate_verilog(pdk),
        f"rtl/{TOP}.v": chip_verilog(network, config),
    }


def chip_verilog(network: Network, config: HardwareConfig) -> str:
    """The top: the accelerator with its ports for tests left open."""
    ports = interface(network, config).ports
    kept = chip_ports(network, config)
    names = {port.name for port in kept}
    declared = ",\n".join(f"    {_declaration(port)}" for port in kept)
    connected = ",\n".join(
        f"      .{port.name}({port.name if port.name in names else ''})" for port in ports
    )
    return (
        "// The accelerator as a chip or a block of one has it. Ports that show its inside to\n"
        "// testbenches (probe_*, tap_*) are left open: what only they need goes in synthesis.\n"
        f"module {TOP} (\n{declared}\n);\n"
        "  /* verilator lint_off PINCONNECTEMPTY */\n"
        f"  {CORE} core (\n{connected}\n  );\n"
        "  /* verilator lint_on PINCONNECTEMPTY */\n"
        "endmodule\n"
    )


def _declaration(port: Port) -> str:
    span = f"[{port.width - 1}:0] " if port.width > 1 else ""
    return f"{'input ' if port.is_input else 'output'} wire {span}{port.name}"


def _gate_verilog(pdk: Pdk) -> str:
    gate = pdk.gate
    return (
        f"// Clock gating by the cell of {pdk.title}.\n"
        "module spikeforge_icg (\n    input  wire clk,\n    input  wire enable,\n"
        "    output wire gated\n);\n"
        f"  {gate.name} cell_0 (.{gate.clock}(clk), .{gate.enable}(enable), "
        f".{gate.gated}(gated));\nendmodule\n"
    )
