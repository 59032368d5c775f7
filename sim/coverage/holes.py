"""Why points are not covered: reasons from a file, matched to the holes that a run leaves."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import hw
from sim.coverage.points import Point
from spikeforge.errors import SpikeforgeError

__all__ = ["Reason", "explain", "reasons", "source_text"]

_ROOT = Path(hw.__file__).parent.parent


@dataclass(frozen=True)
class Reason:
    """Why some points cannot be passed, or are not worth it.

    Attributes:
        kind: ``line``, ``branch`` or ``toggle``.
        file: Their file.
        point: Regular expression found in a toggle's name; for lines and branches in the source
            line followed by the side, so that a reason survives edits elsewhere in the file.
        reason: The reason, in a sentence.
    """

    kind: str
    file: str
    point: str
    reason: str

    def covers(self, point: Point) -> bool:
        """Whether the reason is one for this point."""
        if (point.kind, point.file) != (self.kind, self.file):
            return False
        return re.search(self.point, source_text(point)) is not None


def reasons(path: Path | None = None) -> list[Reason]:
    """The reasons that are known, from ``holes.toml``.

    Raises:
        SpikeforgeError: If an entry lacks something, or has no reason.
    """
    text = path.read_text() if path else files("sim.coverage").joinpath("holes.toml").read_text()
    found = []
    for entry in tomllib.loads(text).get("hole", []):
        if set(entry) != {"kind", "file", "point", "reason"} or not entry["reason"].strip():
            raise SpikeforgeError(
                f"hole {entry} needs kind, file, point and reason, and nothing else"
            )
        found.append(Reason(**entry))
    return found


def explain(holes: Iterable[Point], known: Iterable[Reason]) -> dict[Point, str]:
    """The reason of each hole; holes without one are left out."""
    known = list(known)
    found = {}
    for point in holes:
        reason = next((one.reason for one in known if one.covers(point)), "")
        if reason:
            found[point] = reason
    return found


def source_text(point: Point) -> str:
    """A toggle's name; of a line or branch the source line, and the side."""
    number, _, side = point.name.partition(" ")
    if point.kind == "toggle" or not number.isdigit():
        return point.name
    lines = _lines(point.file)
    text = lines[int(number) - 1].strip() if int(number) <= len(lines) else ""
    return f"{text} {side}".strip()


@cache
def _lines(file: str) -> list[str]:
    return (_ROOT / file).read_text().splitlines()
