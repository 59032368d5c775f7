"""Activity as SAIF, the format that other power tools read."""

from __future__ import annotations

from pathlib import Path

from deploy.power.gate.measure import Spent
from deploy.power.gate.netlist import ONE, Netlist
from hw.verilog import TOP
from spikeforge.files import write_atomically

__all__ = ["write_saif"]


def write_saif(path: Path, netlist: Netlist, spent: Spent, clock_mhz: float) -> None:
    """Write transitions and times of every net, by its name in ``netlist.v``.

    Args:
        path: The file.
        netlist: Whose nets.
        spent: What they did.
        clock_mhz: Sets the time scale; a net has its value for whole cycles.
    """
    period_ps = round(1e6 / clock_mhz)
    lines = [
        "(SAIFILE", '  (SAIFVERSION "2.0")', '  (DIRECTION "backward")', "  (DIVIDER / )",
        "  (TIMESCALE 1 ps)", f"  (DURATION {spent.cycles * period_ps})",
        f"  (INSTANCE {TOP}", "    (NET",
    ]  # fmt: skip
    for net in range(ONE + 1, netlist.net_count):
        high = int(spent.high[net]) * period_ps // 2
        low = spent.cycles * period_ps - high
        lines.append(
            f"      (n{net} (T0 {low}) (T1 {high}) (TX 0) (TC {int(spent.toggles[net])}) (IG 0))"
        )
    lines += ["    )", "  )", ")", ""]
    write_atomically(path, "\n".join(lines))
