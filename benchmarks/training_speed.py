"""Images a second in training: each rule beside surrogate gradients of two other libraries.

    pip install snntorch; pip install --no-deps spikingjelly loguru tqdm    # only for this script
    python benchmarks/training_speed.py --data DIR --out out/training_speed.json [RECIPE ...]

For every recipe the same layers, steps and batch are built three times: by its own rule as it
ships, of snnTorch's Leaky neurons (step by step, as that library does it), and of SpikingJelly's
LIFNode (all steps at once). The two others learn float weights by the arctangent surrogate and
Adam, with cross-entropy of the summed output membranes or spikes. Timed are whole updates (forward,
backward, optimizer) on one thread, on the same images, in turns, each in memory as its own library
leaves it (:func:`train.machine.kept_memory` is part of a training here), and the fastest round of
each counts; augmentation and coding are left out, and so is what the first round compiles. Pools
sum in all three, but for the first-spike pools of single-spike rules, beside which the others take
maxima.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from train.augment import code_for
from train.data import load_dataset
from train.epoch import train_batch
from train.machine import kept_memory
from train.recipe import Recipe, load_recipe
from train.spiking.fused import fusing
from train.spiking.net import SpikingStack
from train.stepped import spike_times
from train.trainer import start_run

RECIPES = ("mnist-mlp", "mnist-stdbp", "mnist-stidi", "mnist-surrogate", "mnist-tssl-bp",
           "mnist-hm2-bp", "mnist-lee2016", "mnist-st-rsbp", "mnist-stdbp-cnn", "mnist-stidi-cnn",
           "mnist-tssl-bp-cnn", "mnist-hm2-bp-cnn", "mnist-bpsta-cnn", "mnist-sew")  # fmt: skip
ROUNDS = 3
UPDATES = 6
WARM_UP = 3
BETA = 0.875  # the others' leak


def presented(recipe: Recipe, k: Tensor) -> Tensor:
    """What arrives in each step, shape (steps, B, ...), as the recipe's own network has it."""
    net = start_run(recipe).model
    if isinstance(net, SpikingStack):
        return net.form.present(k).contiguous() * net.form.scale
    steps = recipe.network.steps
    times = spike_times(k, steps)
    maps = times.view(len(k), *recipe.input_shape)
    return torch.stack([(maps == step).float() for step in range(steps)])


class Residual(nn.Module):
    """A SEW block whose branch is added to its input; :func:`walked` runs it."""

    def __init__(self, channels: int, kernel: int, neuron: Callable[[], nn.Module]) -> None:
        super().__init__()

        def conv() -> nn.Module:
            return nn.Conv2d(channels, channels, kernel, padding=kernel // 2)

        self.branch = nn.ModuleList([conv(), neuron(), conv(), neuron()])


def walked(
    parts: Iterable[nn.Module], x: Tensor, run: Callable[[nn.Module, Tensor], Tensor]
) -> Tensor:
    """Run parts one after the other, those of branches as well."""
    for part in parts:
        x = x + walked(part.branch, x, run) if isinstance(part, Residual) else run(part, x)
    return x


def stages(recipe: Recipe, neuron: Callable[[], nn.Module]) -> list[nn.Module]:
    """Layers and neurons of the recipe's network; feedback is not among them."""
    shape, found = recipe.network, []
    (channels, height, width) = recipe.input_shape
    for each in shape.conv:
        found += [nn.Conv2d(channels, each.channels, each.kernel, each.stride, each.padding),
                  neuron()]  # fmt: skip
        height, width = (
            (side + 2 * each.padding - each.kernel) // each.stride + 1 for side in (height, width)
        )
        channels = each.channels
        if each.residual is not None:
            if each.residual != "add":
                raise SpikeforgeError(
                    f"network.conv.residual must be 'add' in this benchmark, not {each.residual!r}"
                )
            found.append(Residual(channels, each.kernel, neuron))
        if each.pool > 1:
            single = shape.input_bits == 0
            found.append(nn.MaxPool2d(each.pool) if single else nn.AvgPool2d(each.pool))
            height, width = height // each.pool, width // each.pool
    found.append(nn.Flatten())
    widths = [channels * height * width, *shape.hidden, recipe.classes * shape.votes]
    for inputs, outputs in pairwise(widths):
        found += [nn.Linear(inputs, outputs), neuron()]
    return found


def snntorch_network(recipe: Recipe) -> Callable[[Tensor], Tensor]:
    """Scores (B, classes) of steps (T, B, ...): summed membranes of the last layer."""
    import snntorch
    from snntorch import surrogate

    def leaky() -> nn.Module:
        return snntorch.Leaky(beta=BETA, spike_grad=surrogate.atan())

    network = nn.ModuleList(stages(recipe, leaky))

    def scores(x: Tensor) -> Tensor:
        state = {part: part.init_leaky() for part in network.modules()
                 if isinstance(part, snntorch.Leaky)}  # fmt: skip

        def run(part: nn.Module, here: Tensor) -> Tensor:
            if part not in state:
                return part(here)  # type: ignore[no-any-return]
            here, state[part] = part(here, state[part])
            return here

        total: Tensor | float = 0.0
        for here in x:
            walked(network, here, run)
            total = total + state[network[-1]]
        assert isinstance(total, Tensor)
        return total.view(len(total), recipe.classes, -1).mean(2)

    scores.network = network  # type: ignore[attr-defined]
    return scores


def spikingjelly_network(recipe: Recipe) -> Callable[[Tensor], Tensor]:
    """Scores (B, classes) of steps (T, B, ...): summed spikes of the last layer."""
    from spikingjelly.activation_based import functional, neuron, surrogate

    def lif() -> nn.Module:
        return neuron.LIFNode(tau=1 / (1 - BETA), surrogate_function=surrogate.ATan(),
                              detach_reset=True, step_mode="m")  # fmt: skip

    network = nn.ModuleList(stages(recipe, lif))

    def scores(x: Tensor) -> Tensor:
        steps, count = x.shape[:2]

        def run(part: nn.Module, here: Tensor) -> Tensor:
            if isinstance(part, neuron.LIFNode):
                return part(here)  # type: ignore[no-any-return]
            rows = part(here.flatten(0, 1))  # layers without memory see all steps as one batch
            return rows.view(steps, count, *rows.shape[1:])  # type: ignore[no-any-return]

        total = walked(network, x, run).sum(0)
        functional.reset_net(network)
        return total.view(count, recipe.classes, -1).mean(2)

    scores.network = network  # type: ignore[attr-defined]
    return scores


def theirs(scores: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor) -> Callable[[], None]:
    """One update of another library's network."""
    optimizer = torch.optim.Adam(scores.network.parameters(), lr=1e-3)  # type: ignore[attr-defined]

    def update() -> None:
        loss = nn.functional.cross_entropy(scores(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return update


def measure(recipe: Recipe, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Images a second by library."""
    batch = recipe.training.batch_size
    k, labels = code_for(recipe.network, images[:batch].flatten(1).float()), labels[:batch]
    state = start_run(recipe)
    state.model.train()
    x = presented(recipe, k)
    if not recipe.network.conv:
        x = x.flatten(2)
    updates = {
        "spikeforge": lambda: train_batch(state, recipe, k, labels),
        "snntorch": theirs(snntorch_network(recipe), x, labels),
        "spikingjelly": theirs(spikingjelly_network(recipe), x, labels),
    }
    best = dict.fromkeys(updates, 0.0)
    with fusing(True):
        for round_ in range(ROUNDS + 1):  # the first is not timed: it compiles
            for name, update in updates.items():
                with kept_memory() if name == "spikeforge" else nullcontext():
                    seconds = timed(update, UPDATES if round_ else 2)
                if round_:
                    best[name] = max(best[name], UPDATES * batch / seconds)
    return best


def timed(update: Callable[[], object], times: int) -> float:
    """Seconds of some updates, after a few that are not timed."""
    for _ in range(WARM_UP):
        update()
    begun = time.perf_counter()
    for _ in range(times):
        update()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(RECIPES), metavar="RECIPE")
    parser.add_argument("--data", type=Path, help="folder with MNIST's IDX files")
    parser.add_argument("--out", type=Path, default=Path("out/training_speed.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    part = load_dataset(options.data).training
    images, labels = torch.from_numpy(part.images), torch.from_numpy(part.labels).long()
    rows = {}
    print(f"{'images/s':<20} {'spikeforge':>10} {'snntorch':>10} {'spikingjelly':>12}  ratio")
    for name in options.recipes:
        found = measure(load_recipe(name), images, labels)
        ratio = found["spikeforge"] / max(found["snntorch"], found["spikingjelly"])
        rows[name] = {**found, "ratio": ratio}
        print(f"{name:<20} {found['spikeforge']:10.0f} {found['snntorch']:10.0f} "
              f"{found['spikingjelly']:12.0f}  {ratio:.2f}", flush=True)  # fmt: skip
    record = {"cores": os.cpu_count(), "python": platform.python_version(), "recipes": rows}
    write_atomically(options.out, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
