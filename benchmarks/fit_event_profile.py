"""Fits the energies of the event method to gate-level runs, and judges them on other networks.

Networks of several sizes, windows, bits and lanes are trained for a moment (their accuracy does not
matter, their activity does), run at gate level, and counted by events. Non-negative least squares
finds an energy for each bit of each kind of operation, and for the clock of a flip-flop that rests;
memory macros keep the energies of their Liberty files. Then the networks that were left out, and
the shipped ones, are predicted. Results are kept, so that an interrupted run goes on.

Example:
    python benchmarks/fit_event_profile.py --liberty DIR --data DIR --out FITTED.toml
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from scipy.optimize import nnls

import deploy.power
import hw
from deploy.power.event_fit import FittedEnergies, block_features, predict
from deploy.power.gate.banks import gate_config
from deploy.power.gate.estimate import gate_estimate
from deploy.power.gate.kit import Kit, load_kit
from deploy.power.gate.measure import Kind
from deploy.power.gate.technology import technology_named
from deploy.power.profile import load_profile
from hw.census import take_inventory
from spikeforge.cli.common import test_images
from spikeforge.files import write_atomically
from spikeforge.netfile import load_network, save_network
from spikeforge.network import Network
from spikeforge.progress import console

TECHNOLOGY = "ihp-sg13g2"
MODELS = Path(__file__).parents[1] / "models"


@dataclass(frozen=True)
class Case:
    """A network, trained for a moment (hidden units given) or shipped (named), and its lanes."""

    lanes: int
    hidden: tuple[int, ...] = ()
    steps: int = 15
    bits: int = 4
    l1: float = 0.0
    shipped: str = ""

    @property
    def name(self) -> str:
        """A name that says what it is."""
        if self.shipped:
            return f"{self.shipped} x{self.lanes}"
        layers = "-".join(map(str, self.hidden))
        return (
            f"784-{layers}-10, {self.steps} steps, {self.bits} bits, l1 {self.l1:g} x{self.lanes}"
        )


FIT = (
    Case(8, (48,), 7, 4), Case(16, (96,), 15, 6), Case(64, (64,), 15, 2),
    Case(32, (64, 48), 15, 4), Case(64, (256,), 15, 4, 0.02), Case(16, (80,), 11, 3),
    Case(32, (32,), 5, 6),
)  # fmt: skip
HELD_OUT = (
    Case(48, (192,), 15, 5), Case(64, (128, 64), 7, 4, 0.02), Case(64, shipped="mnist-tiny"),
    Case(64, shipped="mnist-mlp"), Case(24, (72,), 9, 4), Case(16, (40,), 15, 5, 0.01),
    Case(32, (160,), 6, 3), Case(16, shipped="mnist-tiny"),
)  # fmt: skip


def network_of(case: Case, folder: Path, data: Path | None) -> Network:
    """Load or train the network of a case."""
    if case.shipped:
        return load_network(MODELS / f"{case.shipped}.safetensors")
    path = folder / f"{case.name}.safetensors"
    if not path.exists():
        from train.data import load_dataset
        from train.recipe import load_recipe
        from train.trainer import train

        recipe = load_recipe("mnist-mlp")
        made = recipe.model_copy(update={
            "name": "fit", "network": recipe.network.model_copy(update={
                "hidden": case.hidden, "steps": case.steps, "weight_bits": case.bits}),
            "training": recipe.training.model_copy(update={
                "epochs": 2, "min_updates": 1, "l1": case.l1}),
        })  # fmt: skip
        save_network(train(made, load_dataset(data), 1).network, path)
    return load_network(path)


def measured(
    case: Case, folder: Path, liberty: Path, data: Path | None, images: int
) -> dict[str, object]:
    """One case at gate level, and what the events of the same run were."""
    path = folder / f"{case.name}.json"
    network = network_of(case, folder, data)
    technology = technology_named(TECHNOLOGY)
    kit = load_kit(technology, liberty)
    levels = test_images(network, data, images).levels
    key = _key(kit, levels)
    if path.exists():
        found: dict[str, object] = json.loads(path.read_text())
        if found.get("key") == key:
            return found
    config = gate_config(network, technology, case.lanes, None)
    run = gate_estimate(network, config, kit, levels)
    inventory = take_inventory(network, config)
    logic: dict[str, float] = {}
    macros: dict[str, float] = {}
    for (block, kind), pj in run.report.energy_pj.items():
        place = macros if kind is Kind.MEMORIES else logic
        place[block] = place.get(block, 0.0) + pj
    profile = load_profile(TECHNOLOGY)
    activity = run.simulation.activity
    features, counted = block_features(network, inventory, activity, config, profile)
    found = {"logic_pj": logic, "macros_pj": macros, "features": features, "macros_event": counted,
             "cycles": run.report.interval_cycles, "key": key}  # fmt: skip
    write_atomically(path, json.dumps(found))
    return found


def _key(kit: Kit, levels: NDArray[np.uint8]) -> str:
    """What a kept result is good for: these images, these Liberty files, this code."""
    digest = hashlib.sha256(levels.tobytes())
    for file in kit.library.files:
        digest.update(file.sha256.encode())
    for package in (deploy.power, hw):
        for path in sorted(Path(package.__path__[0]).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def fit(found: list[dict[str, object]]) -> dict[str, float]:
    """Energies by feature; each block weighs by its share of its network's energy."""
    names = sorted({name for one in found for row in one["features"].values() for name in row})
    rows, values = [], []
    for one in found:
        total = sum(one["logic_pj"].values())
        for block, pj in one["logic_pj"].items():
            row = one["features"].get(block, {})
            weight = 1.0 / np.sqrt(total * max(pj, 0.002 * total))
            rows.append([weight * row.get(name, 0.0) for name in names])
            values.append(weight * pj)
    solution, _ = nnls(np.array(rows), np.array(values))
    return {name: float(value) for name, value in zip(names, solution, strict=True)}


def judge(
    table: Table, case: Case, one: dict[str, object], energies: FittedEnergies
) -> dict[str, float]:
    """Errors of one network: total, logic, and the worst block above 2 % of the total."""
    logic, macros = predict(one["features"], one["macros_event"], energies)
    gate_logic, gate_macros = sum(one["logic_pj"].values()), sum(one["macros_pj"].values())
    total = gate_logic + gate_macros
    worst, where = 0.0, "none"
    for block in {*one["logic_pj"], *one["macros_pj"]}:
        right = one["logic_pj"].get(block, 0.0) + one["macros_pj"].get(block, 0.0)
        if right > 0.02 * total:
            off = (logic.get(block, 0.0) + macros.get(block, 0.0)) / right - 1
            if abs(off) > abs(worst):
                worst, where = off, block
    errors = {
        "total": (sum(logic.values()) + sum(macros.values())) / total - 1,
        "logic": sum(logic.values()) / gate_logic - 1, "block": worst,
    }  # fmt: skip
    off = (f"{errors['total']:+.1%}", f"{errors['logic']:+.1%}", f"{worst:+.1%} {where}")
    table.add_row(case.name, f"{total * 1e-3:.1f}", f"{gate_logic / total:.0%}", *off)
    return errors


def main() -> None:
    """Run, fit, judge, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--liberty", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--images", type=int, default=20, metavar="N")
    parser.add_argument("--work", type=Path, default=Path("event-fit"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    runs = {}
    for case in (*FIT, *HELD_OUT):
        runs[case] = measured(case, options.work, options.liberty, options.data, options.images)
        console.print(f"{case.name}: done")
    energies = FittedEnergies(fit([runs[case] for case in FIT]))
    for title, cases in (("In the fit", FIT), ("Not in the fit", HELD_OUT)):
        table = Table(title=f"{title}: event estimate against gate level")
        for name in ("network", "nJ (gate)", "logic", "total", "logic off", "worst block over 2 %"):
            table.add_column(name)
        worst: dict[str, float] = {}
        for case in cases:
            for key, value in judge(table, case, runs[case], energies).items():
                worst[key] = max(worst.get(key, 0.0), abs(value))
        console.print(table)
        console.print({key: f"{value:.1%}" for key, value in worst.items()})
    console.print(energies.pj)
    if options.out:
        write_atomically(options.out, energies.to_toml(worst, len(FIT), len(HELD_OUT)))


if __name__ == "__main__":
    main()
