"""Whole accelerators as a quick judge of a change in ``hw/``: random networks that reach the place.

    python benchmarks/oracle.py reach --out out/reach.json
    python benchmarks/oracle.py judge --reach out/reach.json --path hw/fire.py --lines 80 82

``reach`` notes for every random network of the tests which lines of ``hw/`` make its hardware, and
a digest of that hardware (RTLIL, and content). ``judge`` runs in a changed copy: of the networks
that reach the lines, from small to large, those whose digest differs are built and compared with
the models, until one differs in a stream, a membrane, a class or a cycle.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from pathlib import Path
from types import FrameType

from amaranth.hdl import Fragment

from hw.accelerator import Accelerator
from hw.content import hex_files, load_bytes
from hw.interface import interface
from hw.verilog import generate_rtlil
from sim.fuzz.hardware import Drawn
from sim.fuzz.run import fuzz_case, run_seed

SEEDS = range(1, 101)  # those of tests/sim/test_random_networks.py
HW = Path(__file__).resolve().parent.parent / "hw"


def hardware(seed: int) -> tuple[str, int]:
    """Digest and size of the hardware of a random network, its content and its ports."""
    case = fuzz_case(seed)
    assert isinstance(case.hardware, Drawn)
    config = case.hardware.config
    text = generate_rtlil(case.network, config)
    whole = [text, repr(hex_files(case.network, config)), load_bytes(case.network, config).hex(),
             repr(interface(case.network, config))]  # fmt: skip
    return hashlib.sha256("".join(whole).encode()).hexdigest(), len(text)


def make(seed: int) -> None:
    """Run all of ``hw/`` for a random network, but for writing its RTLIL."""
    case = fuzz_case(seed)
    assert isinstance(case.hardware, Drawn)
    config = case.hardware.config
    platform = config.platform
    Fragment.get(Accelerator(case.network, config), platform)
    load_bytes(case.network, config)
    interface(case.network, config)


class _Tracer:
    """Notes the lines of ``hw/`` that run."""

    def __init__(self) -> None:
        self.lines: dict[str, set[int]] = defaultdict(set)

    def __call__(self, frame: FrameType, event: str, _: object) -> object:
        name = frame.f_code.co_filename
        if not name.startswith(str(HW)):
            return None
        lines = self.lines[str(Path(name).relative_to(HW.parent))]

        def local(inner: FrameType, event: str, _: object) -> object:
            lines.add(inner.f_lineno)
            return local

        return local


def reach(out: Path) -> None:
    """Write lines, digest and size for every seed."""
    found = {}
    for seed in SEEDS:
        digest, size = hardware(seed)
        tracer = _Tracer()
        sys.settrace(tracer)
        try:
            make(seed)
        finally:
            sys.settrace(None)
        lines = {path: sorted(lines) for path, lines in tracer.lines.items()}
        found[seed] = {"digest": digest, "size": size, "lines": lines}
        print(f"seed {seed}: {size} characters of RTLIL", flush=True)
    out.write_text(json.dumps(found))


def judge(known: Path, path: str, lines: tuple[int, int], skip: int, most: int) -> str:
    """The first difference, or nothing.

    Args:
        known: What ``reach`` wrote for the unchanged project.
        path: The changed file.
        lines: First and last line of the changed statement.
        skip: Changed networks to leave out, because they were tried before.
        most: Changed networks to build after these.
    """
    rows = {int(seed): row for seed, row in json.loads(known.read_text()).items()}
    wanted = set(range(lines[0], lines[1] + 1))
    found = [n for n, row in rows.items() if wanted & set(row["lines"].get(path, ()))]
    verilog = path.endswith(".v")  # RTLIL does not show what is in the black boxes
    changed = 0
    for seed in sorted(rows if verilog else found, key=lambda n: rows[n]["size"]):
        try:
            digest, _ = hardware(seed)
        except Exception as error:
            return f"seed {seed}: {type(error).__name__}: {str(error).splitlines()[:1]}"
        if digest == rows[seed]["digest"] and not verilog:
            continue
        changed += 1
        if changed <= skip:
            continue
        finding = run_seed(seed)
        if finding.differences:
            return f"seed {seed}: {finding.differences[0]}"
        if changed == skip + most:
            break
    print(f"{changed} of {len(found)} networks that reach it have other hardware", file=sys.stderr)
    return ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_subparsers(dest="what", required=True)
    first = what.add_parser("reach")
    first.add_argument("--out", type=Path, required=True)
    second = what.add_parser("judge")
    second.add_argument("--reach", type=Path, required=True)
    second.add_argument("--path", required=True)
    second.add_argument("--lines", type=int, nargs=2, required=True)
    second.add_argument("--skip", type=int, default=0)
    second.add_argument("--most", type=int, default=3)
    options = parser.parse_args(arguments)
    if options.what == "reach":
        reach(options.out)
        return 0
    text = judge(options.reach, options.path, tuple(options.lines), options.skip, options.most)
    if text:
        print(f"FAILED {text}")
    return int(bool(text))


if __name__ == "__main__":
    sys.exit(main())
