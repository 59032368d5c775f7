"""Puts small faults into the generator, one at a time, and asks the tests to find them.

    python benchmarks/mutate.py --count 200 --seed 1 --out out/mutants.json

Every mutant gets a copy of the project and is tried against ever broader tests until one fails: the
tests of its own file, those of its folder, then whole accelerators in the compiled harness. What no
test finds survives, and needs a test or a proof that it changes nothing. The record is written
after every mutant; running again goes on from there. ``--list FILE`` takes mutants by hand: a JSON
list of ``{"path", "old", "new", "why"}``, where ``old`` occurs once in its file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from mutants import Mutant, choose

from spikeforge.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("hw", "sim", "spikeforge", "train", "tests", "models", "pyproject.toml", "README.md")
STAGE_SECONDS = 900
WHOLE = ("tests/sim/test_rtl.py", "tests/sim/test_random_networks.py", "tests/sim/test_simulate.py")
AXI = ("tests/hw/axi", "tests/sim/test_axi.py")
LOADING = ("tests/sim/test_load_stream.py",)


def stages(path: str) -> list[list[str]]:
    """Tests for a file of ``hw/``, from narrow to broad; only those that exist."""
    file = Path(path)
    folder = Path("tests") / file.parent
    own = [str(test) for test in sorted((ROOT / folder).glob(f"test_*{file.stem}*.py"))]
    around = [str(folder)] if len(file.parts) > 2 else []
    broad = list(AXI if "axi" in file.parts else WHOLE)
    if file.stem in ("loader", "parameters", "crc"):
        broad += LOADING
    found = []
    for wanted in (own, around, broad):
        present = [test for test in wanted if (ROOT / test).exists()]
        if present:
            found.append([os.path.relpath(ROOT / test, ROOT) for test in present])
    return found


def attempt(mutant: Mutant, cache: Path) -> dict[str, object]:
    """Try one mutant; says which tests found it, or that none did."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copy = Path(name)
        for part in NEEDED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, copy / part)
        mutant.apply(copy)
        for tests in stages(mutant.path):
            verdict = run_tests(tests, copy, cache)
            if verdict:
                return {**asdict(mutant), "caught": True, "by": tests, "how": verdict}
    return {**asdict(mutant), "caught": False}


def run_tests(tests: list[str], copy: Path, cache: Path) -> str:
    """How the tests failed in the copy, or nothing if they passed."""
    environment = {
        **os.environ, "PYTHONPATH": str(copy), "SPIKEFORGE_CACHE": str(cache),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True,
                              timeout=STAGE_SECONDS, check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        return "hangs"
    if done.returncode == 0:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0] if failed else f"exit status {done.returncode}"


def by_hand(path: Path) -> list[Mutant]:
    """Mutants of a list."""
    found = []
    for entry in json.loads(path.read_text()):
        text = (ROOT / entry["path"]).read_text()
        if text.count(entry["old"]) != 1:
            raise SystemExit(f"{entry['path']} must hold {entry['old']!r} once")
        begin = text.index(entry["old"])
        found.append(
            Mutant(
                path=entry["path"], operator=entry["why"], line=text.count("\n", 0, begin) + 1,
                begin=begin, end=begin + len(entry["old"]), old=entry["old"], new=entry["new"],
            )
        )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("out/mutants.json"))
    options = parser.parse_args()
    chosen = by_hand(options.list) if options.list else choose(ROOT, options.count, options.seed)
    rows = json.loads(options.out.read_text())["mutants"] if options.out.exists() else []
    known = {(row["path"], row["begin"], row["new"], row["old"]) for row in rows}
    left = [m for m in chosen if (m.path, m.begin, m.new, m.old) not in known]
    cache = options.out.resolve().parent / "mutants-cache"
    with ThreadPoolExecutor(options.workers) as pool:
        for row in pool.map(lambda mutant: attempt(mutant, cache), left):
            rows.append(row)
            caught = sum(bool(row["caught"]) for row in rows)
            record = {"seed": options.seed, "caught": caught, "of": len(rows), "mutants": rows}
            write_atomically(options.out, json.dumps(record, indent=1))
            state = "caught" if row["caught"] else "SURVIVES"
            print(f"{caught}/{len(rows)} {state} {row['path']}:{row['line']} {row['operator']}: "
                  f"{row['old']!r} -> {row['new']!r}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
