"""From a wanted rate to the hardware that meets it with the least energy an image.

Static power flows whether an image is there or not, so at a low rate it decides, and at a high one
the dynamic energy does. The clock is stopped between images; a slower clock that just keeps up
spends the same (nothing here lowers the supply), and shares the work evenly in time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.power.result import PowerReport
from spikeforge.errors import SpikeforgeError

__all__ = ["OperatingPoint", "best_point", "check_rate", "operating_point"]


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """One hardware at the wanted rate.

    Attributes:
        lanes: Of the hardware.
        least_mhz: The slowest clock that keeps up, images back to back.
        clock_mhz: The clock of the estimate; the accelerator works for ``duty`` of the time.
        reaches: Whether the clock keeps up at all.
        duty: Share of the time with an image inside.
        dynamic_uj, static_uj: Of one image at that rate.
    """

    lanes: int
    least_mhz: float
    clock_mhz: float
    reaches: bool
    duty: float
    dynamic_uj: float
    static_uj: float

    @property
    def energy_uj(self) -> float:
        """Of one image."""
        return self.dynamic_uj + self.static_uj

    def power_mw(self, images_per_second: float) -> float:
        """Mean power."""
        return self.energy_uj * images_per_second * 1e-3

    def to_json(self) -> dict[str, float | int | bool]:
        """As the record has it."""
        return {
            "lanes": self.lanes, "least_mhz": self.least_mhz, "clock_mhz": self.clock_mhz,
            "reaches": self.reaches, "duty": self.duty, "dynamic_uj": self.dynamic_uj,
            "static_uj": self.static_uj, "energy_uj": self.energy_uj,
        }  # fmt: skip


def check_rate(images_per_second: float) -> None:
    """Refuse a rate that is none.

    Raises:
        SpikeforgeError: If it is not above 0, or not finite.
    """
    if not 0 < images_per_second < math.inf:
        raise SpikeforgeError(f"--images-per-second must be above 0, not {images_per_second:g}")


def operating_point(report: PowerReport, lanes: int, images_per_second: float) -> OperatingPoint:
    """Put an estimate at a rate.

    Raises:
        SpikeforgeError: If the rate is not above 0.
    """
    check_rate(images_per_second)
    least_mhz = report.interval_cycles * images_per_second * 1e-6
    return OperatingPoint(
        lanes=lanes, least_mhz=least_mhz, clock_mhz=report.clock_mhz,
        reaches=least_mhz <= report.clock_mhz, duty=min(1.0, least_mhz / report.clock_mhz),
        dynamic_uj=report.dynamic_uj, static_uj=report.static_mw / images_per_second * 1e3,
    )  # fmt: skip


def best_point(points: Sequence[OperatingPoint]) -> OperatingPoint:
    """The point that keeps up with the least energy.

    Raises:
        SpikeforgeError: If none keeps up.
    """
    able = [point for point in points if point.reaches]
    if not able:
        fastest = min(points, key=lambda point: point.least_mhz)
        raise SpikeforgeError(
            f"--images-per-second needs {fastest.least_mhz:.4g} MHz with {fastest.lanes} lanes, "
            f"and the clock is {fastest.clock_mhz:g} MHz; ask for less, or raise --clock-mhz"
        )
    return min(able, key=lambda point: (point.energy_uj, point.lanes))
