"""From Verilator's ``coverage.dat`` to points that mean the same in every network.

Each network is an elaboration of its own, so a point is named by where in ``hw/`` it comes from:

- **line**: a Python line with an assignment that stands under a condition or in a clocked process
  (Verilator has no points for plain wiring); a line of Verilog written by hand.
- **branch**: a side of an ``m.If`` / ``m.Switch``, the missing ``else`` included, by the line of
  the first ``m.If`` and the number of the side; a side of a ``Mux``, by its line.
- **toggle**: a bit of a net, rising or falling, by class, name and number of the bit from the
  lowest. Elements of an array (``values__0``, ``values__1``) count as one net, so do ports named by
  layers (``probe_hidden1``, ``probe_hidden2``), and several muxes on one line as one mux.

Not counted: nets without a name (results of expressions), packed records whose fields are there as
nets of their own, copies of other modules' ports, and bits that the elaboration ties to a constant.
A point that several networks have is covered when one of them covers it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sim.coverage.verilog import VerilogText

__all__ = ["Point", "points_of"]

_NUMBERED = re.compile(r"\d+")
_LAYER = re.compile(r"\b((?:accelerator_)?(?:probe|tap)_)\w+|\b((?:value|count|step)_)\w+?(__)")
_TOGGLE = re.compile(r"(?:\[(\d+)\])?:([01])->[01]$")
_SIDES = {"cond_then": "mux then", "cond_else": "mux else"}


@dataclass(frozen=True, order=True)
class Point:
    """One thing to cover.

    Attributes:
        kind: ``line``, ``branch`` or ``toggle``.
        file: File below the repository's root.
        name: Which one in this file.
    """

    kind: str
    file: str
    name: str


def points_of(counts: str, verilog: str) -> dict[Point, int]:
    """How often each point was passed.

    Args:
        counts: Text of ``coverage.dat``.
        verilog: Text of the Verilog file that it speaks of.
    """
    text = VerilogText(verilog)
    found: Counter[Point] = Counter()
    for entry, count in _entries(counts):
        points = _toggle(text, entry) if entry["t"] == "toggle" else _blocks(text, entry)
        for point in points:
            found[point] += count
    return dict(found)


def _entries(counts: str) -> Iterator[tuple[dict[str, str], int]]:
    """Fields and count of every line ``C '<1>key<2>value<1>key<2>value' count``."""
    for line in counts.splitlines():
        if line.startswith("C '"):
            fields, _, count = line[3:].rpartition("' ")
            pairs = (part.partition("\2") for part in fields.split("\1") if part)
            yield {key: value for key, _, value in pairs}, int(count)


def _blocks(text: VerilogText, entry: dict[str, str]) -> Iterator[Point]:
    """The lines and the branch that a line or branch entry stands for."""
    number, side = int(entry["l"]), entry["o"]
    module = text.module(number)
    if module.offset is not None:
        yield from _by_hand(module.file, module.offset, entry)
    elif side in _SIDES:
        file, _, line = text.sources.get(number, "").partition(":")
        if file.startswith("hw/"):
            yield Point("branch", file, f"{line} {_SIDES[side]}")
    else:
        for mark in (text.marks[text.marked[n]] for n in _lines(entry) if n in text.marked):
            if mark.place != "-":
                file, _, line = mark.place.partition(":")
                yield Point("branch", file, f"{line} {mark.side}")
            for place in mark.lines:
                file, _, line = place.partition(":")
                yield Point("line", file, line)


def _by_hand(file: str, offset: int, entry: dict[str, str]) -> Iterator[Point]:
    if entry["t"] == "branch":
        yield Point("branch", file, f"{int(entry['l']) + offset} {entry['o']}")
    for number in _lines(entry):
        yield Point("line", file, str(number + offset))


def _lines(entry: dict[str, str]) -> Iterator[int]:
    """Lines of a block, from ``12-14,17``."""
    for part in entry.get("S", "").split(","):
        first, _, last = part.partition("-")
        if first:
            yield from range(int(first), int(last or first) + 1)


def _toggle(text: VerilogText, entry: dict[str, str]) -> Iterator[Point]:
    number = int(entry["l"])
    module = text.module(number)
    found = _TOGGLE.search(entry["o"])
    if not (module.file and found and number in module.counted):
        return
    bit = int(found[1] or 0)
    if (module.nets[number], bit) not in module.constant:
        net = _NUMBERED.sub("#", _LAYER.sub(r"\1\2*\3", module.counted[number]))
        edge = "rise" if found[2] == "0" else "fall"
        yield Point("toggle", module.file, f"{module.kind}.{net}[{bit}] {edge}")
