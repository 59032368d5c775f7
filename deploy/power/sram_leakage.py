"""Static power of SRAM as a range, for memories whose files state none that can be trusted.

Liberty files of open SRAM macros state leakage as zero, or as one figure a bit whatever the shape.
So a range is shown: from CACTI 7's low-standby-power cells (0.02 uW/kB at 65 nm, 300 K) to its
low-operating-power cells (10.5 to 14.3 uW/kB at 65 nm). Both are models of another node than
SG13G2, and neither end is a limit: cells for speed leak more.
"""

from __future__ import annotations

from deploy.power.result import Span

__all__ = ["SRAM_LEAKAGE_SOURCE", "sram_leakage_uw"]

_UW_PER_KB = (0.02, 14.0)
SRAM_LEAKAGE_SOURCE = (
    "SRAM leakage 0.02 to 14 uW/kB: CACTI 7, ITRS low-standby-power and low-operating-power cells, "
    "65 nm, 300 K; the macros' own files are not trusted for it"
)


def sram_leakage_uw(bits: int) -> Span:
    """Both ends for so many bits, in uW."""
    kilobytes = bits / 8 / 1024
    return _UW_PER_KB[0] * kilobytes, _UW_PER_KB[1] * kilobytes
