"""The fpga method: power of a placed design from published currents of its device."""

from __future__ import annotations

from deploy.power.fpga.activity import FpgaActivity, count_activity
from deploy.power.fpga.design import FpgaDesign, load_design
from deploy.power.fpga.judge import Judged, leave_one_out
from deploy.power.fpga.model import estimate_fpga
from deploy.power.fpga.result import END_NAMES, Ends, FpgaPower

__all__ = [
    "END_NAMES", "Ends", "FpgaActivity", "FpgaDesign", "FpgaPower", "Judged", "count_activity",
    "estimate_fpga", "leave_one_out", "load_design",
]  # fmt: skip
