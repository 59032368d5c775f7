"""From a board's oscillator to the system clock: straight, divided, or through a PLL.

Ranges: Lattice *iCE40 sysCLOCK PLL Design and Usage Guide* (FPGA-TN-02052) and *ECP5 and ECP5-5G
sysCLOCK PLL/DLL Design and Usage Guide* (FPGA-TN-02200).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from deploy.boards.board import Board, Family
from spikeforge.errors import SpikeforgeError

__all__ = ["ClockPlan", "plan_clock"]

_ICE40_VCO_MHZ, _ICE40_PFD_MHZ, _ICE40_OUT_MHZ = (533.0, 1066.0), (10.0, 133.0), (16.0, 275.0)
_ECP5_VCO_MHZ, _ECP5_PFD_MHZ, _ECP5_OUT_MHZ = (400.0, 800.0), (3.125, 400.0), (3.125, 400.0)
_ECP5_VCO_MIDDLE_MHZ = 600.0
# Upper ends of the phase detector's ranges that SB_PLL40_PAD's FILTER_RANGE 1 to 6 stand for.
_ICE40_FILTERS = ((17.0, 1), (26.0, 2), (44.0, 3), (66.0, 4), (101.0, 5), (133.0, 6))
_MOST_SHIFTS = 4


@dataclass(frozen=True, kw_only=True)
class ClockPlan:
    """How the system clock comes about.

    Attributes:
        mhz: What comes out.
        source: In words.
        shift: The oscillator is divided by 2**shift, without a PLL.
        pll: Parameters of the PLL primitive, or nothing without one.
    """

    mhz: float
    source: str
    shift: int = 0
    pll: dict[str, int] | None = None

    def oscillator_on_network(self, family: Family) -> bool:
        """Whether the oscillator itself drives a clock network, or a PLL.

        A network costs current by its frequency, and who divides a clock wants little of it.
        """
        return not (self.shift and family is Family.ICE40)


def plan_clock(board: Board, mhz: float) -> ClockPlan:
    """The clock nearest to a frequency, and not above it.

    Raises:
        SpikeforgeError: If the board cannot make one within 10 % below.
    """
    plans = [*_divided(board), *(_ice40(board) if board.family is Family.ICE40 else _ecp5(board))]
    fitting = [plan for plan in plans if plan.mhz <= mhz * 1.000001]
    best = max(fitting, key=lambda plan: (plan.mhz, plan.pll is None), default=None)
    if best is None or best.mhz < 0.9 * mhz:
        near = ", ".join(f"{each:g}" for each in _nearby(plans, mhz))
        raise SpikeforgeError(
            f"--clock-mhz must be a clock that {board.title} can make, not {mhz:g}; near it are "
            f"{near}"
        )
    return best


def _nearby(plans: list[ClockPlan], mhz: float) -> list[float]:
    found = sorted({round(plan.mhz, 3) for plan in plans}, key=lambda each: abs(each - mhz))
    return sorted(found[:3])


def _divided(board: Board) -> list[ClockPlan]:
    title = f"the board's {board.clock_mhz:g} MHz oscillator"
    return [
        ClockPlan(
            mhz=board.clock_mhz / (1 << n), shift=n,
            source=title if n == 0 else f"{title}, divided by {1 << n}",
        )
        for n in range(_MOST_SHIFTS + 1)
    ]  # fmt: skip


def _ice40(board: Board) -> list[ClockPlan]:
    """SB_PLL40_PAD, feedback SIMPLE: fin (DIVF + 1) / ((DIVR + 1) 2**DIVQ)."""
    plans = []
    for divr, divf, divq in product(range(16), range(128), range(1, 7)):
        pfd = board.clock_mhz / (divr + 1)
        vco = pfd * (divf + 1)
        mhz = vco / (1 << divq)
        if (
            _within(pfd, _ICE40_PFD_MHZ)
            and _within(vco, _ICE40_VCO_MHZ)
            and _within(mhz, _ICE40_OUT_MHZ)
        ):
            filter_range = next(number for top, number in _ICE40_FILTERS if pfd <= top)
            pll = {"DIVR": divr, "DIVF": divf, "DIVQ": divq, "FILTER_RANGE": filter_range}
            plans.append(ClockPlan(mhz=mhz, source=_words(board), pll=pll))
    return plans


def _ecp5(board: Board) -> list[ClockPlan]:
    """EHXPLLL with feedback from CLKOP: fin CLKFB_DIV / CLKI_DIV; the VCO runs CLKOP_DIV faster."""
    plans = []
    for into, back in product(range(1, 9), range(1, 81)):
        pfd = board.clock_mhz / into
        mhz = pfd * back
        if not (_within(pfd, _ECP5_PFD_MHZ) and _within(mhz, _ECP5_OUT_MHZ)):
            continue
        ratios = [n for n in range(1, 129) if _within(mhz * n, _ECP5_VCO_MHZ)]
        if ratios:
            ratio = min(ratios, key=lambda n: abs(mhz * n - _ECP5_VCO_MIDDLE_MHZ))
            pll = {"CLKI_DIV": into, "CLKFB_DIV": back, "CLKOP_DIV": ratio}
            plans.append(ClockPlan(mhz=mhz, source=_words(board), pll=pll))
    return plans


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _words(board: Board) -> str:
    return f"a PLL on the board's {board.clock_mhz:g} MHz oscillator"
