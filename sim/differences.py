"""What differs between a batch on the RTL and the models, and the first of it in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.cycles import CycleCount
from sim.model import Batch
from sim.reference import Trace

__all__ = ["first_difference", "wrong_answers", "wrong_cycles"]

Ints = NDArray[np.int64]


def wrong_answers(part: Trace, batch: Batch) -> NDArray[np.bool_]:
    """Images whose class, its score or output membranes differ, shape (B,)."""
    differ = (part.outputs != batch.membranes).any(axis=1) | (part.classes != batch.classes)
    return np.asarray(differ | (part.scores != batch.scores))


def wrong_cycles(model: CycleCount, batch: Batch, single: bool) -> NDArray[np.bool_]:
    """Images whose cycles differ; one by one only their latencies count."""
    if single:
        return np.asarray(model.result - model.first != batch.result - batch.first)
    return np.asarray((model.first != batch.first) | (model.result != batch.result))


def first_difference(
    share: Ints, part: Trace, model: CycleCount | None, batch: Batch, single: bool
) -> list[str]:
    """The first difference in words, or nothing.

    Args:
        share: What to call each image, shape (B,).
        part: The integer reference on these images.
        model: The cycle model on them; None where streams stalled and cycles may grow.
        batch: What the RTL did.
        single: Images were offered one by one: only latencies count.
    """
    for image in np.flatnonzero(wrong_answers(part, batch))[:1]:
        neurons = np.flatnonzero(part.outputs[image] != batch.membranes[image])
        if len(neurons):
            neuron = int(neurons[0])
            got, want = batch.membranes[image, neuron], part.outputs[image, neuron]
            where = f"image {share[image]}, output neuron {neuron}"
            return [f"{where}: the RTL's membrane is {got}, the reference's {want}"]
        where, got, want = f"image {share[image]}", batch.classes[image], part.classes[image]
        if got != want:
            return [f"{where}: the RTL says class {got}, the reference {want}"]
        got, want = batch.scores[image], part.scores[image]
        return [f"{where}: the RTL's class {part.classes[image]} has {got}, the reference's {want}"]
    if model is None:
        return []
    for image in np.flatnonzero(wrong_cycles(model, batch, single))[:1]:
        return [
            f"image {share[image]}: first event and class in cycles {batch.first[image]} and "
            f"{batch.result[image]}, the cycle model says {model.first[image]} and "
            f"{model.result[image]}"
        ]
    return []
