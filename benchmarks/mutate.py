"""Puts small faults into the generator, one at a time, and asks the tests to find them.

    python benchmarks/oracle.py reach --out out/reach.json
    python benchmarks/mutate.py --count 200 --seed 1 --out out/mutants.json
    python benchmarks/mutate.py --list benchmarks/mutants_by_hand.json --out out/by_hand.json

Every mutant gets a copy of the project and is tried against ever broader tests until one fails:
random networks that reach its place (:mod:`oracle`; part of ``tests/sim/test_random_networks.py``),
the tests of its own file, those of its folder, more networks, then whole accelerators. What no
test finds survives, and needs a test or a reason why it changes nothing:
``benchmarks/mutants_equivalent.json`` holds the reasons. The record is written after every mutant;
running again goes on from there, and with ``--again`` tries survivors once more. ``--list`` takes
mutants by hand: ``{"path", "old", "new", "why"}``, where ``old`` occurs once in its file.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import resource
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import oracle  # noqa: F401 (loads what every fork needs)
import pytest  # noqa: F401 (likewise)
from mutants import Mutant, choose, marked

from spikeforge.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.json")
NEEDED = ("benchmarks", "docs", "hw", "sim", "spikeforge", "train", "deploy", "tests", "models",
          "pyproject.toml", "README.md")  # fmt: skip
PROCESSOR_SECONDS = 600  # of one stage; who needs more hangs
SLOW = ("test_lint.py", "test_verilog.py", "test_memory_cells.py")
_DEAR = ("hw/axi", "hw/memor", "hw/census", "hw/gating", "hw/probe", "hw/verilog")
_GRAPH = ["tests/hw/graph/test_graph_geometry.py", "tests/hw/graph/test_graph_parts.py"]
_FRONT = ["tests/hw/scatter/test_scatter_front.py"]
_SCAN = ["tests/hw/scatter/test_scan.py"]
_SIZES = ["tests/hw/scatter/test_sum_width.py", "tests/hw/scatter/test_scatter_content.py",
          "tests/hw/graph/test_graph_geometry.py"]  # fmt: skip
_MEMORY = ["tests/hw/test_memory_cells.py"]
_CENSUS = ["tests/hw/test_census.py"]
# Tests of files whose names do not tell.
OWN = {
    **dict.fromkeys([f"hw/graph/{name}.py" for name in
                     ("ahead", "geometry", "links", "fifo", "fork", "join", "pool", "stall")],
                    _GRAPH),
    **dict.fromkeys([f"hw/scatter/{name}.py" for name in
                     ("accumulate", "banks", "decode", "expand", "items", "lookup", "marks",
                      "own", "planes", "taps")], _FRONT),
    **dict.fromkeys([f"hw/scatter/{name}.py" for name in
                     ("emit", "onehot", "ports", "update")], _SCAN),
    **dict.fromkeys(["hw/scatter/geometry.py", "hw/scatter/sizing.py", "hw/node.py"], _SIZES),
    **dict.fromkeys([f"hw/memory/{name}.py" for name in ("composition", "sg13g2", "spram")],
                    _MEMORY),
    "hw/memory/banks.py": ["tests/sim/test_memory_technologies.py"],
    **dict.fromkeys(["hw/memories.py", "hw/inventory.py"], _CENSUS),
    "hw/crc.py": ["tests/hw/test_loader.py"],
    "hw/readout_rows.py": ["tests/hw/test_readout_steps.py"],
    "hw/section.py": ["tests/hw/test_content.py"],
    "hw/verilog.py": ["tests/hw/test_verilog.py"],
    "hw/gating.py": ["tests/sim/test_clock_gating.py"],
    "hw/icg.v": ["tests/sim/test_clock_gating.py"],
    "hw/parameters.py": ["tests/hw/test_content.py"],
    "hw/probe.py": ["tests/sim/test_activity_counts.py"],
}  # fmt: skip
WHOLE = ("tests/sim/test_load_stream.py", "tests/sim/test_activity_counts.py",
         "tests/sim/test_toggles.py", "tests/sim/test_clock_gating.py",
         "tests/sim/test_memory_technologies.py", "tests/sim/test_rtl.py",
         "tests/sim/test_simulate.py", "tests/sim/test_proofs.py")  # fmt: skip
AXI = ("tests/sim/test_axi.py",)


def stages(mutant: Mutant, reach: Path, *, narrow: bool) -> list[list[str]]:
    """Commands that try a mutant, from quick to broad; ``narrow``: only the quick ones."""
    file = Path(mutant.path)
    folder = Path("tests") / file.parent
    stem = file.stem if file.stem != "__init__" else file.parent.name
    near = sorted((ROOT / folder).glob(f"test_*{stem}*.py"))
    own = [str(path.relative_to(ROOT)) for path in near if path.name not in SLOW]
    own += OWN.get(mutant.path, ["tests/hw/axi"] if "axi" in file.parts else [])
    judged = ["judge", "--reach", str(reach), "--path", mutant.path, "--lines", str(mutant.first),
              str(mutant.last)]  # fmt: skip
    found = [] if "axi" in file.parts else [[*judged, "--most", "4"]]
    if own:
        found.append(tests(*own))
    if narrow:
        return found
    if len(file.parts) > 2 and (ROOT / folder).exists():
        found.append(tests(str(folder)))
    if "axi" in file.parts:
        return [*found, tests(*AXI)]
    return [*found, [*judged, "--skip", "4", "--most", "12"], tests(*WHOLE),
            tests("tests/hw"), tests(*AXI)]  # fmt: skip


def tests(*paths: str) -> list[str]:
    """A command that stops at the first test that fails."""
    return ["pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *paths]


def attempt(mutant: Mutant, reach: Path, cache: Path, *, narrow: bool) -> dict[str, object]:
    """Try one mutant; says which command found it, or that none did."""
    seconds, by, how = 0.0, "", ""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copy = copied(Path(name))
        mutant.apply(copy)
        file = copy / mutant.path
        for stale in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            stale.unlink()
        for command in stages(mutant, reach, narrow=narrow):
            how, used = run(command, copy, cache)
            seconds += used
            if how:
                by = " ".join(word for word in command if word != str(reach))
                if command[0] == "pytest":
                    require_clean(tuple(command), cache)
                break
    return {**asdict(mutant), "caught": bool(how), "by": by, "how": how,
            "seconds": round(seconds, 1)}  # fmt: skip


def copied(folder: Path) -> Path:
    """A copy of all that tests need; files are linked, so a change must replace them."""
    for part in NEEDED:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, copy_function=os.link)
        elif source.exists():
            os.link(source, folder / part)
    return folder


@functools.cache
def require_clean(command: tuple[str, ...], cache: Path) -> None:
    """Make sure that tests which find a mutant pass without one."""
    with tempfile.TemporaryDirectory(prefix="mutant-none-") as folder:
        how, _ = run(list(command), copied(Path(folder)), cache)
    if how:
        raise SystemExit(f"{' '.join(command)} fails without any mutant: {how}")


def run(command: list[str], copy: Path, cache: Path) -> tuple[str, float]:
    """How a command failed in the copy (nothing if it passed), and its processor time.

    It runs in a fork of this process, which has loaded all libraries already.
    """
    log = copy / "log.txt"
    child = os.fork()
    if not child:
        code = 70
        try:
            code = inside(command, copy, cache, log)
        finally:
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    seconds = used.ru_utime + used.ru_stime
    if status == 0:
        return "", seconds
    lines = log.read_text(errors="replace").splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return failed[0] if failed else f"status {status}: {' '.join(lines[-3:])[-300:]}", seconds


def inside(command: list[str], copy: Path, cache: Path, log: Path) -> int:
    """What the fork does: forget our own modules, and run with those of the copy."""
    # Bounded by processor time: a busy machine makes no mutant hang.
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    os.chdir(copy)
    os.environ.update({"PYTHONPATH": str(copy), "SPIKEFORGE_CACHE": str(cache),
                       "PYTHONDONTWRITEBYTECODE": "1"})  # fmt: skip
    sys.dont_write_bytecode = True
    with log.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    for name in list(sys.modules):
        if name.split(".")[0] in ("hw", "sim", "deploy", "train", "oracle"):
            del sys.modules[name]
    sys.path[:0] = [str(copy), str(copy / "benchmarks")]
    importlib.invalidate_caches()
    module = importlib.import_module("oracle" if command[0] == "judge" else "pytest")
    given = command if command[0] == "judge" else command[1:]
    code = int(module.main(given))
    sys.stdout.flush()
    return code


def by_hand(path: Path) -> list[Mutant]:
    """Mutants of a list."""
    found = []
    for entry in json.loads(path.read_text()):
        text = (ROOT / entry["path"]).read_text()
        if text.count(entry["old"]) != 1:
            raise SystemExit(f"{entry['path']} must hold {entry['old']!r} once")
        begin = text.index(entry["old"])
        line = text.count("\n", 0, begin) + 1
        found.append(
            Mutant(
                path=entry["path"], operator=entry["why"], line=line, first=line,
                last=line + entry["old"].count("\n"), begin=begin, end=begin + len(entry["old"]),
                old=entry["old"], new=entry["new"],
                context=marked(text, begin, begin + len(entry["old"])),
            )
        )  # fmt: skip
    return found


def reason(row: dict[str, object], reasons: list[dict[str, str]]) -> str:
    """Why a mutant changes nothing, if that is known; the text around it tells which one it is."""
    keys = ("path", "operator", "old", "new", "context")
    same = [one["reason"] for one in reasons if all(one[key] == row[key] for key in keys)]
    return same[0] if same else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", type=Path)
    parser.add_argument("--again", action="store_true", help="try survivors once more")
    parser.add_argument("--narrow", action="store_true", help="leave out the broad tests")
    parser.add_argument("--reach", type=Path, default=Path("out/reach.json"))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("out/mutants.json"))
    options = parser.parse_args()
    chosen = by_hand(options.list) if options.list else choose(ROOT, options.count, options.seed)
    rows = json.loads(options.out.read_text())["mutants"] if options.out.exists() else []
    if options.again:
        rows = [row for row in rows if row["caught"]]
    known = {(row["path"], row["begin"], row["new"], row["old"]) for row in rows}
    left = [m for m in chosen if (m.path, m.begin, m.new, m.old) not in known]
    left.sort(key=lambda mutant: mutant.path.startswith(_DEAR))  # quick ones first
    reasons = json.loads(EQUIVALENT.read_text()) if EQUIVALENT.exists() else []
    cache = options.out.resolve().parent / "mutants-cache"
    reach = options.reach.resolve()
    task = partial(attempt, reach=reach, cache=cache, narrow=options.narrow)
    with ProcessPoolExecutor(options.workers, mp_context=get_context("fork")) as pool:
        for row in pool.map(task, left):
            rows.append(row)
            record = {"seed": options.seed, **summary(rows, reasons), "mutants": rows}
            write_atomically(options.out, json.dumps(record, indent=1))
            print(told(row, reason(row, reasons)), flush=True)
    print(json.dumps(summary(rows, reasons), indent=1))


def summary(rows: list[dict[str, object]], reasons: list[dict[str, str]]) -> dict[str, object]:
    """How many were caught, and how many change nothing."""
    survivors = [row for row in rows if not row["caught"]]
    equivalent = sum(bool(reason(row, reasons)) for row in survivors)
    return {
        "of": len(rows), "caught": len(rows) - len(survivors), "equivalent": equivalent,
        "unexplained": len(survivors) - equivalent,
        "processor_seconds": round(sum(float(str(row["seconds"])) for row in rows)),
    }  # fmt: skip


def told(row: dict[str, object], why: str) -> str:
    """A mutant's line of the report."""
    state = "caught" if row["caught"] else f"equivalent: {why}" if why else "SURVIVES"
    return (f"{state} [{row['seconds']} s] {row['path']}:{row['line']} {row['operator']}: "
            f"{row['old']!r} -> {row['new']!r} {row['how']}"[:400])  # fmt: skip


if __name__ == "__main__":
    main()
