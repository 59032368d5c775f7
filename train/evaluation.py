"""Networks evaluated as the hardware does it: integers in, integers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from train.augment import code
from train.exporter import Windowed, integer_layers

__all__ = ["Evaluation", "accuracy", "evaluate"]

_BATCH = 2_000


@dataclass(frozen=True)
class Evaluation:
    """What a network says about some images.

    Attributes:
        classes: Named classes, int64, shape (B,).
        levels: k of each firing layer's neurons (0: no spike), uint8, shapes (B, neurons).
        membranes: Final membranes of the read-out layer in LSBs, int64, shape (B, classes).
    """

    classes: NDArray[np.int64]
    levels: tuple[NDArray[np.uint8], ...]
    membranes: NDArray[np.int64]


def evaluate(
    model: nn.Module, images: NDArray[np.uint8], *, input_threshold: int = 0
) -> Evaluation:
    """Run a model in evaluation mode, exactly as the integer network that it exports to.

    Args:
        model: A network of windowed layers, as :func:`train.export` takes it.
        images: Pixels 0..255, uint8, shape (B, H, W).
        input_threshold: Pixels below it are silent.

    Raises:
        SpikeforgeError: If the model holds a module that has no integer counterpart.
    """
    layers = integer_layers(model)
    batches = [
        _run(layers, images[start : start + _BATCH], input_threshold)
        for start in range(0, len(images), _BATCH)
    ]
    membranes = torch.cat([kept[-1] for kept in batches]).to(torch.int64)
    firing = zip(*(kept[:-1] for kept in batches), strict=True)
    return Evaluation(
        classes=membranes.argmax(1).numpy(),  # the first one, where several are largest
        levels=tuple(torch.cat(parts).to(torch.uint8).numpy() for parts in firing),
        membranes=membranes.numpy(),
    )


def accuracy(
    model: nn.Module,
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    *,
    rounding: bool = True,
    input_threshold: int = 0,
) -> float:
    """Share of images (0..1) whose class is named correctly.

    Args:
        model: A network of windowed layers.
        images: Pixels 0..255, uint8, shape (B, H, W).
        labels: Classes, shape (B,).
        rounding: False for the same network without rounding of weights, biases, thresholds and
            spike times.
        input_threshold: Pixels below it are silent.

    Raises:
        SpikeforgeError: If there are no images.
    """
    if not len(images):
        raise SpikeforgeError("accuracy needs at least 1 image, not 0")
    layers = integer_layers(model)
    hits = 0
    with _rounding(layers, rounding):
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            named = _run(layers, batch, input_threshold)[-1].argmax(1).numpy()
            hits += int((named == labels[start : start + _BATCH]).sum())
    return hits / len(images)


def _run(
    layers: Sequence[Windowed], images: NDArray[np.uint8], input_threshold: int
) -> list[Tensor]:
    """Outputs of all layers for one batch, without touching the model's mode afterwards."""
    modes = [layer.training for layer in layers]
    pixels = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32))
    k = code(pixels, _steps(layers), input_threshold)
    kept = []
    try:
        with torch.no_grad():
            for layer in layers:
                layer.eval()
                k = layer(k)
                kept.append(k)
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.train(mode)
    return kept


def _steps(layers: Sequence[Windowed]) -> int:
    return int(layers[0].steps)


@contextmanager
def _rounding(layers: Sequence[Windowed], on: bool) -> Iterator[None]:
    before = [layer.rounding for layer in layers]
    try:
        for layer in layers:
            layer.rounding = on
        yield
    finally:
        for layer, state in zip(layers, before, strict=True):
            layer.rounding = state
