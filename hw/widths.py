"""Widths of fields that count something."""

from __future__ import annotations

__all__ = ["address_bits"]


def address_bits(count: int) -> int:
    """Bits of an address in 0..count-1, at least 1."""
    return max(1, (count - 1).bit_length())
