"""What the user chooses about the hardware; everything else follows from the network."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from spikeforge.errors import SpikeforgeError
from spikeforge.network import Conv2d, Dense, Network

__all__ = ["DEFAULT_LANES", "HardwareConfig", "MemoryMode", "check_lanes", "configure"]

DEFAULT_LANES = 64


class MemoryMode(StrEnum):
    """How weights, thresholds and biases get into the accelerator.

    LOAD: written at run time through the load stream (ASIC RAM, SPRAM: no initial content).
    INIT: there from the start, from hex files (``$readmemh``).
    """

    LOAD = "load"
    INIT = "init"


@dataclass(frozen=True, kw_only=True)
class HardwareConfig:
    """Hardware choices that, with the network's architecture, fix the RTL.

    Attributes:
        lanes: Neurons that a layer updates in one cycle; a narrower layer uses its own width.
        memory: How content gets in.
    """

    lanes: int = DEFAULT_LANES
    memory: MemoryMode = MemoryMode.LOAD

    def __post_init__(self) -> None:
        if self.lanes < 1:
            raise SpikeforgeError(f"lanes must be a positive integer, not {self.lanes!r}")

    def identity(self) -> dict[str, object]:
        """The part of the configuration that is baked into the RTL, for its hash."""
        return {"lanes": self.lanes}


def configure(
    network: Network, lanes: int | None = None, memory: MemoryMode = MemoryMode.LOAD
) -> HardwareConfig:
    """Make a configuration that fits a network (``lanes`` None: 64, or the widest layer).

    Raises:
        SpikeforgeError: If ``lanes`` is below 1 or beyond the widest layer.
    """
    widths = [
        layer.outputs if isinstance(layer, Dense) else layer.channels_out
        for layer in network.layers
        if isinstance(layer, Dense | Conv2d)
    ]
    widest = max(widths, default=1)
    if lanes is None:
        lanes = min(DEFAULT_LANES, widest)
    check_lanes(lanes, widest, network.name)
    return HardwareConfig(lanes=lanes, memory=memory)


def check_lanes(lanes: int | None, widest: int, name: str) -> None:
    """Refuse lanes below 1 or beyond the widest layer (None, the default, always fits).

    Raises:
        SpikeforgeError: Names the value and the range.
    """
    if lanes is not None and not 1 <= lanes <= widest:
        raise SpikeforgeError(
            f"lanes must be in 1..{widest}, the width of the widest layer of {name}, not {lanes}"
        )
