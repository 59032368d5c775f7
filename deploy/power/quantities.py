"""Numbers that carry their unit and their source; another unit is refused, never converted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spikeforge.validation import StrictModel

__all__ = [
    "Area",
    "Capacitance",
    "Energy",
    "Frequency",
    "Power",
    "Quantity",
    "Ratio",
    "Source",
    "Temperature",
    "Time",
    "Voltage",
]

Source = Annotated[str, Field(min_length=8, max_length=400)]


class Quantity(StrictModel):
    """A number, and where it comes from; the subclasses fix the unit."""

    value: float = Field(ge=0)
    source: Source


class Energy(Quantity):
    """An energy in pJ."""

    unit: Literal["pJ"]


class Capacitance(Quantity):
    """A capacitance in pF."""

    unit: Literal["pF"]


class Power(Quantity):
    """A static power in nW."""

    unit: Literal["nW"]


class Area(Quantity):
    """An area in um2."""

    unit: Literal["um2"]


class Time(Quantity):
    """A time in ns."""

    unit: Literal["ns"]


class Frequency(Quantity):
    """A frequency in MHz."""

    unit: Literal["MHz"]
    value: float = Field(gt=0)


class Voltage(Quantity):
    """A supply in V."""

    unit: Literal["V"]
    value: float = Field(gt=0)


class Temperature(StrictModel):
    """A temperature in degrees Celsius."""

    value: float
    unit: Literal["C"]
    source: Source


class Ratio(Quantity):
    """A number without a unit."""

    unit: Literal["1"]
