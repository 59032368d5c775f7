"""Trainings that go wrong stop at once: numbers that are not finite, layers that never fire."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn

from spikeforge.errors import SpikeforgeError
from train.evaluation import evaluate
from train.model import SpikingNet
from train.recipe import Recipe

__all__ = ["check_alive", "check_finite"]


def check_finite(model: nn.Module, loss: float, recipe: Recipe, epoch: int) -> None:
    """Refuse to go on with numbers that are not finite.

    Args:
        model: The network under training.
        loss: Mean loss of the epoch.
        recipe: Its recipe.
        epoch: The epoch, from 0.

    Raises:
        SpikeforgeError: Names the parameter (or the loss), the epoch and a hint.
    """
    hint = f"lower training.learning_rate (it is {recipe.training.learning_rate})"
    for name, parameter in model.named_parameters():
        if not bool(parameter.isfinite().all()):
            raise SpikeforgeError(
                f"recipe {recipe.name}: {name} holds numbers that are not finite after epoch "
                f"{epoch}; {hint}"
            )
    if not loss < float("inf"):
        raise SpikeforgeError(
            f"recipe {recipe.name}: the loss became {loss} in epoch {epoch}; {hint}"
        )


def check_alive(model: nn.Module, images: NDArray[np.uint8], recipe: Recipe, epoch: int) -> None:
    """Refuse to go on with a layer in which no neuron fires for any image.

    Args:
        model: The network, in evaluation mode as it would be exported.
        images: Some images.
        recipe: Its recipe.
        epoch: The epoch, from 0.

    Raises:
        SpikeforgeError: Names the layer, the epoch and a hint.
    """
    assert isinstance(model, SpikingNet)
    seen = evaluate(model, images, input_threshold=recipe.network.input_threshold)
    layers = seen.levels or seen.spikes[:-1]  # a stepped output layer may be read by its membranes
    for at, fired in enumerate(layers, 1):
        if not fired.any():
            raise SpikeforgeError(
                f"recipe {recipe.name}: no neuron of hidden layer {at} of {len(layers)} fires for "
                f"any of {len(images)} images after epoch {epoch}, so nothing behind it "
                f"learns; lower training.learning_rate (it is {recipe.training.learning_rate}) or "
                f"training.l1 (it is {recipe.training.l1}), or give more steps"
            )
