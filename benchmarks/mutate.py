"""Puts small faults into the generator, one at a time, and asks the tests to find them.

    python benchmarks/oracle.py reach --out out/reach.json
    python benchmarks/mutate.py --count 200 --seed 1 --out out/mutants.json
    python benchmarks/mutate.py --list benchmarks/mutants_by_hand.json --out out/by_hand.json

Every mutant gets a copy of the project and is tried against ever broader tests until one fails:
random networks that reach its place (:mod:`oracle`; part of ``tests/sim/test_random_networks.py``),
the tests of its own file, those of its folder, more networks, then whole accelerators. What no
test finds survives, and needs a test or a reason why it changes nothing:
``benchmarks/mutants_equivalent.json`` holds the reasons. The record is written after every mutant;
running again goes on from there, and with ``--again`` tries survivors without a reason once more.
``--list`` takes mutants by hand: ``{"path", "old", "new", "why"}``, where ``old`` occurs once in
its file.
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
from mutation_tests import DEAR, stages

from spikeforge.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.json")
NEEDED = ("benchmarks", "docs", "hw", "sim", "spikeforge", "train", "deploy", "tests", "models",
          "pyproject.toml", "README.md")  # fmt: skip
PROCESSOR_SECONDS = 600  # of one stage; who needs more hangs


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
            shutil.copytree(source, folder / part, copy_function=link)
        elif source.exists():
            link(str(source), str(folder / part))
    return folder


def link(source: str, copy: str) -> None:
    """Link a file, or copy it where links do not reach."""
    try:
        os.link(source, copy)
    except OSError:
        shutil.copy2(source, copy)


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
    if command[0] == "pytest" and os.waitstatus_to_exitcode(status) in (4, 5):
        raise SystemExit(f"{' '.join(command)} runs no test: {' '.join(lines[-3:])}")
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
    reasons = json.loads(EQUIVALENT.read_text()) if EQUIVALENT.exists() else []
    if options.again:
        rows = [row for row in rows if row["caught"] or reason(row, reasons)]
    known = {(row["path"], row["begin"], row["new"], row["old"]) for row in rows}
    left = [m for m in chosen if (m.path, m.begin, m.new, m.old) not in known]
    left.sort(key=lambda mutant: mutant.path.startswith(DEAR))  # quick ones first
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
