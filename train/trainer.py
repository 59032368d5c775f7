"""The training loop: any rule, any recipe, any data set; validation chooses the epoch."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from spikeforge import __version__
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Metadata, Network
from spikeforge.progress import Bar, console, progress
from train.augment import Augmenter, code_for
from train.catalogue import SETS
from train.checkpoint import RunState, read_checkpoint, write_checkpoint
from train.data import Dataset
from train.epoch import run_epoch
from train.evaluation import accuracy
from train.exporter import export
from train.health import check_alive, check_finite
from train.machine import kept_memory, one_thread
from train.model import SpikingNet
from train.recalibrate import recalibrate
from train.recipe import Recipe
from train.rules import build_network
from train.schedule import Cycle, epochs_for, running_average, updates_per_epoch
from train.sparsity import Pruning
from train.spiking.fused import fusing

__all__ = ["TrainResult", "start_run", "train"]

CHECKPOINT_SECONDS = 5.0
_SAMPLE_IMAGES = 2_000
_LIVELY_IMAGES = 200  # by which a silent layer is told
_WORTH_COMPILING = 4_000  # updates


@dataclass(frozen=True)
class TrainResult:
    """A trained network and how it came about.

    Attributes:
        network: The integer network, with its origin and accuracy.
        model: The torch model that it was exported from.
        accuracy_quantized: On the test images, 0..1.
        accuracy_float: The same network without rounding, on the test images.
        accuracy_validation: Of the chosen epoch, on the validation images.
        best_epoch: The chosen epoch, from 0.
        history: ``loss`` and ``validation_accuracy`` per epoch.
        train_seconds: Wall time of this call's epochs, without loading and the final test.
    """

    network: Network
    model: SpikingNet
    accuracy_quantized: float
    accuracy_float: float
    accuracy_validation: float
    best_epoch: int
    history: dict[str, list[float]]
    train_seconds: float


def train(
    recipe: Recipe, dataset: Dataset, seed: int | None = None, checkpoint: Path | None = None
) -> TrainResult:
    """Train a network by a recipe; the same seed on the same machine gives the same network.

    The validation images choose the epoch; the test images are read once, at the end. torch's
    random state is the same afterwards as before.

    Args:
        recipe: What to train, and how.
        dataset: The images.
        seed: Of all random choices; the recipe's own by default.
        checkpoint: File to resume an interrupted run from, and to leave one in. A file of another
            run is replaced; at the end it is removed.

    Raises:
        SpikeforgeError: If the training does not converge to finite numbers, or for a rule that
            does not exist, or if the checkpoint cannot be written.
    """
    seed = recipe.seed if seed is None else seed
    _check_form(recipe, dataset)
    with torch.random.fork_rng(devices=[]), one_thread(), kept_memory():
        torch.manual_seed(seed)
        state = start_run(recipe)
        began = time.perf_counter()
        _run(state, recipe, dataset, seed, checkpoint)
        seconds = time.perf_counter() - began
        state.model.load_state_dict(state.best)
    result = _finish(state, recipe, dataset, seed, seconds)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return result


def _check_form(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse images that the recipe's network is not made for, or of another known set."""
    named = {each.name for each in SETS.values()} - {SETS[recipe.data].name}
    if dataset.name in named:
        raise SpikeforgeError(
            f"recipe {recipe.name}: its data is {SETS[recipe.data].name}, but the images are "
            f"{dataset.name}; name the set in the recipe's data, or load the other one"
        )
    wanted, given = (recipe.input_shape, recipe.classes), (dataset.shape, dataset.classes)
    if wanted != given:
        raise SpikeforgeError(
            f"recipe {recipe.name}: data = {recipe.data!r} means images of (C, H, W) = {wanted[0]} "
            f"in {wanted[1]} classes, but {dataset.name} has {given[0]} in {given[1]}; name the "
            f"set in the recipe's data"
        )


def start_run(recipe: Recipe) -> RunState:
    """A fresh run of a recipe: network, running average and optimizer, before the first epoch."""
    training = recipe.training
    model = build_network(recipe)
    optimizer = torch.optim.AdamW(
        model.parameter_groups(training.learning_rate), weight_decay=training.weight_decay,
        betas=(0.9, training.beta2), fused=True,
    )  # fmt: skip
    return RunState(
        model=model, average=running_average(model, training.average_decay), optimizer=optimizer,
        best={}, epoch=0, best_epoch=-1, history={"loss": [], "validation_accuracy": []},
    )  # fmt: skip


def _run(
    state: RunState, recipe: Recipe, dataset: Dataset, seed: int, checkpoint: Path | None
) -> None:
    """Run the epochs that are still to do; ``state.best`` is the chosen network afterwards."""
    part = dataset.training
    images, labels = torch.from_numpy(part.images), torch.from_numpy(part.labels).long()
    epochs = epochs_for(recipe.training, len(images))
    cycle = Cycle(
        state.optimizer, recipe.training.warmup,
        epochs * updates_per_epoch(recipe.training, len(images)),
    )  # fmt: skip
    assert isinstance(state.model, SpikingNet)
    sample = _sample(recipe, images)
    pruning = Pruning(recipe, state.model, epochs, sample)
    mark = _fingerprint(recipe, dataset, seed)
    if checkpoint is not None and read_checkpoint(checkpoint, state, mark):
        console.print(
            f"Training goes on after epoch {state.epoch} of {epochs} ({checkpoint}).",
            soft_wrap=True,
            markup=False,
        )
    augmenter = Augmenter(recipe.augmentation, dataset.shape)
    written = time.monotonic()
    lasts = epochs * updates_per_epoch(recipe.training, len(images)) >= _WORTH_COMPILING
    with progress(f"Training {recipe.name}", total=epochs) as bar, fusing(lasts):
        bar.advance(state.epoch)
        while state.epoch < epochs:
            loss = run_epoch(state, recipe, augmenter, cycle, images, labels, pruning)
            recalibrate(state.average.module, sample)  # type: ignore[arg-type]
            _choose(state, recipe, dataset, loss, pruning)
            _show(bar, state)
            due = time.monotonic() - written >= CHECKPOINT_SECONDS
            if checkpoint is not None and due and state.epoch < epochs:
                write_checkpoint(checkpoint, state, mark)
                written = time.monotonic()


def _sample(recipe: Recipe, images: torch.Tensor) -> torch.Tensor:
    """Some coded training images, by which inputs are weighed and statistics taken."""
    pixels = images[:_SAMPLE_IMAGES].flatten(1).float()
    return code_for(recipe.network, pixels)


def _choose(
    state: RunState, recipe: Recipe, dataset: Dataset, loss: float, pruning: Pruning
) -> None:
    """Note an epoch's figures; keep its averaged network if validation finds none better."""
    check_finite(state.model, loss, recipe, state.epoch)
    averaged: nn.Module = state.average.module  # type: ignore[assignment]
    share = accuracy(
        averaged, dataset.validation.images, dataset.validation.labels,
        input_threshold=recipe.network.input_threshold,
    )  # fmt: skip
    check_alive(averaged, dataset.validation.images[:_LIVELY_IMAGES], recipe, state.epoch)
    before = state.history["validation_accuracy"]
    rivals = [value for epoch, value in enumerate(before) if pruning.settled(epoch)]
    if not rivals or share >= max(rivals):
        state.best = {key: value.clone() for key, value in averaged.state_dict().items()}
        state.best_epoch = state.epoch
    state.history["loss"].append(loss)
    before.append(share)
    state.epoch += 1


def _show(bar: Bar, state: RunState) -> None:
    last = state.history["validation_accuracy"][-1]
    bar.advance()
    bar.note(f"loss {state.history['loss'][-1]:.3f}, validation {100 * last:.2f} %")


def _finish(
    state: RunState, recipe: Recipe, dataset: Dataset, seed: int, seconds: float
) -> TrainResult:
    """Read the test images, for the first time, and export."""
    model = state.model
    assert isinstance(model, SpikingNet)
    quantized, exact = (
        accuracy(
            model, dataset.test.images, dataset.test.labels, rounding=rounding,
            input_threshold=recipe.network.input_threshold,
        )
        for rounding in (True, False)
    )  # fmt: skip
    metadata = Metadata(
        dataset=dataset.name, split=dataset.split, accuracy_quantized=quantized,
        accuracy_float=exact, recipe=recipe.model_dump(mode="json"), seed=seed,
        package_version=__version__, history=state.history,
    )  # fmt: skip
    network = export(
        model, name=recipe.name, input_shape=dataset.shape,
        input_threshold=recipe.network.input_threshold, metadata=metadata,
    )  # fmt: skip
    return TrainResult(
        network=network, model=model, accuracy_quantized=quantized, accuracy_float=exact,
        accuracy_validation=state.history["validation_accuracy"][state.best_epoch],
        best_epoch=state.best_epoch, history=state.history, train_seconds=seconds,
    )  # fmt: skip


def _fingerprint(recipe: Recipe, dataset: Dataset, seed: int) -> str:
    """SHA-256 (hex) of all that decides a run, but for the machine."""
    parts = [recipe.model_dump(mode="json"), dataset.digest, seed, __version__, torch.__version__]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
