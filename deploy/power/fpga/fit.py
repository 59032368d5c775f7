"""The current of the core rail as a sum of terms, by least squares on the published points.

    uA = static + hfosc + MHz x (clock + quiet x quiet cells + busy x busy cells + dsp x DSPs)

Errors count relative to the measured current, so that small currents are not drowned by large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from deploy.power.fpga.points import Point
from spikeforge.errors import SpikeforgeError

__all__ = ["Coefficients", "determined", "fit", "pll_excess_ua", "predict_ua"]


@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """What the fit finds.

    Attributes:
        static: uA, configured and without a clock.
        hfosc: uA that the internal 48 MHz oscillator adds, whatever it is divided by.
        clock: uA a MHz: clock input and clock network.
        quiet: uA a MHz and a cell that is clocked, or there, but hardly changes.
        busy: uA a MHz and a cell that works on new operands in every cycle.
        dsp: uA a MHz and a DSP block that multiplies in every cycle.
    """

    static: float
    hfosc: float
    clock: float
    quiet: float
    busy: float
    dsp: float


_NAMES = tuple(field.name for field in fields(Coefficients))


def fit(points: Sequence[Point]) -> Coefficients:
    """Least squares of relative errors; a coefficient that the points leave open becomes 0.

    A point that needs an open coefficient says nothing about the others and is left out too.

    Raises:
        SpikeforgeError: If there are no points.
    """
    if not points:
        raise SpikeforgeError("a fit needs at least one measured point, not 0")
    known = determined(points)
    keep = [_NAMES.index(name) for name in _NAMES if name in known]
    rows = np.array([_row(point) for point in points])
    open_columns = [index for index in range(len(_NAMES)) if index not in keep]
    used = ~rows[:, open_columns].any(axis=1)
    measured = np.array([point.core for point in points])[used]
    scaled = rows[used][:, keep] / measured[:, np.newaxis]
    solution = np.linalg.lstsq(scaled, np.ones(len(measured)), rcond=None)[0]
    found = dict.fromkeys(_NAMES, 0.0)
    found |= {_NAMES[index]: float(value) for index, value in zip(keep, solution, strict=True)}
    return Coefficients(**found)


def determined(points: Sequence[Point]) -> tuple[str, ...]:
    """Coefficients that the points fix: those that no mixture of the others can stand for."""
    rows = np.array([_row(point) for point in points])
    scale = np.abs(rows).max(axis=0)
    scaled = rows / np.where(scale > 0, scale, 1.0)
    rank = np.linalg.matrix_rank(scaled)
    return tuple(
        name for index, name in enumerate(_NAMES)
        if np.linalg.matrix_rank(np.delete(scaled, index, axis=1)) < rank
    )  # fmt: skip


def predict_ua(found: Coefficients, point: Point) -> float:
    """What the model says of a point, without a PLL."""
    values: NDArray[np.float64] = np.array([asdict(found)[name] for name in _NAMES])
    return float(np.array(_row(point)) @ values)


def pll_excess_ua(found: Coefficients, points: Sequence[Point]) -> list[float]:
    """What each point with a PLL draws from the core rail beyond the model."""
    return [point.core - predict_ua(found, point) for point in points if point.pll]


def _row(point: Point) -> list[float]:
    quiet = point.cells - point.busy
    return [
        1.0, float(point.hfosc), point.mhz, point.mhz * quiet, point.mhz * point.busy,
        point.mhz * point.dsps,
    ]  # fmt: skip
