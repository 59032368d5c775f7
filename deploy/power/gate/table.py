"""Tables of Liberty: delays, transitions and energies over input slew and output load."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """Values over slew and load; a scalar has one of each.

    Attributes:
        slews: Input transitions in ns, ascending.
        loads: Output loads in pF, ascending.
        values: ``values[slew][load]``.
    """

    slews: tuple[float, ...]
    loads: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def at(self, slew_ns: float, load_pf: float) -> float:
        """Interpolate between the four nearest points; beyond the table its last slope goes on."""
        i, s = _place(self.slews, slew_ns)
        j, r = _place(self.loads, load_pf)
        low, high = self.values[i], self.values[min(i + 1, len(self.values) - 1)]
        k = min(j + 1, len(low) - 1)
        first = low[j] + r * (low[k] - low[j])
        return first + s * (high[j] + r * (high[k] - high[j]) - first)

    @property
    def largest(self) -> float:
        """The highest value."""
        return max(max(row) for row in self.values)


def _place(points: Sequence[float], value: float) -> tuple[int, float]:
    """The interval to use, and where in it the value lies (0..1 inside)."""
    if len(points) < 2:
        return 0, 0.0
    at = min(max(bisect_right(points, value) - 1, 0), len(points) - 2)
    width = points[at + 1] - points[at]
    return at, (value - points[at]) / width if width else 0.0
