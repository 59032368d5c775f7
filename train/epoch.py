"""One pass over the training images: distort a chunk, then one update per batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from train.augment import Augmenter, code_for
from train.checkpoint import RunState
from train.model import SpikingNet
from train.recipe import Recipe
from train.schedule import AVERAGE_EVERY, Cycle, updates_per_epoch
from train.sparsity import Pruning

__all__ = ["run_epoch", "train_batch"]

_CHUNK_IMAGES = 1_024  # distorted at once, which is cheaper than batch by batch


def run_epoch(
    state: RunState, recipe: Recipe, augmenter: Augmenter, cycle: Cycle,
    images: Tensor, labels: Tensor, pruning: Pruning | None = None,
) -> float:  # fmt: skip
    """Train for one epoch, in place.

    Args:
        state: The run; its model, optimizer and running average move.
        recipe: Batch size, loss and coding.
        augmenter: Distorts the images.
        cycle: Sets the learning rate of each update.
        images: uint8, shape (N, 28, 28).
        labels: int64, shape (N,).
        pruning: Chooses weights and holds them at zero.

    Returns:
        The mean loss.
    """
    size = min(recipe.training.batch_size, len(images))
    updates = updates_per_epoch(recipe.training, len(images))
    order = torch.randperm(len(images))[: updates * size]
    chunks = order.split(size * max(1, _CHUNK_IMAGES // size))
    state.model.train()
    if pruning is not None:
        pruning.begin(state.epoch)
        pruning.apply(state.average.module)  # type: ignore[arg-type]
    update = state.epoch * updates
    total = torch.zeros(())
    for chunk, k in zip(chunks, _coded(recipe, augmenter, images, chunks), strict=True):
        for batch, targets in zip(k.split(size), labels[chunk].split(size), strict=True):
            cycle.set(update)
            total += train_batch(state, recipe, batch, targets)
            if pruning is not None:
                pruning.apply(state.model)
            update += 1
            if update % AVERAGE_EVERY == 0 or updates < AVERAGE_EVERY:
                state.average.update_parameters(state.model)  # type: ignore[operator]
    return float(total) / updates


def _coded(
    recipe: Recipe, augmenter: Augmenter, images: Tensor, chunks: Sequence[Tensor]
) -> Iterator[Tensor]:
    """Distorted and coded images chunk by chunk, each prepared while the one before is used.

    The second thread draws from a generator of its own, so that results do not hang on timing.
    """
    source = torch.Generator().manual_seed(int(torch.randint(1 << 62, ())))
    shape = recipe.network

    def prepare(chunk: Tensor) -> Tensor:
        return code_for(shape, augmenter(images[chunk], source))

    with ThreadPoolExecutor(max_workers=1) as pool:
        ready = pool.submit(prepare, chunks[0])
        for chunk in chunks[1:]:
            k, ready = ready.result(), pool.submit(prepare, chunk)
            yield k
        yield ready.result()


def train_batch(state: RunState, recipe: Recipe, k: Tensor, targets: Tensor) -> Tensor:
    """Make one update, in place; returns the loss.

    Args:
        state: The run; its model and optimizer move.
        recipe: The loss.
        k: Coded images, shape (B, inputs).
        targets: Classes, int64, shape (B,).
    """
    model, training = state.model, recipe.training
    assert isinstance(model, SpikingNet)
    scores, activity = model.scores(k)
    loss = model.loss(scores, targets, training.label_smoothing)
    if training.l1:
        loss = loss + training.l1 * activity
    state.optimizer.zero_grad()
    loss.backward()
    state.optimizer.step()
    return loss.detach()
