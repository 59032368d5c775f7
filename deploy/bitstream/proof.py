"""The synthesized netlist against the RTL: real images through the serial line of both.

What runs is the netlist that place and route started from, pins, PLL and reset included; cells are
Yosys' models (:mod:`sim.board.cells`). Class, score and cycles of each image must be those that the
cycle-exact model of the RTL gives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deploy.boards import Board, ClockPlan
from deploy.host.records import Result
from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.link.gateware import LinkConfig
from hw.link.protocol import ANSWER, END, Command, Status, frame, unframe
from sim.board.cells import cell_models
from sim.board.model import BoardModel, compile_board
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network
from spikeforge.progress import progress
from spikeforge.shapes import wire_order

__all__ = ["NetlistProof", "run_netlist", "wrapped_netlist"]

_PINS = re.compile(r"^  (?:input|output) (\w+__io);", re.MULTILINE)
_RESET_CYCLES = 2_000
_MOST_CYCLES = 40_000_000  # for an answer, or a load from the flash memory


@dataclass(frozen=True, kw_only=True)
class NetlistProof:
    """What the netlist said.

    Attributes:
        classes: Of each image, int64, shape (B,).
        cycles: From the first event to the class, shape (B,).
    """

    classes: NDArray[np.int64]
    cycles: NDArray[np.int64]


def wrapped_netlist(netlist: str, board: Board) -> str:
    """The netlist inside a module ``gateware``, with models of its cells."""
    lights = [f"{name}_{number}__io" for name, number in board.lights]
    pins = [
        (f"{board.clock}_0__io", "pin_oscillator"),
        ("uart_0__rx__io", "pin_rx"),
        ("uart_0__tx__io", "tx"),
        (lights[0], "light_loaded"),
        (lights[1], "light_busy"),
    ]
    ports = ["input clk, rst, rx", "output tx, loaded, busy"]
    if board.flash:
        names = ("cs", "clk", "copi", "cipo")
        pins += [(f"spi_flash_1x_0__{name}__io", f"pin_{name}") for name in names]
        ports += ["input flash_cipo", "output flash_cs, flash_clk, flash_copi"]
    connections = ", ".join(f".{pin}({wire})" for pin, wire in pins)
    inverted = "~" if board.lights_inverted else ""
    text = f"""
module gateware({", ".join(ports)});
  wire pin_oscillator, pin_rx, light_loaded, light_busy;
  assign pin_oscillator = clk;
  assign pin_rx = rx;
  assign loaded = {inverted}light_loaded;
  assign busy = {inverted}light_busy;
"""
    if board.flash:
        text += """  wire pin_cs, pin_clk, pin_copi, pin_cipo;
  assign flash_cs = ~pin_cs;
  assign flash_clk = pin_clk;
  assign flash_copi = pin_copi;
  assign pin_cipo = flash_cipo;
"""
    text += f"  top top({connections});\nendmodule\n"
    # The ECP5's pads are inout cells; Verilator wants the ports that they drive or read to be so.
    netlist = _PINS.sub(r"  inout \1;", netlist)
    return cell_models(board.family.value, netlist) + "\n" + netlist + text


def run_netlist(
    folder: Path, network: Network, config: HardwareConfig, board: Board, clock: ClockPlan,
    link: LinkConfig, pixels: NDArray[np.uint8],
) -> NetlistProof:  # fmt: skip
    """Classify images on the netlist of a build.

    Args:
        folder: With ``netlist.v``.
        network: The network.
        config: Its hardware on the board.
        board: The board.
        clock: How the netlist makes its system clock.
        link: The serial link that it was made for.
        pixels: uint8, shape (B, ...).

    Raises:
        SpikeforgeError: If a tool fails, or the netlist does not answer.
    """
    text = wrapped_netlist((folder / "netlist.v").read_text(), board)
    library = compile_board(text, link, {}, oscillator_cycles=1 << clock.shift)
    model = BoardModel(library, load_bytes(network, config) if board.flash else None)
    classes, cycles = [], []
    try:
        _wait(model, _RESET_CYCLES)
        while not model.loaded and model.cycles < _MOST_CYCLES:
            model.run()
        with progress("Run the netlist", len(pixels)) as bar:
            order = wire_order(network.input.shape)
            for number, image in enumerate(pixels.reshape(len(pixels), -1)[:, order]):
                found = _ask(model, number & 0x7F, image.tobytes())
                classes.append(found.winner)
                cycles.append(found.cycles)
                bar.advance()
    finally:
        model.close()
    return NetlistProof(classes=np.array(classes), cycles=np.array(cycles))


def _wait(model: BoardModel, cycles: int) -> None:
    end = model.cycles + cycles
    while model.cycles < end:
        model.run(end - model.cycles)


def _ask(model: BoardModel, number: int, image: bytes) -> Result:
    model.send(frame(bytes([number, Command.CLASSIFY]) + image))
    wire, limit = b"", model.cycles + _MOST_CYCLES
    while wire.count(END) < 2 and model.cycles < limit:
        model.run()
        wire += model.take()
    packet = unframe(wire.strip(bytes([END])))
    if packet is None or packet[:3] != bytes([number, Command.CLASSIFY | ANSWER, Status.OK]):
        raise SpikeforgeError(
            f"the netlist did not classify image {number}: it answered {wire.hex() or 'nothing'}"
        )
    return Result.unpack(packet[3:])
