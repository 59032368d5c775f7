"""From a network to one Verilog file with the whole gateware of a board."""

from __future__ import annotations

from amaranth.back import verilog

from hw.config import HardwareConfig
from hw.link.gateware import Gateware, LinkConfig
from hw.verilog import generate_verilog
from spikeforge.network import Network

__all__ = ["GATEWARE", "generate_gateware"]

GATEWARE = "gateware"


def generate_gateware(network: Network, config: HardwareConfig, link: LinkConfig) -> str:
    """Verilog of the accelerator, word for word as on its own, and of the gateware around it.

    Raises:
        SpikeforgeError: If the network uses something without hardware so far, or does not fit the
            link.
    """
    text = generate_verilog(network, config)  # chooses the Yosys, too
    top = Gateware(network, config, link)
    platform = config.platform
    return text + "\n" + verilog.convert(
        top, name=GATEWARE, platform=platform, emit_src=False, strip_internal_attrs=True
    )  # fmt: skip
