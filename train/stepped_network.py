"""Chains of stepped layers and first-spike pools, found in a model and run as the hardware does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from train.first_spike_pool import FirstSpikePool
from train.model import SpikingNet
from train.stepped import Decision, decide, first_crossing, silenced, spike_times
from train.stepped_conv import SteppedConv
from train.stepped_layer import SteppedLayer

__all__ = ["SteppedRun", "SteppedStage", "run_stepped", "stepped_layers", "stepped_stages"]

SteppedStage = SteppedLayer | FirstSpikePool
_SILENT = (nn.Dropout, nn.Identity, nn.Flatten)  # what changes nothing in evaluation


@dataclass(frozen=True)
class SteppedRun:
    """What a chain of stages did.

    Attributes:
        times: Steps of each layer's spikes (pools left out), shapes (B, neurons);
            :data:`train.stepped.NEVER` for silence. The output layer's go on after the decision.
        decision: The class, and what it was taken from.
    """

    times: tuple[Tensor, ...]
    decision: Decision


def stepped_layers(model: nn.Module) -> list[SteppedLayer]:
    """The stepped layers of a model, in order; none if it has no such layer.

    Raises:
        SpikeforgeError: If other layers are among them, or the chain is no network.
    """
    return [stage for stage in stepped_stages(model) if isinstance(stage, SteppedLayer)]


def stepped_stages(model: nn.Module) -> list[SteppedStage]:
    """The stepped layers and pools of a model, in order; nothing if it has no stepped layer.

    Raises:
        SpikeforgeError: If other layers are among them, or the chain is no network.
    """
    parts = [part for part in _parts(model) if not isinstance(part, _SILENT)]
    stages = [part for part in parts if isinstance(part, SteppedStage)]
    if not any(isinstance(stage, SteppedLayer) for stage in stages):
        return []
    for at, part in enumerate(parts):
        if not isinstance(part, SteppedStage):
            raise SpikeforgeError(
                f"module {at} is a {type(part).__name__} among stepped layers; build the model "
                f"from stepped layers only"
            )
    _check_chain(stages)
    return stages


def _check_chain(stages: Sequence[SteppedStage]) -> None:
    steps = 0
    for at, (before, stage) in enumerate(pairwise(stages), 1):
        steps = before.steps if isinstance(before, SteppedLayer) else steps
        own = stage.steps if isinstance(stage, SteppedLayer) else steps
        if stage.inputs != before.outputs or own < steps:
            raise SpikeforgeError(
                f"module {at} takes {stage.inputs} inputs and runs {own} steps, but the layer "
                f"before gives {before.outputs} and runs {steps}; inputs must be equal and steps "
                f"no fewer"
            )
        if isinstance(stage, SteppedConv | FirstSpikePool):
            given = getattr(before, "map", (before.outputs, 1, 1))
            if stage.shape != given:
                raise SpikeforgeError(
                    f"module {at} takes maps of the shape {stage.shape}, but the layer before "
                    f"gives {given}; they must be equal"
                )
    if not isinstance(stages[-1], SteppedLayer):
        raise SpikeforgeError(
            "the last module must be a layer of neurons, not a FirstSpikePool; add a layer with "
            "one neuron a class"
        )


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, SpikingNet):
        for part in module.chain():
            yield from _parts(part)
    elif isinstance(module, nn.Sequential):
        for part in module.children():
            yield from _parts(part)
    else:
        yield module


def run_stepped(stages: Sequence[SteppedStage], k: Tensor) -> SteppedRun:
    """Run stages in evaluation mode: integers, unless their rounding is off.

    Args:
        stages: As :func:`stepped_stages` gives them.
        k: Coded inputs 0..T, shape (B, inputs).
    """
    first = next(stage for stage in stages if isinstance(stage, SteppedLayer))
    arriving = spike_times(k, first.input_steps)
    times = []
    with torch.no_grad():
        for stage in stages:
            if isinstance(stage, FirstSpikePool):
                arriving = stage(arriving)
                continue
            v, theta = stage.run(arriving)
            arriving = silenced(*first_crossing(v, theta))
            times.append(arriving)
        return SteppedRun(tuple(times), decide(v, theta))
