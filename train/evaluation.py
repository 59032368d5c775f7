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
from train.spiking.layer import SpikingLayer
from train.spiking.net import SpikingStack
from train.stepped_layer import SteppedLayer
from train.stepped_network import SteppedRun, SteppedStage, run_stepped, stepped_stages

__all__ = ["Evaluation", "accuracy", "evaluate"]

_BATCH = 500


@dataclass(frozen=True)
class Evaluation:
    """What a network says about some images.

    Attributes:
        classes: Named classes, int64, shape (B,).
        levels: k of each firing windowed layer's neurons (0: no spike), uint8, shapes
            (B, neurons).
        membranes: Membranes of the last layer in LSBs, int64, shape (B, classes): final ones, or
            those of the deciding step.
        spikes: Spikes of each stepped layer's neurons, 0 or 1, uint8, shapes (B, steps, neurons).
        decided_step: Step of an early decision, int64, shape (B,), -1 where none was taken; None
            for windowed layers.
    """

    classes: NDArray[np.int64]
    levels: tuple[NDArray[np.uint8], ...]
    membranes: NDArray[np.int64]
    spikes: tuple[NDArray[np.uint8], ...] = ()
    decided_step: NDArray[np.int64] | None = None


def evaluate(
    model: nn.Module, images: NDArray[np.uint8], *, input_threshold: int = 0
) -> Evaluation:
    """Run a model in evaluation mode, exactly as the integer network that it exports to.

    Args:
        model: A network, as :func:`train.export` takes it.
        images: Pixels 0..255, uint8, shape (B, H, W).
        input_threshold: Pixels below it are silent.

    Raises:
        SpikeforgeError: If the model holds a module that has no integer counterpart.
    """
    if isinstance(model, SpikingStack):
        return _evaluate_stack(model, images)
    stepped = stepped_stages(model)
    if stepped:
        return _evaluate_stepped(stepped, images, input_threshold)
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
        model: A network, as :func:`train.export` takes it.
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
    stack = model if isinstance(model, SpikingStack) else None
    stepped = [] if stack is not None else stepped_stages(model)
    windowed = [] if stepped or stack is not None else integer_layers(model)
    hits = 0
    stacked = stack.weighted() if stack is not None else ()
    with _rounding([*stacked, *_weighted(stepped), *windowed], rounding):
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            if stack is not None:
                named = stack.run(_stack_input(stack, batch)).classes.numpy()
            elif stepped:
                named = _run_stepped(stepped, batch, input_threshold).decision.classes.numpy()
            else:
                named = _run(windowed, batch, input_threshold)[-1].argmax(1).numpy()
            hits += int((named == labels[start : start + _BATCH]).sum())
    return hits / len(images)


def _run(
    layers: Sequence[Windowed], images: NDArray[np.uint8], input_threshold: int
) -> list[Tensor]:
    """Outputs of all layers for one batch, without touching the model's mode afterwards."""
    modes = [layer.training for layer in layers]
    k = _coded(images, layers[0].steps, input_threshold)
    kept = []
    try:
        with torch.no_grad():
            for layer in layers:
                layer.eval()
                k = layer(k)
                kept.append(k.flatten(1))
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.train(mode)
    return kept


def _stack_input(model: SpikingStack, images: NDArray[np.uint8]) -> Tensor:
    pixels = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32))
    return model.form.code(pixels)


def _evaluate_stack(model: SpikingStack, images: NDArray[np.uint8]) -> Evaluation:
    runs = [
        model.run(_stack_input(model, images[start : start + _BATCH]))
        for start in range(0, len(images), _BATCH)
    ]
    layers = zip(*(run.spikes for run in runs), strict=True)
    return Evaluation(
        classes=torch.cat([run.classes for run in runs]).numpy(),
        levels=(),
        membranes=torch.cat([run.finals for run in runs]).to(torch.int64).numpy(),
        spikes=tuple(_by_image(parts) for parts in layers),
    )


def _by_image(parts: Sequence[Tensor]) -> NDArray[np.uint8]:
    """Spikes of batches, shapes (steps, B, ...), as uint8 of shape (images, steps, neurons)."""
    whole = torch.cat([part.to(torch.uint8).transpose(0, 1).flatten(2) for part in parts])
    return whole.numpy()


def _coded(images: NDArray[np.uint8], steps: int, input_threshold: int) -> Tensor:
    pixels = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32))
    return code(pixels, steps, input_threshold)


def _run_stepped(
    layers: Sequence[SteppedStage], images: NDArray[np.uint8], input_threshold: int
) -> SteppedRun:
    return run_stepped(layers, _coded(images, _weighted(layers)[0].input_steps, input_threshold))


def _weighted(stages: Sequence[SteppedStage]) -> list[SteppedLayer]:
    return [stage for stage in stages if isinstance(stage, SteppedLayer)]


def _evaluate_stepped(
    layers: Sequence[SteppedStage], images: NDArray[np.uint8], input_threshold: int
) -> Evaluation:
    runs = [
        _run_stepped(layers, images[start : start + _BATCH], input_threshold)
        for start in range(0, len(images), _BATCH)
    ]
    decisions = [run.decision for run in runs]
    times = zip(*(run.times for run in runs), strict=True)
    decided = [torch.where(each.early, each.step, -1) for each in decisions]
    return Evaluation(
        classes=torch.cat([each.classes for each in decisions]).numpy(),
        levels=(),
        membranes=torch.cat([each.membranes for each in decisions]).to(torch.int64).numpy(),
        spikes=tuple(
            _spikes(torch.cat(parts).numpy(), layer.steps)
            for parts, layer in zip(times, _weighted(layers), strict=True)
        ),
        decided_step=torch.cat(decided).numpy(),
    )


def _spikes(times: NDArray[np.float32], steps: int) -> NDArray[np.uint8]:
    """0 or 1 by step, shape (B, steps, neurons), of spikes at given steps."""
    spikes: NDArray[np.uint8] = (times[:, None] == np.arange(steps)[:, None]).astype(np.uint8)
    return spikes


@contextmanager
def _rounding(layers: Sequence[Windowed | SteppedLayer | SpikingLayer], on: bool) -> Iterator[None]:
    before = [layer.rounding for layer in layers]
    try:
        for layer in layers:
            layer.rounding = on
        yield
    finally:
        for layer, state in zip(layers, before, strict=True):
            layer.rounding = state
