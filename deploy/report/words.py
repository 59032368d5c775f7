"""Numbers as a person reads them; a figure that is missing says so and is never a zero."""

from __future__ import annotations

import math

__all__ = ["NOT_MEASURED", "NOT_RUN", "count", "figure", "percent", "quantity"]

NOT_MEASURED = "not measured"
NOT_RUN = "not run"


def figure(value: float | None, digits: int = 3) -> str:
    """Write a number with significant digits and thousands separators, without an exponent.

    >>> figure(12345.6), figure(0.012345), figure(None)
    ('12,346', '0.0123', 'not measured')
    """
    if value is None:
        return NOT_MEASURED
    if float(value).is_integer():
        return f"{value:,.0f}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(places, 0), 12)}f}"


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """Write a number with its unit, or ``not measured``."""
    return NOT_MEASURED if value is None else f"{figure(value, digits)} {unit}"


def percent(share: float | None) -> str:
    """Write a share 0..1 as a percentage with two decimals."""
    return NOT_MEASURED if share is None else f"{share * 100:.2f} %"


def count(value: int | None, missing: str = NOT_MEASURED) -> str:
    """Write a whole number with thousands separators."""
    return missing if value is None else f"{value:,}"
