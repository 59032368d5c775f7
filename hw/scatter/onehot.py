"""Which bit is set, as a number."""

from __future__ import annotations

from amaranth import Cat, Const, Value

__all__ = ["binary"]


def binary(one_hot: Value) -> Value:
    """Index of the only set bit; 0 if none is, or of a single one."""
    width = len(one_hot)
    if width == 1:
        return Const(0, 1)
    bits = (width - 1).bit_length()
    return Cat(Cat(one_hot[n] for n in range(width) if n >> b & 1).any() for b in range(bits))
