from __future__ import annotations

from pathlib import Path

import pytest

from deploy.boards import board_named, plan_clock
from deploy.boards.top import BoardTop
from hw.config import MemoryMode, configure
from hw.link.gateware import LinkConfig
from hw.memory.technology import Technology
from spikeforge.netfile import load_network

TINY = Path(__file__).parents[3] / "models" / "mnist-tiny.safetensors"


@pytest.mark.parametrize(("name", "mhz", "pll"), [("icebreaker", 24.0, "SB_PLL40_PAD"),
                                                  ("icebreaker", 3.0, None),
                                                  ("icesugar", 12.0, None),
                                                  ("ulx3s-85f", 75.0, "EHXPLLL"),
                                                  ("icepi-zero", 50.0, None),
                                                  ("ecp5-evn", 60.0, "EHXPLLL")])  # fmt: skip
def test_the_pins_clock_and_gateware_reach_the_tools(name, mhz, pll, monkeypatch):
    monkeypatch.setenv("AMARANTH_USE_YOSYS", "builtin")
    board = board_named(name)
    clock = plan_clock(board, mhz)
    network = load_network(TINY)
    options = {"technology": Technology.SPRAM} if board.flash else {"memory": MemoryMode.PRELOAD}
    link = LinkConfig(clock_khz=round(1000 * clock.mhz), baud=115_200, flash=board.flash)
    top = BoardTop(network, configure(network, 16, **options), link, board, clock)
    plan = board.make_platform().prepare(top, "top")
    design = plan.files["top.il"]
    design = design if isinstance(design, str) else design.decode()
    assert "cell \\accelerator " in design
    assert all((primitive in design) == (primitive == pll)
               for primitive in ("SB_PLL40_PAD", "EHXPLLL"))  # fmt: skip
    pins = plan.files["top.pcf" if "top.pcf" in plan.files else "top.lpf"]
    pins = pins if isinstance(pins, str) else pins.decode()
    assert "uart_0__rx" in pins
    assert ("spi_flash_1x_0__cipo" in pins) == board.flash
