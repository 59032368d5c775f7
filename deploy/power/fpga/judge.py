"""How good the model is: every published point predicted from the others."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.power.fpga.fit import Coefficients, determined, fit, pll_excess_ua, predict_ua
from deploy.power.fpga.points import Point, Published

__all__ = ["Judged", "leave_one_out"]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A point, and what the model says of it without having seen it.

    Attributes:
        name: The point's.
        measured_ua, predicted_ua: Core current.
        remark: What the prediction lacks, or nothing.
    """

    name: str
    measured_ua: float
    predicted_ua: float
    remark: str = ""

    @property
    def error_ua(self) -> float:
        """Predicted less measured."""
        return self.predicted_ua - self.measured_ua

    @property
    def error_percent(self) -> float:
        """Of the measured current."""
        return 100 * self.error_ua / self.measured_ua

    def to_json(self) -> dict[str, object]:
        """For the record."""
        return {
            "point": self.name, "measured_ua": self.measured_ua,
            "predicted_ua": round(self.predicted_ua, 2),
            "error_percent": round(self.error_percent, 2), "remark": self.remark,
        }  # fmt: skip


def leave_one_out(published: Published) -> list[Judged]:
    """Predict every point by a fit to the others, in the file's order.

    Where a point is the only one that fixes a coefficient, the prediction is made without that term
    and says so: the error is then as large as the term.
    """
    everything = fit(published.fitted)
    return [
        _fitted(point, published) if point.outside is None
        else _outside(point, published, everything)
        for point in published.points
    ]  # fmt: skip


def _fitted(point: Point, published: Published) -> Judged:
    others = [each for each in published.fitted if each is not point]
    lost = [name for name in determined(published.fitted) if name not in determined(others)]
    remark = (
        f"no other point fixes {' and '.join(lost)}: predicted without" if lost else ""
    )  # fmt: skip
    return Judged(
        name=point.name, measured_ua=point.core, predicted_ua=predict_ua(fit(others), point),
        remark=remark,
    )  # fmt: skip


def _outside(point: Point, published: Published, found: Coefficients) -> Judged:
    predicted = predict_ua(found, point)
    if point.pll:
        others = [each for each in published.points if each.pll and each is not point]
        excess = pll_excess_ua(found, others)
        predicted += sum(excess) / len(excess)
    return Judged(
        name=point.name, measured_ua=point.core, predicted_ua=predicted,
        remark=f"not fitted: {point.outside}",
    )  # fmt: skip
