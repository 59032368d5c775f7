"""What static timing analysis finds: loads, slews, arrivals, and the longest path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PathPoint", "Timing"]


@dataclass(frozen=True)
class PathPoint:
    """One step of the longest path.

    Attributes:
        through: Instance and its cell, or what begins or ends the path.
        net: The net that it drives.
        arrival_ns: When that has changed.
        load_pf: Of the net.
    """

    through: str
    net: str
    arrival_ns: float
    load_pf: float


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What the analysis found.

    Attributes:
        load_pf, slew_ns: Of every net (transition: mean of rise and fall), shape (nets,).
        arrival_ns: When every net has settled at the latest, shape (nets,).
        period_ns: The shortest clock period.
        path: The longest path.
        overloaded: Nets whose load is beyond what their driver's library states.
    """

    load_pf: NDArray[np.float64]
    slew_ns: NDArray[np.float64]
    arrival_ns: NDArray[np.float64]
    period_ns: float
    path: tuple[PathPoint, ...]
    overloaded: int

    @property
    def maximum_mhz(self) -> float:
        """The highest clock."""
        return 1e3 / self.period_ns
