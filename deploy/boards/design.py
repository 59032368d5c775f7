"""What the FPGA tools get: design, content of its memories, pins and clocks, and options."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from deploy.boards.board import Board, Family
from deploy.boards.clock import ClockPlan
from deploy.boards.top import BoardTop
from hw.config import HardwareConfig, MemoryMode, configure
from hw.content import hex_files
from hw.link.gateware import LinkConfig
from hw.link.protocol import USUAL_BAUDS
from hw.memory.technology import Technology
from hw.verilog import generate_verilog
from spikeforge.network import Network

__all__ = ["TOP", "Design", "board_config", "board_link", "make_design"]

TOP = "top"
_NEXTPNR = re.compile(r'^"\$NEXTPNR_\w+" (.*)$', re.MULTILINE)
# What Amaranth's own call has and ours gives otherwise.
_OURS = re.compile(r"--quiet|--(?:log|json|pcf|lpf|asc|textcfg) \S+")


@dataclass(frozen=True, kw_only=True)
class Design:
    """A board's design on its way to the tools.

    Attributes:
        files: By name: ``accelerator.v``, ``top.il``, hex files in ``weights/``, and ``pins``.
        pins: Name of the file with pins and clocks among them.
        device_options: Of nextpnr: which FPGA, package and speed grade.
    """

    files: dict[str, str]
    pins: str
    device_options: tuple[str, ...]


def board_config(
    network: Network, board: Board, lanes: int | None, **options: object
) -> HardwareConfig:
    """Hardware as a board can have it: content that its bitstream brings, or that is loaded.

    Raises:
        SpikeforgeError: If ``lanes`` does not fit the network.
    """
    if board.flash:
        return configure(network, lanes, technology=Technology.SPRAM, **options)  # type: ignore[arg-type]
    return configure(network, lanes, MemoryMode.PRELOAD, **options)  # type: ignore[arg-type]


def board_link(board: Board, clock: ClockPlan, baud: int | None = None) -> LinkConfig:
    """The serial link at a clock, by default the fastest usual one that the clock can time.

    Raises:
        SpikeforgeError: If the clock cannot time the baud rate, or any usual one.
    """
    khz = round(1000 * clock.mhz)
    choices = (baud,) if baud is not None else USUAL_BAUDS
    for rate in choices:
        link = LinkConfig(clock_khz=khz, baud=rate, flash=board.flash)
        if link.reachable:
            return link
    link.check()
    return link


def make_design(
    network: Network, config: HardwareConfig, link: LinkConfig, board: Board, clock: ClockPlan
) -> Design:
    """Elaborate a board's top level.

    Raises:
        SpikeforgeError: If the network has no hardware so far, does not fit the link, or
            amaranth-boards is missing.
    """
    accelerator = generate_verilog(network, config)
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")
    platform = board.make_platform()
    plan = platform.prepare(BoardTop(network, config, link, board, clock), TOP)
    made = {
        name: text if isinstance(text, str) else text.decode() for name, text in plan.files.items()
    }
    pins = f"{TOP}.{'pcf' if board.family is Family.ICE40 else 'lpf'}"
    files = {
        "accelerator.v": accelerator, f"{TOP}.il": made[f"{TOP}.il"], pins: made[pins],
    }  # fmt: skip
    if config.memory.initialized:
        files |= {f"weights/{name}.hex": text for name, text in hex_files(network, config).items()}
    found = _NEXTPNR.search(made[f"build_{TOP}.sh"])
    assert found is not None
    options = tuple(_OURS.sub("", found[1]).split())
    return Design(files=files, pins=pins, device_options=options)
