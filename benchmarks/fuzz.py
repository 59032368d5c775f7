"""Random networks on their RTL: every stream, membrane, class and cycle against the models.

    python benchmarks/fuzz.py --count 2000 --out out/fuzz.json      (make fuzz)

Each seed gives a network over the whole contract, hardware for it, images and stalls. Running
again goes on from where the record ends. A difference is shrunk, and the network is written as a
file. The run fails on a difference, unless 90 % of the firing layers fire 5 to 60 % of their
neurons, and unless every choice of the contract was made at least five times. ``--seed N`` repeats
one case.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np

from sim.fuzz import Coverage
from sim.fuzz.hardware import Drawn, hardware_choices
from sim.fuzz.run import Finding, fuzz_case, run_seed, run_seeds, shrink
from spikeforge.files import write_atomically
from spikeforge.netfile import save_network
from spikeforge.progress import progress

FEWEST = 5


def summary(findings: list[Finding]) -> dict[str, object]:
    """Which choices were made, how much fires, and what differs."""
    coverage, hardware = Coverage(), Counter[str]()
    for finding in findings:
        case = fuzz_case(finding.seed)
        coverage.add(case)
        assert isinstance(case.hardware, Drawn)
        hardware.update(hardware_choices(case.hardware.config))
    choices = coverage.choices + hardware
    rare = [choice for choice, count in choices.items() if count < FEWEST]
    return {
        "networks": len(findings),
        "items": sum(finding.items for finding in findings),
        "differing": [finding.seed for finding in findings if finding.differences],
        "layers_firing_5_to_60_percent": coverage.share_within(),
        "choices": dict(sorted(choices.items())),
        "rare": sorted(coverage.missing + rare),
    }


def keep(seed: int, folder: Path) -> None:
    """Write the smallest case of a seed that differs: network file, inputs, how it was built."""
    case, finding = shrink(seed)
    folder.mkdir(parents=True, exist_ok=True)
    save_network(case.network, folder / f"fuzz{seed}.safetensors")
    np.save(folder / f"fuzz{seed}-inputs.npy", case.inputs)
    print(f"seed {seed}: {'; '.join(finding.differences)}")
    print(f"  {folder / f'fuzz{seed}.safetensors'}, hardware {case.hardware}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="repeat one case")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz.json"))
    options = parser.parse_args()
    if options.seed is not None:
        finding = run_seed(options.seed)
        print(json.dumps(asdict(finding), indent=2))
        return int(bool(finding.differences))
    known = json.loads(options.out.read_text())["findings"] if options.out.exists() else []
    findings = [Finding(**{**row, "differences": tuple(row["differences"])}) for row in known]
    done = {finding.seed for finding in findings}
    seeds = [n for n in range(options.first, options.first + options.count) if n not in done]
    with progress("Random networks", len(seeds)) as bar:

        def found(finding: Finding) -> None:
            findings.append(finding)
            bar.advance(1)
            if finding.differences:
                print(f"seed {finding.seed}: {finding.differences[0]}", flush=True)
            if len(findings) % 10 == 0 or finding.seed == seeds[-1]:
                rows = [asdict(one) for one in findings]
                write_atomically(options.out, json.dumps({"findings": rows}, indent=1))

        run_seeds(seeds, options.workers, found)
    told = summary(findings)
    rows = [asdict(one) for one in findings]
    write_atomically(options.out, json.dumps({**told, "findings": rows}, indent=1))
    print(json.dumps(told, indent=2))
    for seed in told["differing"]:
        keep(seed, options.out.parent)
    few = told["layers_firing_5_to_60_percent"] < 0.9
    return int(bool(told["differing"] or told["rare"]) or few)


if __name__ == "__main__":
    sys.exit(main())
