"""Fully connected networks that STDBP trains, and what an early decision is worth to them.

The loss is the cross-entropy of softmax(-sharpness * t / T) over the output neurons' crossing
times t (Zhang et al., arXiv 2003.11837, decode by the earliest spike). What the network reports as
its cost is the time of the earliest output spike: penalized, it decides early and reads fewer
events.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from train.idx import CLASSES, SIDE
from train.model import SpikingNet
from train.recipe import Recipe
from train.stdbp import StdbpDense, StdbpOutput
from train.stepped import spike_times

__all__ = ["StdbpMlp"]

_SHARPNESS = 16.0  # of the softmax, over the whole window


class StdbpMlp(SpikingNet):
    """Fully connected ramp neurons, such as 784-400-10; the first output spike names the class.

    Args:
        sizes: Inputs, hidden layers and classes, such as (784, 400, 10).
        weight_bits: Width of all weights, 2 to 8.
        steps: T of the input window and of the hidden layers.
        extra_steps: Steps that the output layer runs longer.
        bias: Learn biases: constant currents.
        threshold_per_neuron: One threshold a neuron instead of one a layer.
    """

    def __init__(
        self, sizes: Sequence[int], *, weight_bits: int = 4, steps: int = 15,
        extra_steps: int = 0, bias: bool = True, threshold_per_neuron: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        options: dict[str, Any] = {
            "weight_bits": weight_bits, "steps": steps, "bias": bias,
            "threshold_per_neuron": threshold_per_neuron,
        }  # fmt: skip
        self.steps = steps
        self.hidden = nn.ModuleList(
            StdbpDense(inputs, outputs, **options) for inputs, outputs in pairwise(sizes[:-1])
        )
        self.output = StdbpOutput(sizes[-2], sizes[-1], extra_steps=extra_steps, **options)

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> StdbpMlp:
        """The network of a recipe.

        Raises:
            SpikeforgeError: If the recipe asks for what this rule cannot do.
        """
        shape = recipe.network
        if shape.conv:
            raise SpikeforgeError(
                f"network.conv must be empty for rule {recipe.rule}, not {len(shape.conv)} "
                f"convolutions; leave it out, or take rule windowed"
            )
        if recipe.training.dropout:
            raise SpikeforgeError(
                f"training.dropout must be 0 for rule {recipe.rule}, not "
                f"{recipe.training.dropout}; leave it out"
            )
        return cls(
            (SIDE * SIDE, *shape.hidden, CLASSES),
            weight_bits=shape.weight_bits, steps=shape.steps, extra_steps=shape.extra_steps,
            bias=shape.bias, threshold_per_neuron=shape.threshold_per_neuron,
        )  # fmt: skip

    def scores(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Minus the crossing times as scores, and the mean time of the earliest one as cost."""
        times = spike_times(k, self.steps)
        for layer in self.chain():
            times = layer.trained(times)
        return times * (-_SHARPNESS / self.steps), times.amin(1).mean()

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Weights, then biases twice as fast, then scales; decay of the weights only."""
        layers = self.chain()
        scales = [*(each.log_step for each in layers), *(each.log_threshold for each in layers)]
        return [
            {"params": [layer.weight for layer in layers], "lr": learning_rate},
            {"params": [layer.bias for layer in layers], "lr": 2 * learning_rate,
             "weight_decay": 0.0},
            {"params": scales, "lr": learning_rate, "weight_decay": 0.0},
        ]  # fmt: skip

    def chain(self) -> list[Any]:
        """Hidden layers, then the output layer."""
        return [*self.hidden, self.output]
