"""Division by a constant, as one multiplication and a shift."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal, Value

from hw.widths import address_bits

__all__ = ["quotient", "reciprocal"]


def reciprocal(count: int, divisor: int) -> tuple[int, int]:
    """Factor and shift with ``x * factor >> shift == x // divisor`` for every x in 0..count-1.

    With ``factor = ceil(2**shift / divisor)`` and ``excess = factor * divisor - 2**shift`` the
    product is too large by ``x * excess / (divisor * 2**shift)``, which moves no floor as long as
    it stays below ``1 / divisor`` (Granlund and Montgomery, PLDI 1994). The smallest such shift.
    """
    shift = 0
    while True:
        factor = -(-(1 << shift) // divisor)
        excess = factor * divisor - (1 << shift)
        if excess * (count - 1) < 1 << shift:
            return factor, shift
        shift += 1


def quotient(m: Module, name: str, value: Value, count: int, divisor: int) -> tuple[Any, Any]:
    """Quotient and remainder of a value in 0..count-1 by a constant, without any latency.

    Args:
        m: Where the logic goes.
        name: Prefix of the two signals.
        value: Dividend.
        count: How many values it may take.
        divisor: Constant, at least 1.
    """
    whole = Signal(address_bits(-(-count // divisor)), name=f"{name}_quotient")
    rest = Signal(address_bits(min(divisor, count)), name=f"{name}_remainder")
    factor, shift = reciprocal(count, divisor)
    m.d.comb += [whole.eq((value * factor) >> shift), rest.eq(value - whole * divisor)]
    return whole, rest
