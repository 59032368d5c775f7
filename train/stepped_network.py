"""Chains of stepped layers, found in a model and run as the hardware does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from train.model import SpikingNet
from train.stepped import Decision, SteppedDense, decide, first_crossing, silenced, spike_times

__all__ = ["SteppedRun", "run_stepped", "stepped_layers"]

_SILENT = (nn.Dropout, nn.Identity, nn.Flatten)  # what changes nothing in evaluation


@dataclass(frozen=True)
class SteppedRun:
    """What a chain of layers did.

    Attributes:
        times: Steps of each layer's spikes, shapes (B, neurons); :data:`train.stepped.NEVER` for
            silence. The output layer's go on after the decision.
        decision: The class, and what it was taken from.
    """

    times: tuple[Tensor, ...]
    decision: Decision


def stepped_layers(model: nn.Module) -> list[SteppedDense]:
    """The stepped layers of a model, in order; none if it has no such layer.

    Raises:
        SpikeforgeError: If other layers are among them, or the chain is no network.
    """
    parts = [part for part in _parts(model) if not isinstance(part, _SILENT)]
    layers = [part for part in parts if isinstance(part, SteppedDense)]
    if not layers:
        return []
    for at, part in enumerate(parts):
        if not isinstance(part, SteppedDense):
            raise SpikeforgeError(
                f"module {at} is a {type(part).__name__} among stepped layers; build the model "
                f"from stepped layers only"
            )
    for at, (before, layer) in enumerate(pairwise(layers), 1):
        if layer.inputs != before.outputs or layer.steps < before.steps:
            raise SpikeforgeError(
                f"module {at} takes {layer.inputs} inputs and runs {layer.steps} steps, but the "
                f"layer before gives {before.outputs} and runs {before.steps}; inputs must be "
                f"equal and steps no fewer"
            )
    return layers


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, SpikingNet):
        for part in module.chain():
            yield from _parts(part)
    elif isinstance(module, nn.Sequential):
        for part in module.children():
            yield from _parts(part)
    else:
        yield module


def run_stepped(layers: Sequence[SteppedDense], k: Tensor) -> SteppedRun:
    """Run layers in evaluation mode: integers, unless their rounding is off.

    Args:
        layers: As :func:`stepped_layers` gives them.
        k: Coded inputs 0..T, shape (B, inputs).
    """
    arriving = spike_times(k, layers[0].input_steps)
    times = []
    with torch.no_grad():
        for layer in layers:
            v, theta = layer.run(arriving)
            arriving = silenced(*first_crossing(v, theta))
            times.append(arriving)
        return SteppedRun(tuple(times), decide(v, theta))
