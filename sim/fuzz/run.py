"""Runs random networks on their RTL and keeps what differs."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from sim.equality import check
from sim.fresh import in_fresh_processes
from sim.fuzz.case import FuzzCase, random_case
from sim.fuzz.hardware import Drawn, draw_hardware
from spikeforge.errors import SpikeforgeError

__all__ = ["Finding", "fuzz_case", "run_seed", "run_seeds", "shrink"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one seed gave.

    Attributes:
        seed: The seed.
        items: Events, marks and membranes that were compared.
        differences: The first difference of each run that had one; an error of the tools counts.
    """

    seed: int
    items: int
    differences: tuple[str, ...]


def fuzz_case(seed: int, **limits: int) -> FuzzCase:
    """The case of a seed, with its hardware."""
    return random_case(seed, draw_hardware=draw_hardware, **limits)  # type: ignore[arg-type]


def run_seed(seed: int, **limits: int) -> Finding:
    """Build and compare one case, with a cache of its own that is thrown away."""
    case = fuzz_case(seed, **limits)
    drawn = case.hardware
    assert isinstance(drawn, Drawn)
    with tempfile.TemporaryDirectory(prefix="spikeforge-fuzz-") as name, _cache_in(Path(name)):
        try:
            found = check(case.network, drawn.config, case.inputs, drawn.stalls)
        except SpikeforgeError as error:
            return Finding(seed=seed, items=0, differences=(str(error),))
    return Finding(seed=seed, items=found.items, differences=found.differences)


@contextlib.contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Build models in a folder, but share the compiled runtime of Verilator."""
    with patch("sim.build.cache_folder", lambda *parts: _made(folder.joinpath(*parts))):
        yield


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_seeds(
    seeds: list[int], workers: int, found: Callable[[Finding], object], each: int = 50
) -> None:
    """Run many seeds, a process for each worker; ``found`` is called with every finding, in order.

    A process makes room for a fresh one after ``each`` seeds.
    """
    for finding in in_fresh_processes(run_seed, seeds, workers, each):
        found(finding)


def shrink(seed: int) -> tuple[FuzzCase, Finding]:
    """The smallest case of the same seed that still differs: fewer blocks, neurons and images."""
    best = fuzz_case(seed), run_seed(seed)
    for deepest in (0, 1, 2, 3):
        for widest in (3, 6, 12):
            finding = run_seed(seed, deepest=deepest, widest=widest, images=3)
            if finding.differences:
                return fuzz_case(seed, deepest=deepest, widest=widest, images=3), finding
    return best
