"""Train the recipes with fixed seeds and write down what came out.

    python benchmarks/accuracy.py --data DIR --out out/accuracy

Writes one network file per run and ``accuracy.json`` into OUT. Validation chooses the epoch of
each run, and the best seed of each recipe; the test images are read once per run, at its end.
With ``--ship DIR`` the best seed's network of each recipe is also written to DIR/<recipe>.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from statistics import mean

import numpy as np
import torch

from spikeforge.coding import encode
from spikeforge.files import prepare_folder, write_atomically
from spikeforge.netfile import save_network
from train.data import Dataset, load_dataset
from train.evaluation import evaluate
from train.recipe import load_recipe
from train.trainer import TrainResult, train

RECIPES = ("mnist-mlp", "mnist-tiny", "mnist-cnn", "mnist-mlp-sparse")
SEEDS = (1, 2, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the recipes' images")
    parser.add_argument("--out", type=Path, default=Path("out/accuracy"))
    parser.add_argument("--recipes", nargs="+", default=RECIPES, metavar="NAME|FILE.toml")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--ship", type=Path, help="folder for the best network of each recipe")
    options = parser.parse_args()
    folder = prepare_folder(options.out)
    dataset = load_dataset(options.data, load_recipe(options.recipes[0]).data)
    report = {"machine": machine(), "dataset": dataset.name, "split": dataset.split, "recipes": {}}
    for name in options.recipes:
        report["recipes"][name] = run_recipe(name, options.seeds, dataset, folder, options.ship)
        write_atomically(folder / "accuracy.json", json.dumps(report, indent=2) + "\n")
    print(f"written: {folder / 'accuracy.json'}")


def run_recipe(
    name: str, seeds: list[int], dataset: Dataset, folder: Path, ship: Path | None
) -> dict[str, object]:
    recipe = load_recipe(name)
    runs, results = [], []
    for seed in seeds:
        result = train(recipe, dataset, seed, folder / f"{recipe.name}-{seed}.checkpoint")
        save_network(result.network, folder / f"{recipe.name}-seed{seed}.safetensors")
        results.append(result)
        runs.append(figures(result, seed, dataset))
        print_run(recipe.name, runs[-1])
    best = max(range(len(runs)), key=lambda at: float(runs[at]["validation"]))
    if ship is not None:
        save_network(results[best].network, prepare_folder(ship) / f"{recipe.name}.safetensors")
    average = mean(float(run["test"]) for run in runs)
    print(f"{recipe.name}: mean test accuracy {100 * average:.3f} %, best on validation: seed "
          f"{seeds[best]}")  # fmt: skip
    return {"mean_test": average, "best_on_validation": seeds[best], "runs": runs}


def figures(result: TrainResult, seed: int, dataset: Dataset) -> dict[str, float | int | str]:
    events = encode(dataset.test_images, result.network.input) > 0
    seen = evaluate(
        result.model, dataset.test_images, input_threshold=result.network.input.threshold
    )
    hidden = [k.reshape(len(k), -1) for k in seen.levels or seen.spikes[:-1]]
    return {
        "seed": seed,
        "validation": result.accuracy_validation,
        "test": result.accuracy_quantized,
        "test_without_rounding": result.accuracy_float,
        "epochs": len(result.history["loss"]),
        "best_epoch": result.best_epoch,
        "train_seconds": round(result.train_seconds, 1),
        "input_events_per_image": round(float(events.sum(1).mean()), 2),
        "hidden_events_per_image": round(float(sum(np.mean((k > 0).sum(1)) for k in hidden)), 2),
        "content": result.network.content_hash,
    }


def print_run(name: str, run: dict[str, float | int | str]) -> None:
    print(
        f"{name} seed {run['seed']}: validation {100 * run['validation']:.2f} %, "
        f"test {100 * run['test']:.2f} % ({100 * run['test_without_rounding']:.2f} % without "
        f"rounding), {run['train_seconds']} s, events an image: {run['input_events_per_image']} "
        f"in, {run['hidden_events_per_image']} hidden",
        flush=True,
    )


def machine() -> dict[str, object]:
    return {
        "processors": os.cpu_count(), "kind": platform.machine(), "torch": torch.__version__,
        "python": platform.python_version(),
    }  # fmt: skip


if __name__ == "__main__":
    main()
