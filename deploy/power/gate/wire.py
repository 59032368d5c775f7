"""Wire load: the capacitance of a net that nobody has routed yet."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WireLoad"]


@dataclass(frozen=True)
class WireLoad:
    """Capacitance of a net by its fan-out.

    Attributes:
        name: Of the model, and where it comes from.
        points: Fan-outs and capacitances in pF, ascending.
        slope_pf: For each further sink.
    """

    name: str
    points: tuple[tuple[int, float], ...]
    slope_pf: float

    def at(self, fan_out: int) -> float:
        """Capacitance in pF."""
        if fan_out <= 0 or not self.points:
            return max(fan_out, 0) * self.slope_pf
        last, most = self.points[-1]
        if fan_out >= last:
            return most + (fan_out - last) * self.slope_pf
        before = (0, 0.0)
        for at, value in self.points:
            if fan_out <= at:
                share = (fan_out - before[0]) / (at - before[0])
                return before[1] + share * (value - before[1])
            before = (at, value)
        raise AssertionError("the last point is beyond every fan-out here")
