"""Networks of neurons that fire at most once, whatever their rule: stages in a chain.

Convolutions, first-spike pools and fully connected layers; the earliest output spike names the
class. What the network reports as its cost is the time of that spike: penalized, it decides early
and reads fewer events.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from train.first_spike_pool import FirstSpikePool
from train.model import SpikingNet
from train.recipe import Recipe
from train.stepped import spike_times
from train.stepped_conv import SteppedConv
from train.stepped_layer import RAMP, SteppedLayer, Taps

__all__ = ["SingleSpikeNet", "build_stages"]

_BEHIND_CONVOLUTIONS = 1 / 4  # share of inputs that are expected to spike


class SingleSpikeNet(SpikingNet):
    """A chain of stages; rules subclass it with their loss.

    Args:
        hidden: Hidden layers and pools, in order.
        output: The output layer.
    """

    sharpness = 16.0  # of the softmax over crossing times, over the whole window

    def __init__(self, hidden: Sequence[nn.Module], output: SteppedLayer) -> None:
        super().__init__()
        self.steps = output.input_steps
        self.hidden = nn.ModuleList(hidden)
        self.output = output

    def scores(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Minus the crossing times as scores, and the mean time of the earliest one as cost."""
        times = spike_times(k, self.steps)
        for stage in self.chain():
            times = stage(times) if isinstance(stage, FirstSpikePool) else stage.trained(times)
        return times * (-self.sharpness / self.steps), times.amin(1).mean()

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Weights, then biases twice as fast, then scales; decay of the weights only."""
        layers = [stage for stage in self.chain() if isinstance(stage, SteppedLayer)]
        scales = [*(each.log_step for each in layers), *(each.log_threshold for each in layers)]
        return [
            {"params": [layer.weight for layer in layers], "lr": learning_rate},
            {"params": [layer.bias for layer in layers], "lr": 2 * learning_rate,
             "weight_decay": 0.0},
            {"params": scales, "lr": learning_rate, "weight_decay": 0.0},
        ]  # fmt: skip

    def chain(self) -> list[Any]:
        """Hidden stages, then the output layer."""
        return [*self.hidden, self.output]


def build_stages(
    recipe: Recipe, conv: type[SteppedConv], dense: type[Any], output: type[Any],
    taps: Taps = RAMP, deep_threshold: float = 0.8,
) -> tuple[list[nn.Module], Any]:  # fmt: skip
    """The stages of a recipe's network: hidden ones in order, and the output layer.

    Args:
        recipe: The recipe.
        conv: Kind of the convolutions.
        dense: Kind of the hidden fully connected layers.
        output: Kind of the output layer.
        taps: (delay, gain) of all PSPs.
        deep_threshold: Start of the thresholds of a network with convolutions, in PSPs of a mean
            current at their highest.

    Raises:
        SpikeforgeError: If a kernel or a pool does not fit its map.
    """
    shape, maps = recipe.network, recipe.input_shape
    options: dict[str, Any] = {
        "weight_bits": shape.weight_bits, "steps": shape.steps, "bias": shape.bias,
        "threshold_per_neuron": shape.threshold_per_neuron, "taps": taps,
    }  # fmt: skip
    if shape.conv:
        options["start_threshold"] = deep_threshold
    stages: list[nn.Module] = []
    for each in shape.conv:
        layer = conv(
            maps, each.channels, each.kernel, stride=each.stride, padding=each.padding, **options
        )
        maps = layer.map
        stages.append(layer)
        if each.pool > 1:
            pool = FirstSpikePool(maps, each.pool)
            maps = pool.map
            stages.append(pool)
    inputs = math.prod(maps)
    if shape.conv:
        options["active_share"] = _BEHIND_CONVOLUTIONS
    for outputs in shape.hidden:
        stages.append(dense(inputs, outputs, **options))
        inputs = outputs
    last = output(inputs, recipe.classes, extra_steps=shape.extra_steps, **options)
    return stages, last
