"""Time to an accuracy on MNIST: our recipe against snnTorch's usual LIF network, side by side.

    pip install snntorch    # only for this script
    python benchmarks/snntorch_lif.py --data DIR --out out/snntorch.json

Both networks are 784-400-10, see the same training images and are tested on the same test images
after each epoch; testing is not timed. Ours is the recipe as it ships (4-bit weights, integer
spike times, augmentation included in its time; the accuracy is that of the integer network). The
other one follows the library's own introduction to training: two Leaky layers (beta 0.95) over 25
steps of constant input, Adam at 5e-4, batches of 128, cross-entropy of the output membranes summed
over the steps, the class from spike counts, float weights.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from spikeforge.files import write_atomically
from train.augment import Augmenter
from train.data import Dataset, load_dataset
from train.epoch import run_epoch
from train.evaluation import accuracy
from train.recipe import load_recipe
from train.schedule import Cycle, epochs_for, updates_per_epoch
from train.trainer import start_run

STEPS = 25
BATCH = 128
LIMIT_EPOCHS = 30


class LifNetwork(nn.Module):
    """784-400-10 of snnTorch's Leaky neurons."""

    def __init__(self) -> None:
        super().__init__()
        import snntorch

        self.first, self.second = nn.Linear(784, 400), nn.Linear(400, 10)
        self.hidden, self.output = snntorch.Leaky(beta=0.95), snntorch.Leaky(beta=0.95)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Output spikes and membranes, both (STEPS, B, 10), of pixels (B, 784) in 0..1."""
        inner, outer = self.hidden.init_leaky(), self.output.init_leaky()
        spikes, membranes = [], []
        for _ in range(STEPS):
            fired, inner = self.hidden(self.first(x), inner)
            fired, outer = self.output(self.second(fired), outer)
            spikes.append(fired)
            membranes.append(outer)
        return torch.stack(spikes), torch.stack(membranes)


def theirs(dataset: Dataset, seed: int) -> tuple[Callable[[], None], Callable[[], float]]:
    """An epoch of training, and the accuracy, of the LIF network."""
    torch.manual_seed(seed)
    network = LifNetwork()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4, betas=(0.9, 0.999))
    loss_of = nn.CrossEntropyLoss()
    part = dataset.training
    images = torch.from_numpy(part.images).flatten(1).float() / 255
    labels = torch.from_numpy(part.labels).long()
    tests = torch.from_numpy(dataset.test_images.copy()).flatten(1).float() / 255
    wanted = torch.from_numpy(dataset.test_labels).long()

    def epoch() -> None:
        network.train()
        for batch in torch.randperm(len(images)).split(BATCH):
            _, membranes = network(images[batch])
            loss = sum(loss_of(membrane, labels[batch]) for membrane in membranes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def test() -> float:
        network.eval()
        named = torch.cat([network(part)[0].sum(0).argmax(1) for part in tests.split(1000)])
        return float((named == wanted).float().mean())

    return epoch, test


def ours(dataset: Dataset, seed: int) -> tuple[Callable[[], None], Callable[[], float]]:
    """An epoch of training, and the accuracy as integer network, of the recipe mnist-mlp."""
    recipe = load_recipe("mnist-mlp")
    torch.manual_seed(seed)
    part = dataset.training
    images, labels = torch.from_numpy(part.images), torch.from_numpy(part.labels).long()
    state = start_run(recipe)
    epochs = epochs_for(recipe.training, len(images))
    updates = epochs * updates_per_epoch(recipe.training, len(images))
    cycle = Cycle(state.optimizer, recipe.training.warmup, updates)
    augmenter = Augmenter(recipe.augmentation)

    def epoch() -> None:
        run_epoch(state, recipe, augmenter, cycle, images, labels)
        state.epoch += 1

    def test() -> float:
        return accuracy(state.average.module, dataset.test_images, dataset.test_labels)

    return epoch, test


def measure(
    name: str, epoch: Callable[[], None], test: Callable[[], float], target: float
) -> dict[str, object]:
    """Train until the accuracy is reached; returns the seconds and the whole curve."""
    seconds, curve = 0.0, []
    for number in range(1, LIMIT_EPOCHS + 1):
        begun = time.perf_counter()
        epoch()
        seconds += time.perf_counter() - begun
        reached = test()
        curve.append({"epoch": number, "seconds": seconds, "accuracy": reached})
        print(f"{name}: epoch {number}, {seconds:.1f} s, {reached:.2%}", flush=True)
        if reached >= target:
            return {"seconds": seconds, "reached": True, "curve": curve}
    return {"seconds": seconds, "reached": False, "curve": curve}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with MNIST's IDX files")
    parser.add_argument("--out", type=Path, default=Path("out/snntorch.json"))
    parser.add_argument("--target", type=float, default=0.975)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dataset = load_dataset(options.data)
    torch.set_num_threads(1)  # as train() does; augmentation has a thread of its own
    mine = measure("spikeforge", *ours(dataset, options.seed), options.target)
    torch.set_num_threads(os.cpu_count() or 1)
    other = measure("snntorch", *theirs(dataset, options.seed), options.target)
    ratio = other["seconds"] / mine["seconds"]
    known = "" if other["reached"] else "at least "
    print(f"time to {options.target:.1%}: {known}{ratio:.1f} times less")
    record = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "target": options.target, "seed": options.seed, "dataset": dataset.name,
        "spikeforge": mine, "snntorch": other, "ratio": ratio,
    }  # fmt: skip
    write_atomically(options.out, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
