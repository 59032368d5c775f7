"""Coverage of many networks together, kept in a file so that a run can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import hw
from sim.coverage.points import Point
from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically

__all__ = ["Merged", "sources_hash"]

_ROOT = Path(hw.__file__).parent


def sources_hash() -> str:
    """Hash of the generator's sources: points are named by their lines."""
    paths = sorted(path for end in ("py", "v") for path in _ROOT.rglob(f"*.{end}"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


@dataclass
class Merged:
    """Points of all networks so far.

    Attributes:
        points: For each point, how many runs have it, and how many pass it.
        runs: What has been run, by name.
        sources: Hash of the generator's sources that were run.
    """

    points: dict[Point, tuple[int, int]] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    sources: str = field(default_factory=sources_hash)

    def add(self, run: str, found: Mapping[Point, int]) -> int:
        """Add a run; returns how many points it is the first to pass."""
        new = 0
        for point, count in found.items():
            have, passed = self.points.get(point, (0, 0))
            new += bool(count) and not passed
            self.points[point] = have + 1, passed + bool(count)
        self.runs.append(run)
        return new

    def holes(self) -> list[Point]:
        """Points that no run passed, in the order of the sources."""
        return sorted(
            (point for point, (_, passed) in self.points.items() if not passed), key=_place
        )

    def save(self, path: Path) -> None:
        """Write the record."""
        rows = [[*_parts(point), *counts] for point, counts in sorted(self.points.items())]
        record = {"sources": self.sources, "runs": self.runs, "points": rows}
        write_atomically(path, json.dumps(record).replace("], [", "],\n["))

    @classmethod
    def load(cls, path: Path) -> Merged:
        """Read a record.

        Raises:
            SpikeforgeError: If the generator has changed since.
        """
        record = json.loads(path.read_text())
        if record["sources"] != sources_hash():
            raise SpikeforgeError(
                f"{path} tells the coverage of other sources in hw/; delete it or name another file"
            )
        points = {Point(*row[:3]): (row[3], row[4]) for row in record["points"]}
        return cls(points=points, runs=record["runs"], sources=record["sources"])


def _parts(point: Point) -> tuple[str, str, str]:
    return point.kind, point.file, point.name


def _place(point: Point) -> tuple[str, str, int, str]:
    first = point.name.partition(" ")[0]
    return point.kind, point.file, int(first) if first.isdigit() else 0, point.name
