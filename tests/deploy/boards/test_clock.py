from __future__ import annotations

import pytest

from deploy.boards import BOARDS, board_named, plan_clock
from spikeforge.errors import SpikeforgeError


@pytest.mark.parametrize(("board", "mhz"), [("icebreaker", 24), ("icebreaker", 12),
                                            ("icebreaker", 3), ("ulx3s-85f", 75),
                                            ("ulx3s-25f", 90), ("ulx3s-25f", 25)])  # fmt: skip
def test_a_usual_clock_is_reached_and_never_exceeded(board, mhz):
    assert 0.97 * mhz <= plan_clock(board_named(board), mhz).mhz <= mhz * 1.000001


@pytest.mark.parametrize("mhz", [16.5, 24, 33, 48])
def test_pll_parameters_of_the_ice40_give_the_frequency(mhz):
    plan = plan_clock(BOARDS["icebreaker"], mhz)
    pll = plan.pll
    made = 12 * (pll["DIVF"] + 1) / (pll["DIVR"] + 1) / 2 ** pll["DIVQ"]
    assert made == pytest.approx(plan.mhz)
    assert 533 <= made * 2 ** pll["DIVQ"] <= 1066


@pytest.mark.parametrize("mhz", [40, 75, 100])
def test_pll_parameters_of_the_ecp5_give_the_frequency(mhz):
    plan = plan_clock(BOARDS["ulx3s-85f"], mhz)
    pll = plan.pll
    assert 25 * pll["CLKFB_DIV"] / pll["CLKI_DIV"] == pytest.approx(plan.mhz)
    assert 400 <= plan.mhz * pll["CLKOP_DIV"] <= 800


def test_a_clock_that_cannot_be_made_is_refused_with_those_near_it():
    with pytest.raises(SpikeforgeError, match=r"that iCEBreaker can make, not 0\.1; near it are"):
        plan_clock(BOARDS["icebreaker"], 0.1)


def test_a_misspelt_board_is_refused():
    with pytest.raises(
        SpikeforgeError, match=r"board must be one of icebreaker, .*not 'icebraker'"
    ):
        board_named("icebraker")
