"""Timing constraints (SDC) for the ports that the chip really has."""

from __future__ import annotations

from collections.abc import Iterable

from deploy.asic.pdk import Pdk
from hw.interface import Port

__all__ = ["CLOCK", "DERATE", "INPUT_SHARE", "OUTPUT_SHARE", "constraints", "period_ns",
           "port_pattern"]  # fmt: skip

CLOCK = "clk"
INPUT_SHARE, OUTPUT_SHARE = 0.2, 0.2
"""Share of the period that lies outside, before an input and after an output."""
UNCERTAINTY_SHARE = 0.02
TRANSITION_NS = 0.15
DERATE = 0.05
"""Early and late paths are taken to be faster and slower by this share."""


def period_ns(clock_mhz: float) -> float:
    """A clock's period in ns, in whole picoseconds, never longer than it is."""
    return int(1e6 / clock_mhz + 1e-6) / 1000


def port_pattern(port: Port) -> str:
    """A port as SDC names it; a bus by all of its bits."""
    return f"{port.name}[*]" if port.width > 1 else port.name


def constraints(ports: Iterable[Port], pdk: Pdk, clock_mhz: float) -> str:
    """The constraints file: clock, then each input, then each output.

    There is one clock and reset is synchronous to it, so no path is false.
    """
    period = period_ns(clock_mhz)
    ports = [port for port in ports if port.name != CLOCK]
    cell, pin = pdk.driver
    lines = [
        f"# {clock_mhz:g} MHz; times in ns, loads in pF. Other blocks take {INPUT_SHARE:.0%} of",
        f"# the period before inputs and {OUTPUT_SHARE:.0%} after outputs: assumptions, put yours.",
        f"create_clock -name {CLOCK} -period {period:.3f} [get_ports {{{CLOCK}}}]",
        f"set_clock_uncertainty {UNCERTAINTY_SHARE * period:.3f} [get_clocks {{{CLOCK}}}]",
        f"set_clock_transition {TRANSITION_NS:.3f} [get_clocks {{{CLOCK}}}]",
        f"set_driving_cell -lib_cell {cell} -pin {pin} [get_ports {{{CLOCK}}}]",
        f"set_timing_derate -early {1 - DERATE:.3f}",
        f"set_timing_derate -late {1 + DERATE:.3f}",
        "",
    ]
    for port in ports:
        where = f"[get_ports {{{port_pattern(port)}}}]"
        share = INPUT_SHARE if port.is_input else OUTPUT_SHARE
        kind = "input" if port.is_input else "output"
        lines.append(f"set_{kind}_delay {share * period:.3f} -clock {CLOCK} {where}")
        lines.append(
            f"set_driving_cell -lib_cell {cell} -pin {pin} {where}" if port.is_input
            else f"set_load {pdk.load_pf:g} {where}"
        )  # fmt: skip
    return "\n".join(lines) + "\n"
