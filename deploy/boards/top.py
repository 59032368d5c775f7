"""A board's top level: oscillator, PLL, reset, pins, and the gateware."""

from __future__ import annotations

from typing import Any

from amaranth import ClockDomain, ClockSignal, Elaboratable, Instance, Module, Signal
from amaranth.lib import io

from deploy.boards.board import Board, Family
from deploy.boards.clock import ClockPlan
from hw.config import HardwareConfig
from hw.link.gateware import Gateware, LinkConfig
from hw.memory.technology import Technology
from spikeforge.network import Network

__all__ = ["BoardTop"]

_RESET_CYCLES = 1 << 10  # an iCE40's block RAM cannot be read for some microseconds at first


class BoardTop(Elaboratable):
    """The whole design of a board.

    LEDs show when content is loaded, and when a packet is being obeyed.

    Args:
        network: The network.
        config: Its hardware.
        link: The serial link.
        board: The board.
        clock: How its system clock comes about.
    """

    def __init__(
        self, network: Network, config: HardwareConfig, link: LinkConfig, board: Board,
        clock: ClockPlan,
    ):  # fmt: skip
        self.gateware = Gateware(network, config, link)
        self._technology: Technology = config.technology
        self._board, self._clock, self._flash = board, clock, link.flash

    def elaborate(self, platform: Any) -> Module:
        """Asks the platform for its pins."""
        platform.memory_technology = self._technology
        m = Module()
        self._add_clock(m, platform)
        m.submodules.gateware = gateware = self.gateware
        uart = platform.request("uart", 0)
        m.d.comb += [gateware.rx.eq(uart.rx.i), uart.tx.o.eq(gateware.tx)]
        for (name, number), shown in zip(
            self._board.lights, (gateware.loaded, gateware.busy), strict=True
        ):
            m.d.comb += platform.request(name, number).o.eq(shown)
        if self._flash:
            pins = platform.request("spi_flash_1x", 0)
            m.d.comb += [
                pins.cs.o.eq(gateware.flash_cs), pins.clk.o.eq(gateware.flash_clk),
                pins.copi.o.eq(gateware.flash_copi), gateware.flash_cipo.eq(pins.cipo.i),
            ]  # fmt: skip
            for name in ("wp", "hold"):  # active low, and not wanted
                if hasattr(pins, name):
                    m.d.comb += getattr(pins, name).o.eq(0)
        return m

    def _add_clock(self, m: Module, platform: Any) -> None:
        pin = platform.request(self._board.clock, dir="-")
        m.domains.sync = domain = ClockDomain()
        system = Signal(name="system_clock")
        locked = Signal()
        if self._clock.pll is not None and self._board.family is Family.ICE40:
            self._add_ice40_pll(m, pin, system, locked)
        else:
            m.submodules.oscillator = buffer = io.Buffer("i", pin)
            if self._clock.pll is not None:
                self._add_ecp5_pll(m, buffer.i, system, locked)
            elif self._clock.shift:
                self._add_divider(m, buffer.i, system)
                m.d.comb += locked.eq(1)
            else:
                m.d.comb += [system.eq(buffer.i), locked.eq(1)]
        m.d.comb += domain.clk.eq(system)
        if self._clock.pll is not None or self._clock.shift:
            platform.add_clock_constraint(system, self._clock.mhz * 1e6)
        m.domains += ClockDomain("start", reset_less=True, local=True)
        count = Signal(range(_RESET_CYCLES))
        waiting = Signal(init=1)
        m.d.comb += [ClockSignal("start").eq(system), domain.rst.eq(waiting)]
        with m.If(locked & ~count.all()):
            m.d.start += count.eq(count + 1)
        m.d.start += waiting.eq(~count.all())

    def _add_divider(self, m: Module, oscillator: Signal, system: Signal) -> None:
        m.domains += ClockDomain("fast", reset_less=True, local=True)
        divider = Signal(self._clock.shift)
        m.d.comb += ClockSignal("fast").eq(oscillator)
        if self._board.family is Family.ICE40:  # this clock alone on a clock network
            m.submodules.network = Instance(
                "SB_GB", i_USER_SIGNAL_TO_GLOBAL_BUFFER=divider[-1],
                o_GLOBAL_BUFFER_OUTPUT=system,
            )  # fmt: skip
        else:
            m.d.comb += system.eq(divider[-1])
        m.d.fast += divider.eq(divider + 1)

    def _add_ice40_pll(self, m: Module, pin: Any, system: Signal, locked: Signal) -> None:
        """The pad's own PLL: a pad beside a PLL has no other way into it."""
        m.submodules.pll = Instance(
            "SB_PLL40_PAD", **self._pll_parameters(), p_FEEDBACK_PATH="SIMPLE",
            i_PACKAGEPIN=pin.io, i_RESETB=1, i_BYPASS=0, o_PLLOUTGLOBAL=system, o_LOCK=locked,
        )  # fmt: skip

    def _add_ecp5_pll(self, m: Module, oscillator: Signal, system: Signal, locked: Signal) -> None:
        parameters = self._pll_parameters()
        m.submodules.pll = Instance(
            "EHXPLLL", **parameters, p_CLKOP_ENABLE="ENABLED", p_FEEDBK_PATH="CLKOP",
            p_CLKOP_CPHASE=parameters["p_CLKOP_DIV"] // 2, p_CLKOP_FPHASE=0,
            i_CLKI=oscillator, i_CLKFB=system, i_RST=0, i_STDBY=0, i_ENCLKOP=0, i_PHASESEL0=0,
            i_PHASESEL1=0, i_PHASEDIR=1, i_PHASESTEP=1, i_PHASELOADREG=1, i_PLLWAKESYNC=0,
            o_CLKOP=system, o_LOCK=locked,
        )  # fmt: skip

    def _pll_parameters(self) -> dict[str, int]:
        assert self._clock.pll is not None
        return {f"p_{name}": value for name, value in self._clock.pll.items()}
