"""From a placed design and its activity to the power of the core rail."""

from __future__ import annotations

import math
from dataclasses import asdict

from deploy.boards import Family
from deploy.power.fpga.activity import FpgaActivity
from deploy.power.fpga.clock import clock_source
from deploy.power.fpga.design import FpgaDesign
from deploy.power.fpga.fit import Coefficients, fit
from deploy.power.fpga.judge import leave_one_out
from deploy.power.fpga.points import MemoryRange, Published, WholeDesign, load_published
from deploy.power.fpga.result import Ends, FpgaPower
from deploy.power.fpga.words import ECP5_NOTES, NOT_INCLUDED, NOTES, TERMS
from spikeforge.errors import SpikeforgeError

__all__ = ["estimate_fpga", "idle_cell_ua"]


def estimate_fpga(
    design: FpgaDesign, activity: FpgaActivity, images_per_second: float | None = None
) -> FpgaPower:
    """Estimate the core rail at a rate of images, or back to back.

    Raises:
        SpikeforgeError: If the rate is not above 0, or more than the accelerator does.
    """
    most = design.clock_mhz * 1e6 / activity.interval_cycles
    rate = most if images_per_second is None else images_per_second
    if not (math.isfinite(rate) and 0 < rate <= most):
        raise SpikeforgeError(
            f"images a second must be above 0 and at most {most:.0f}, which is what "
            f"{design.clock_mhz:g} MHz and {activity.interval_cycles:g} cycles an image allow, "
            f"not {rate:g}"
        )
    if design.board.family is not Family.ICE40:
        return FpgaPower(
            design=design, activity=activity, voltage_v=None, images_per_second=rate,
            back_to_back=images_per_second is None, currents_ua=dict.fromkeys(TERMS),
            whole_design_mw=None, judged=(), coefficients={}, sources=(), notes=ECP5_NOTES,
            not_included=NOT_INCLUDED,
        )  # fmt: skip
    published = load_published()
    found = fit(published.fitted)
    source = clock_source(design, found, published)
    currents = _currents(design, activity, rate, found, published)
    low, high = source.pll_rail_ua
    return FpgaPower(
        design=design, activity=activity, voltage_v=published.voltage.value,
        images_per_second=rate, back_to_back=images_per_second is None,
        currents_ua={**currents, "clock source": source.core_ua},
        whole_design_mw=_whole_design_mw(design.clock_mhz, found, published),
        judged=tuple(leave_one_out(published)), coefficients=asdict(found),
        sources=published.sources, notes=(*NOTES, source.note),
        not_included=(f"PLL rail (measured: {low:g} to {high:g} uA)", *NOT_INCLUDED),
    )  # fmt: skip


def idle_cell_ua(found: Coefficients, whole: WholeDesign) -> float:
    """What the published whole design draws idle, over all cells of the chip, in uA a MHz.

    It holds idle memories and DSP blocks too, and is above the fitted quiet cell.
    """
    rest = whole.idle - found.static - whole.mhz * found.clock
    return max(found.quiet, rest / whole.mhz / whole.cells_at_most)


def _currents(
    design: FpgaDesign, activity: FpgaActivity, rate: float, found: Coefficients,
    published: Published,
) -> dict[str, Ends | None]:  # fmt: skip
    mhz, cells = design.clock_mhz, design.logic_cells
    images_a_cycle = rate / (mhz * 1e6)
    inside = min(1.0, images_a_cycle * activity.latency_cycles)
    at_most = cells * inside
    counted = min(at_most, activity.cell_cycles * images_a_cycle)
    at_least = min(counted, (activity.cell_cycles - activity.register_cycles) * images_a_cycle)
    idle = idle_cell_ua(found, published.whole_design)
    dsp = mhz * design.dsps * inside * found.dsp
    volts = published.voltage.value

    def busy_and_quiet(busy: float, quiet_ua: float) -> tuple[float, float]:
        return mhz * busy * found.busy, mhz * (cells - busy) * quiet_ua

    least = busy_and_quiet(at_least, found.quiet)
    usual = busy_and_quiet(counted, found.quiet)
    most = busy_and_quiet(at_most, idle)
    busy, quiet = (
        Ends(lowest=least[n], low=usual[n], high=usual[n], highest=most[n]) for n in (0, 1)
    )

    def memory(blocks: int, kind: str, costs: MemoryRange) -> Ends:
        reads, writes = (getattr(activity, f"{kind}_{way}") * rate for way in ("reads", "writes"))
        worst = blocks * inside * mhz * 1e6 * costs.read_high.value
        low, high = (
            reads * getattr(costs, f"read_{end}").value
            + writes * getattr(costs, f"write_{end}").value
            for end in ("low", "high")
        )
        return Ends.memory(low, high, max(worst, high)).times(1e-6 / volts)

    return {
        "static": Ends.exactly(found.static),
        "clock tree": Ends.exactly(mhz * found.clock),
        "quiet cells": quiet,
        "busy cells": busy,
        "DSP": Ends(lowest=0.0, low=dsp, high=dsp, highest=dsp),
        "block RAM": memory(design.block_rams, "block_ram", published.block_ram),
        "SPRAM": memory(design.sprams, "spram", published.spram),
    }  # fmt: skip


def _whole_design_mw(mhz: float, found: Coefficients, published: Published) -> tuple[float, float]:
    whole, volts = published.whole_design, published.voltage.value
    idle, running = (
        volts * 1e-3 * (found.static + mhz * (current - found.static) / whole.mhz)
        for current in (whole.idle, whole.running)
    )
    return idle, running
