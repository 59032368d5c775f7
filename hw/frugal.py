"""The hardware choices that cost least energy in an ASIC, at the price of clock and some cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hw.config import HardwareConfig
from hw.geometry import WindowedGeometry, geometry
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network

__all__ = ["FRUGAL", "frugal_config", "is_frugal"]

FRUGAL: Mapping[str, Any] = {"row_register": False, "lane_gating": True, "event_pairs": True}
"""Fields of :class:`hw.config.HardwareConfig`; only windowed dense layers have them."""


def frugal_config(network: Network, config: HardwareConfig) -> HardwareConfig:
    """The same hardware with the choices of :data:`FRUGAL`.

    Raises:
        SpikeforgeError: If no layer of the network has them.
    """
    if not any(isinstance(node, WindowedGeometry) for node in geometry(network, config)):
        raise SpikeforgeError(
            f"--frugal is for windowed dense layers, and {network.name} has none that go group by "
            "group; leave it out"
        )
    return replace(config, **FRUGAL)


def is_frugal(config: HardwareConfig) -> bool:
    """Whether hardware has all the choices of :data:`FRUGAL`."""
    return all(getattr(config, name) == value for name, value in FRUGAL.items())
