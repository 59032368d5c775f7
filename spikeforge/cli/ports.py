"""What the commands for boards at a serial port share: options, the open port, what is on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hw.link.protocol import USUAL_BAUDS

if TYPE_CHECKING:
    from deploy.host import BoardClient
    from hw.config import HardwareConfig
    from spikeforge.network import Network

__all__ = [
    "check_network", "is_simulated", "microseconds", "network_option", "open_board", "port_options",
]  # fmt: skip


def port_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the board is."""
    baud = click.option(
        "--baud", type=click.IntRange(1200, 12_000_000), default=USUAL_BAUDS[0], show_default=True,
        metavar="N", help="Of the serial line, as the bitstream was built.",
    )  # fmt: skip
    port = click.option("--port", required=True, metavar="DEV",
                        help="The board's serial port, such as /dev/ttyUSB1.")  # fmt: skip
    return port(baud(command))


def network_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Which network is on the board."""
    return click.option("--network", type=click.Path(path_type=Path, dir_okay=False),
                        metavar="FILE", help=text)  # fmt: skip


@contextmanager
def open_board(port: str, baud: int) -> Iterator[BoardClient]:
    """A client at an open port.

    Raises:
        SpikeforgeError: If the port cannot be opened.
    """
    from deploy.host import BoardClient, SerialLine

    with SerialLine(port, baud) as line:
        yield BoardClient(line)


def check_network(network: Network, client: BoardClient) -> HardwareConfig:
    """The hardware on the board, which must be this network's, with its weights in it.

    Raises:
        SpikeforgeError: If it is not.
    """
    from deploy.host.identity import check_content, matching_config

    config = matching_config(network, client.board)
    check_content(network, config, client.board)
    return config


def microseconds(cycles: int, client: BoardClient) -> float:
    """Cycles in the time of the board's clock."""
    return round(1000 * cycles / client.board.clock_khz, 3)


def is_simulated(port: str) -> bool:
    """The port is a pseudo-terminal, so there is no board behind it."""
    return os.path.realpath(port).startswith("/dev/pts/")
