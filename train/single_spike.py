"""Networks of neurons that fire at most once, whatever their rule: stages in a chain.

Convolutions, first-spike pools and fully connected layers; the earliest output spike names the
class. What the network reports as its cost is the time of that spike: penalized, it decides early
and reads fewer events.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from spikeforge.neuron import MAX_STEPS
from train.first_spike_pool import FirstSpikePool
from train.model import SpikingNet
from train.network_shape import NetworkShape
from train.psp import RAMP, Taps
from train.recipe import Recipe
from train.stepped import spike_times
from train.stepped_conv import SteppedConv
from train.stepped_layer import SHALLOW, Start, SteppedLayer

__all__ = ["SingleSpikeNet", "build_stages"]


_BEHIND_CONVOLUTIONS = 1 / 4  # share of inputs that are expected to spike
_SHARPNESS = 16.0  # of the softmax over crossing times, over the image's window
_NORMAL_SHARPNESS = 8.0  # where slopes are normal: at 16 soft times won that whole steps then lost
_POOLED = 1.2  # deviations, of threshold: one in a window is enough


class SingleSpikeNet(SpikingNet):
    """A chain of stages; rules subclass it with their loss.

    Args:
        hidden: Hidden layers and pools, in order.
        output: The output layer.
    """

    def __init__(self, hidden: Sequence[nn.Module], output: SteppedLayer) -> None:
        super().__init__()
        self.steps = output.input_steps
        self.hidden = nn.ModuleList(hidden)
        self.output = output
        self.sharpness = _SHARPNESS if output.norm is None else _NORMAL_SHARPNESS

    def scores(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Minus the crossing times as scores, and the mean time of the earliest one as cost."""
        times = spike_times(k, self.steps)
        for stage in self.chain():
            times = stage(times) if isinstance(stage, FirstSpikePool) else stage.trained(times)
        return times * (-self.sharpness / self.steps), times.amin(1).mean()

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Weights, then biases, then scales; decay of the weights only.

        Biases move twice as fast as weights and scales. Where slopes are normal, whose weights
        bear high rates, biases and scales move at a quarter of theirs: faster, five of a first
        layer's 16 channels came to fire always, or never.
        """
        layers = [stage for stage in self.chain() if isinstance(stage, SteppedLayer)]
        scales = [*(each.log_step for each in layers), *(each.log_threshold for each in layers)]
        normal = self.output.norm is not None
        return [
            {"params": [layer.weight for layer in layers], "lr": learning_rate},
            {"params": [layer.bias for layer in layers],
             "lr": (1 / 4 if normal else 2) * learning_rate, "weight_decay": 0.0},
            {"params": scales, "lr": (1 / 4 if normal else 1) * learning_rate,
             "weight_decay": 0.0},
        ]  # fmt: skip

    def chain(self) -> list[Any]:
        """Hidden stages, then the output layer."""
        return [*self.hidden, self.output]


def build_stages(
    recipe: Recipe, conv: type[SteppedConv], dense: type[Any], output: type[Any],
    taps: Taps = RAMP, deep: Start = SHALLOW,
) -> tuple[list[nn.Module], Any]:  # fmt: skip
    """The stages of a recipe's network: hidden ones in order, and the output layer.

    Args:
        recipe: The recipe.
        conv: Kind of the convolutions.
        dense: Kind of the hidden fully connected layers.
        output: Kind of the output layer.
        taps: (delay, gain) of all PSPs.
        deep: Where the layers of a network with convolutions start.

    Raises:
        SpikeforgeError: If a kernel or a pool does not fit its map, or the output layer's window
            gets too long.
    """
    shape = recipe.network
    _check_window(shape)
    options = _options(shape, taps, deep)
    stages, maps = _convolutions(recipe, conv, options)
    inputs = math.prod(maps)
    if shape.conv:
        options["active_share"] = _BEHIND_CONVOLUTIONS
    late = len(shape.conv) * shape.later_steps  # steps that a layer runs longer than the input
    for outputs in shape.hidden:
        late += shape.later_steps
        stages.append(dense(inputs, outputs, extra_steps=late, **options))
        inputs = outputs
    late += shape.later_steps + shape.extra_steps
    last = output(inputs, recipe.classes, extra_steps=late, **options)
    return stages, last


def _options(shape: NetworkShape, taps: Taps, deep: Start) -> dict[str, Any]:
    """What all layers have in common."""
    start = deep if shape.conv else SHALLOW
    if shape.start_mean is not None:
        start = replace(start, mean=shape.start_mean)
    return {
        "weight_bits": shape.weight_bits, "steps": shape.steps, "bias": shape.bias,
        "threshold_per_neuron": shape.threshold_per_neuron, "batch_norm": shape.batch_norm,
        "taps": taps, "start": start,
    }  # fmt: skip


def _convolutions(
    recipe: Recipe, conv: type[SteppedConv], options: dict[str, Any]
) -> tuple[list[nn.Module], tuple[int, int, int]]:
    """Convolutions and their pools, and the shape of the last one's maps."""
    stages: list[nn.Module] = []
    maps = recipe.input_shape
    for before, each in enumerate(recipe.network.conv):
        place = {
            "stride": each.stride,
            "padding": each.padding,
            "extra_steps": (before + 1) * recipe.network.later_steps,
        }
        if each.pool > 1:
            place["start"] = replace(options["start"], outstanding=_POOLED)
        layer = conv(maps, each.channels, each.kernel, **options | place)
        maps = layer.map
        stages.append(layer)
        if each.pool > 1:
            pool = FirstSpikePool(maps, each.pool)
            maps = pool.map
            stages.append(pool)
    return stages, maps


def _check_window(shape: NetworkShape) -> None:
    layers = len(shape.conv) + len(shape.hidden) + 1
    steps = shape.steps + layers * shape.later_steps + shape.extra_steps
    if steps > MAX_STEPS:
        raise SpikeforgeError(
            f"network.later_steps must leave the last of {layers} layers at most {MAX_STEPS} "
            f"steps, not {steps} (steps = {shape.steps}, {shape.later_steps} more a layer, "
            f"extra_steps = {shape.extra_steps}); take fewer"
        )
