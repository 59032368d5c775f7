"""Which network is on a board: its accelerator by the architecture id, its content by the CRC."""

from __future__ import annotations

from deploy.host.records import BoardInfo
from hw.config import HardwareConfig, configure
from hw.content import architecture_id, load_bytes
from hw.link.protocol import CRC_BYTES
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network

__all__ = ["check_content", "matching_config"]

_MOST_LANES = 1024


def matching_config(network: Network, board: BoardInfo, lanes: int | None = None) -> HardwareConfig:
    """The hardware of a network that is on a board; content is laid out by its lanes.

    Args:
        network: The network.
        board: What the board said.
        lanes: Of the bitstream; None: whichever give the board's architecture id.

    Raises:
        SpikeforgeError: If the board has another network's accelerator, or other lanes.
    """
    if lanes is not None:
        config = configure(network, lanes)
        if architecture_id(network, config) == board.architecture:
            return config
        raise SpikeforgeError(_other(network, board, f"--lanes {lanes}"))
    for config in _configs(network):
        if architecture_id(network, config) == board.architecture:
            return config
    raise SpikeforgeError(_other(network, board, "any lanes"))


def check_content(network: Network, config: HardwareConfig, board: BoardInfo) -> None:
    """Make sure that a board holds this network's own weights.

    Raises:
        SpikeforgeError: If it holds others, or none.
    """
    content = load_bytes(network, config)
    if not board.loaded or content[-CRC_BYTES:] != board.content_crc.to_bytes(CRC_BYTES, "little"):
        there = f"other content (CRC {board.content_crc:08x})" if board.loaded else "no content"
        raise SpikeforgeError(
            f"the board has the accelerator of {network.name}, but {there}; run 'spikeforge host "
            f"load' with this network first"
        )


def _configs(network: Network) -> list[HardwareConfig]:
    """One for each number of lanes that the network can have."""
    found = []
    for lanes in range(1, _MOST_LANES + 1):
        try:
            found.append(configure(network, lanes))
        except SpikeforgeError:
            break
    return found


def _other(network: Network, board: BoardInfo, lanes: str) -> str:
    return (
        f"the board has another network than {network.name} with {lanes}: its architecture is "
        f"{board.architecture.hex()}, of {board.inputs} inputs and {board.classes} classes; name "
        f"the network that its bitstream was built from, or put this one's on with 'spikeforge "
        f"bitstream'"
    )
