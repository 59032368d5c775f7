"""Where the clock comes from, and what that costs on the core rail beyond the clock network."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.power.fpga.design import FpgaDesign
from deploy.power.fpga.fit import Coefficients, pll_excess_ua
from deploy.power.fpga.points import Published
from deploy.power.fpga.result import Ends

__all__ = ["ClockSource", "clock_source"]


@dataclass(frozen=True, kw_only=True)
class ClockSource:
    """The clock source's share.

    Attributes:
        core_ua: On the core rail.
        pll_rail_ua: Lowest and highest on the PLL's own rail; not in any total.
        note: What was assumed.
    """

    core_ua: Ends
    pll_rail_ua: tuple[float, float]
    note: str


def clock_source(design: FpgaDesign, found: Coefficients, published: Published) -> ClockSource:
    """Straight from the board's oscillator, divided by cells, or through the PLL."""
    with_pll = "PLL" in design.clock_source
    rails = [point.pll_rail for point in published.points if point.pll == with_pll]
    rail = (min(rails), max(rails))
    if with_pll:
        return _through_pll(found, published, rail)
    factor = round(design.board.clock_mhz / design.clock_mhz)
    if factor > 1:
        make = _divided if design.oscillator_on_network else _divided_off_networks
        return make(design.board.clock_mhz, factor, found, rail)
    return ClockSource(
        core_ua=Ends.exactly(0.0), pll_rail_ua=rail,
        note="clock source: an external oscillator on a pin; what the pin draws from the core rail "
        "is in the clock term, which was measured that way",
    )  # fmt: skip


def _through_pll(
    found: Coefficients, published: Published, rail: tuple[float, float]
) -> ClockSource:
    excess = pll_excess_ua(found, published.points)
    mean = sum(excess) / len(excess)
    return ClockSource(
        core_ua=Ends(lowest=min(excess), low=mean, high=mean, highest=max(excess)),
        pll_rail_ua=rail,
        note="clock source: the PLL on a 12 MHz input; on the core rail it is what the published "
        "points with a PLL draw beyond the model (lowest, mean, highest)",
    )


def _divided(
    mhz: float, factor: int, found: Coefficients, rail: tuple[float, float]
) -> ClockSource:
    cells, cells_ua = _dividing(mhz, factor, found)
    whole = cells_ua + mhz * found.clock
    return ClockSource(
        core_ua=Ends(lowest=cells_ua, low=whole, high=whole, highest=whole),
        pll_rail_ua=rail,
        note=f"clock source: {mhz:g} MHz divided by {factor} in {cells} cells. Place and route "
        f"puts every net that clocks a flip-flop on a global network, so the {mhz:g} MHz net costs "
        "a whole clock term of its own; lowest: it stays off the global networks and only the "
        "dividing cells count",
    )


def _divided_off_networks(
    mhz: float, factor: int, found: Coefficients, rail: tuple[float, float]
) -> ClockSource:
    cells, cells_ua = _dividing(mhz, factor, found)
    return ClockSource(
        core_ua=Ends(
            lowest=cells_ua, low=cells_ua, high=cells_ua, highest=cells_ua + mhz * found.clock
        ),
        pll_rail_ua=rail,
        note=f"clock source: {mhz:g} MHz divided by {factor} in {cells} cells; the design was "
        f"placed with the {mhz:g} MHz net off the global networks, so that only these cells count "
        "as busy at that rate; highest: the net costs as much as a clock network all the same",
    )


def _dividing(mhz: float, factor: int, found: Coefficients) -> tuple[int, float]:
    cells = factor.bit_length() - 1
    return cells, mhz * cells * found.busy
