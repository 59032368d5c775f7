"""Coverage of the accelerator behind AXI: its own tests, on RTL that counts.

The cocotb benches of ``tests/sim/test_axi.py`` drive every register and rule of the AXI ports. They
run as they are, in a pytest with this module as a plugin, which lets them build marked Verilog with
coverage points; Verilator then leaves ``coverage.dat`` where each simulation ran.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from hw.axi.verilog import AXI_TOP
from sim.coverage.points import Point, points_of
from sim.verilator import COVERAGE_FLAGS
from spikeforge.errors import SpikeforgeError

__all__ = ["cover_axi", "pytest_configure"]


def cover_axi(tests: Path, folder: Path) -> dict[Point, int]:
    """How often each point was passed in all simulations of the AXI tests.

    Args:
        tests: The file ``test_axi.py``.
        folder: Where the tests build; made anew.

    Raises:
        SpikeforgeError: If a test fails.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", __name__,
               f"--basetemp={folder}", str(tests)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SpikeforgeError(f"the AXI tests fail with coverage: {done.stdout[-500:]}")
    found: Counter[Point] = Counter()
    for counts in sorted(folder.glob("build-cache/axi-*/coverage.dat")):
        verilog = counts.with_name(f"{AXI_TOP}.v")
        found.update(points_of(counts.read_text(), verilog.read_text()))
    return dict(found)


def pytest_configure(config: Any) -> None:
    """Before the tests are imported: marked Verilog, and Verilator counts."""
    import hw.axi.verilog
    import sim.runner
    from hw.marked import marked_axi_verilog

    plain = sim.runner.PortsOnlyVerilator._build_command

    def counting(self: Any) -> list[list[str]]:
        first, *others = plain(self)
        return [[first[0], *COVERAGE_FLAGS, *first[1:]], *others]

    hw.axi.verilog.generate_axi_verilog = marked_axi_verilog
    sim.runner.PortsOnlyVerilator._build_command = counting  # type: ignore[method-assign]
