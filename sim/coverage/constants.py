"""Bits that a module ties to a constant: wiring alone decides them, so they can never toggle.

Follows plain wiring inside a module (constants, names, slices, concatenations); what logic makes of
constants, or the module around hands in, is not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["constant_bits"]

Bit = tuple[str, int]

_PART = re.compile(r"^(?:(\d+)'h[0-9a-f]+|(\\\S+|\w+)\s*(?:\[(\d+)(?::(\d+))?\])?)$")


def constant_bits(assigns: list[tuple[str, str]], widths: Mapping[str, int]) -> set[Bit]:
    """Bits tied to a constant, as (name, bit).

    Args:
        assigns: Left and right side of every ``assign`` of the module.
        widths: Width of every net.
    """
    drivers: dict[Bit, Bit | None] = {}
    for left, right in assigns:
        targets, sources = list(_bits(left, widths)), list(_bits(right, widths))
        if len(targets) == len(sources):
            drivers |= {target: source for target, source in zip(targets, sources, strict=True)
                        if target}  # fmt: skip
    found: set[Bit] = set()
    while True:
        more = {bit for bit, driver in drivers.items()
                if (driver is None or driver in found) and bit not in found}  # fmt: skip
        if not more:
            return found
        found |= more


def _bits(text: str, widths: Mapping[str, int]) -> Iterator[Bit | None]:
    """Bits of an expression, lowest first; None for a constant one; nothing if it is logic."""
    for part in reversed(text.strip("{} ").split(",")):
        match = _PART.match(part.strip())
        if match is None or (match[2] and match[2].removeprefix("\\") not in widths):
            yield ("", 0)  # breaks the count of bits, unless it is one bit of logic
            continue
        if match[1]:
            yield from [None] * int(match[1])
            continue
        name = match[2].removeprefix("\\")
        high = int(match[3]) if match[3] else widths[name] - 1
        low = int(match[4]) if match[4] else high if match[3] else 0
        yield from ((name, bit) for bit in range(low, high + 1))
