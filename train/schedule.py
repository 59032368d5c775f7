"""Learning rate, running average and number of epochs: how the parameters move over a run."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from train.recipe import Training

__all__ = ["AVERAGE_EVERY", "Cycle", "epochs_for", "running_average", "updates_per_epoch"]

AVERAGE_EVERY = 4  # updates of a model between two steps of its running average


class Cycle:
    """One cycle: every group's rate rises to its own peak, then falls to zero along a cosine.

    A function of the update's number alone, so that a resumed run needs no state of it.

    Args:
        optimizer: Its groups' rates at this moment are the peaks.
        warmup: Share of the updates in which the rates rise.
        updates: Updates of the whole run.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, warmup: float, updates: int) -> None:
        self._optimizer = optimizer
        self._peaks = [group["lr"] for group in optimizer.param_groups]
        self._warmup, self._updates = warmup, updates

    def set(self, update: int) -> None:
        """Set the rates for update number ``update``, counted from 0."""
        done = update / self._updates
        if done < self._warmup:
            factor = done / self._warmup
        else:
            factor = 0.5 * (1 + math.cos(math.pi * (done - self._warmup) / (1 - self._warmup)))
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor


def running_average(model: nn.Module, decay: float) -> AveragedModel:
    """An exponential average of a model's parameters that follows closely at first.

    Args:
        model: Its parameters are followed.
        decay: Per update of the model; the average itself moves at every fourth only
            (:data:`AVERAGE_EVERY`), by as much as four small steps.
    """

    def update(averages: Any, currents: Any, seen: Tensor | int) -> None:
        keep = min(decay**AVERAGE_EVERY, (1 + float(seen)) / (10 + float(seen)))
        torch._foreach_lerp_(list(averages), list(currents), 1 - keep)

    return AveragedModel(model, multi_avg_fn=update)


def epochs_for(training: Training, images: int) -> int:
    """Epochs of a run: those of the recipe, or more where a small data set needs them.

    Args:
        training: The recipe's part.
        images: Number of training images.
    """
    updates = updates_per_epoch(training, images)
    return max(training.epochs, math.ceil(training.min_updates / updates))


def updates_per_epoch(training: Training, images: int) -> int:
    """Whole batches in an epoch; a set smaller than one batch is one batch."""
    return max(1, images // training.batch_size)
