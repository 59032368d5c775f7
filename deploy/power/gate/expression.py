"""Boolean expressions of Liberty: functions of cells, and the conditions of their tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError

__all__ = ["Expression", "parse_expression"]

Words = NDArray[np.uint64]
_TOKEN = re.compile(r"\s*([A-Za-z_][\w\[\]]*|[01()!'*&^|+])")
_LONGEST, _DEEPEST = 10_000, 100  # characters; brackets and negations, which nest


@dataclass(frozen=True)
class Expression:
    """One expression.

    Attributes:
        kind: ``pin``, ``0``, ``1``, ``!``, ``&``, ``|`` or ``^``.
        pin: Name of the pin, of a ``pin``.
        parts: What the operator joins.
    """

    kind: str
    pin: str = ""
    parts: tuple[Expression, ...] = ()

    @property
    def pins(self) -> frozenset[str]:
        """Pins that it depends on."""
        if self.kind == "pin":
            return frozenset({self.pin})
        return frozenset().union(*(part.pins for part in self.parts))

    def verilog(self, name: Callable[[str], str]) -> str:
        """As Verilog, each pin by the name that it is given."""
        if self.kind == "pin":
            return name(self.pin)
        if not self.parts:
            return f"1'b{self.kind}"
        inner = [part.verilog(name) for part in self.parts]
        return f"~{inner[0]}" if self.kind == "!" else f"({f' {self.kind} '.join(inner)})"

    def words(self, value: Callable[[str], Words], ones: Words) -> Words:
        """Many cycles at once, a bit each.

        Args:
            value: Words of a pin.
            ones: Words of the constant 1; bits beyond the last cycle are 0 in all words.
        """
        if self.kind == "pin":
            return value(self.pin)
        if not self.parts:
            return ones if self.kind == "1" else np.zeros_like(ones)
        inner = [part.words(value, ones) for part in self.parts]
        if self.kind == "!":
            return ones & ~inner[0]
        operation = {"&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor}[self.kind]
        result = inner[0]
        for other in inner[1:]:
            result = operation(result, other)
        return result


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """Read an expression: ``!`` or ``'`` not, then ``^``, then ``*``, ``&`` or a gap, then ``+``.

    Raises:
        SpikeforgeError: If it cannot be read.
    """
    nested = text.count("(") + text.count("!")
    tokens = [] if len(text) > _LONGEST or nested > _DEEPEST else _tokens(text)
    if not tokens:
        raise SpikeforgeError(f"a function or condition cannot be read: {text[:80]!r}")
    found, rest = _either(tokens)
    if rest:
        raise SpikeforgeError(f"a function or condition ends at {rest[0]!r}: {text[:80]!r}")
    return found


def _tokens(text: str) -> list[str]:
    found, at, text = [], 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return []
        found.append(match[1])
        at = match.end()
    return found


def _either(tokens: list[str]) -> tuple[Expression, list[str]]:
    return _chain(tokens, "|", ("+", "|"), _both)


def _differ(tokens: list[str]) -> tuple[Expression, list[str]]:
    return _chain(tokens, "^", ("^",), _single)


def _chain(
    tokens: list[str], kind: str, signs: tuple[str, ...],
    inner: Callable[[list[str]], tuple[Expression, list[str]]],
) -> tuple[Expression, list[str]]:  # fmt: skip
    part, tokens = inner(tokens)
    parts = [part]
    while tokens and tokens[0] in signs:
        part, tokens = inner(tokens[1:])
        parts.append(part)
    return (Expression(kind, parts=tuple(parts)) if len(parts) > 1 else part), tokens


def _both(tokens: list[str]) -> tuple[Expression, list[str]]:
    part, tokens = _differ(tokens)
    parts = [part]
    while tokens and tokens[0] not in ("+", "|", ")"):
        part, tokens = _differ(tokens[1:] if tokens[0] in ("*", "&") else tokens)
        parts.append(part)
    return (Expression("&", parts=tuple(parts)) if len(parts) > 1 else part), tokens


def _single(tokens: list[str]) -> tuple[Expression, list[str]]:
    if not tokens:
        raise SpikeforgeError("a function or condition ends too early")
    first, rest = tokens[0], tokens[1:]
    if first == "!":
        part, rest = _single(rest)
        return _inverted(part), rest
    if first == "(":
        part, rest = _either(rest)
        if not rest or rest[0] != ")":
            raise SpikeforgeError("a function or condition lacks a closing bracket")
        rest = rest[1:]
    elif first in "01":
        part = Expression(first)
    elif first[0].isalpha() or first[0] == "_":
        part = Expression("pin", first)
    else:
        raise SpikeforgeError(f"a function or condition has a misplaced {first!r}")
    while rest and rest[0] == "'":
        part, rest = _inverted(part), rest[1:]
    return part, rest


def _inverted(part: Expression) -> Expression:
    return Expression("!", parts=(part,))
