"""``spikeforge board``: a board that is not there, for hosts to talk to."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from spikeforge.cli.common import board_option, network_argument

__all__ = ["command"]


@click.command("board")
@network_argument
@board_option
@click.option("--lanes", type=int, metavar="N",
              help="Neurons updated in one cycle. Default: the most that fit.")  # fmt: skip
@click.option("--clock-mhz", type=float, metavar="F",
              help="System clock in MHz. Default: what a bitstream asks for.")  # fmt: skip
@click.option("--baud", type=click.IntRange(1200), metavar="N",
              help="Of the simulated line. Default: a bit in 4 cycles, for the fewest cycles; "
              "hosts need not know it.")  # fmt: skip
@click.option("--link", type=click.Path(path_type=Path), metavar="PATH",
              help="Another name for the device, while the board runs.")  # fmt: skip
@click.option("--flash/--empty-flash", default=True, show_default=True,
              help="The network's content is in the flash memory, or nothing (iCEBreaker, "
              "iCESugar).")  # fmt: skip
@click.option("--json", "as_json", is_flag=True,
              help="One JSON object on standard output when the board is up.")  # fmt: skip
def command(
    network: Path, board: str, lanes: int | None, clock_mhz: float | None, baud: int | None,
    link: Path | None, flash: bool, as_json: bool,
) -> None:  # fmt: skip
    """Simulate a board with its serial port, until Ctrl-C: the same gateware, in Verilator.

    \b
    Example:
      spikeforge board models/mnist-tiny.safetensors --board icebreaker --link board
    \b
    And in another terminal:
      spikeforge host classify seven.png --port board
    """
    from deploy.boards import board_named
    from deploy.virtual_board import BoardBuild, named_device
    from hw.content import architecture_id
    from spikeforge.netfile import load_network
    from spikeforge.progress import progress

    chosen = board_named(board)
    loaded = load_network(network)
    with progress("Check what fits", None):
        made = BoardBuild.on(loaded, chosen, lanes=lanes, clock_mhz=clock_mhz, baud=baud)
    with made.power_up(flash=flash) as virtual, named_device(virtual.device, link):
        name = str(link or virtual.device)
        record = {
            "board": chosen.name, "network": {"name": loaded.name}, "device": virtual.device,
            "link": None if link is None else str(link), "lanes": made.config.lanes,
            "architecture": architecture_id(loaded, made.config).hex(),
            "clock_mhz": made.link.clock_khz / 1000, "baud": made.link.baud,
            "flash": chosen.flash and flash,
        }  # fmt: skip
        lines = [
            f"{loaded.name} on a virtual {chosen.title}: {made.config.lanes} lanes, "
            f"{made.clock.mhz:g} MHz, {made.link.baud} baud",
            f"device   {name}",
            f"try      spikeforge host info --port {name}",
            "Simulated: slower than the board. Times seen by a host are the simulation's; only "
            "cycles count.",
            "Ctrl-C ends it.",
        ]
        click.echo(json.dumps(record) if as_json else "\n".join(lines))
        _serve_until_interrupted(virtual.serve)


def _serve_until_interrupted(serve: Callable[[threading.Event], None]) -> None:
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        serve(stop)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
