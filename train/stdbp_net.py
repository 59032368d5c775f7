"""Networks that STDBP trains, and what an early decision is worth to them.

The loss is the cross-entropy of softmax(-sharpness * t / T) over the output neurons' crossing
times t (Zhang et al., arXiv 2003.11837, decode by the earliest spike).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from train.recipe import Recipe
from train.refusals import refuse_dropout, refuse_multi_spike, refuse_psp
from train.single_spike import SingleSpikeNet, build_stages
from train.stdbp import StdbpConv, StdbpDense, StdbpOutput
from train.stepped_layer import Start

__all__ = ["StdbpMlp", "stdbp_network"]

# Every layer waits for the one before it, in few steps: half of a shallow network's threshold. And
# weights of both signs: where an image is bright, neurons that are only excited all fire at once.
_DEEP = Start(threshold=0.4, mean=0.1)


class StdbpMlp(SingleSpikeNet):
    """Fully connected ramp neurons, such as 784-400-10; the first output spike names the class.

    Args:
        sizes: Inputs, hidden layers and classes, such as (784, 400, 10).
        weight_bits: Width of all weights, 1 (-1 and +1) to 8.
        steps: T of the input window and of the hidden layers.
        extra_steps: Steps that the output layer runs longer.
        bias: Learn biases: constant currents.
        threshold_per_neuron: One threshold a neuron instead of one a layer.
    """

    def __init__(
        self, sizes: Sequence[int], *, weight_bits: int = 4, steps: int = 15,
        extra_steps: int = 0, bias: bool = True, threshold_per_neuron: bool = False,
    ) -> None:  # fmt: skip
        options: dict[str, Any] = {
            "weight_bits": weight_bits, "steps": steps, "bias": bias,
            "threshold_per_neuron": threshold_per_neuron,
        }  # fmt: skip
        hidden = [
            StdbpDense(inputs, outputs, **options) for inputs, outputs in pairwise(sizes[:-1])
        ]
        super().__init__(
            hidden, StdbpOutput(sizes[-2], sizes[-1], extra_steps=extra_steps, **options)
        )


def stdbp_network(recipe: Recipe) -> SingleSpikeNet:
    """The network of a recipe: convolutions with first-spike pools, then fully connected layers.

    Raises:
        SpikeforgeError: If the recipe asks for what this rule cannot do.
    """
    refuse_multi_spike(recipe)
    refuse_dropout(recipe)
    refuse_psp(recipe)
    stages = build_stages(recipe, StdbpConv, StdbpDense, StdbpOutput, deep=_DEEP)
    return SingleSpikeNet(*stages)
