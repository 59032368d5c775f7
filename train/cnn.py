"""Small convolutional windowed networks, and what their spikes cost in cycles.

An event at a map's position is read by every output position that sees it. With 64 lanes for the
channels of one position, each costs one cycle, so the penalty on activity weighs a spike with the
cycles that it causes in the layer behind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as functional
from torch import Tensor

from train.model import WindowedNet
from train.network_shape import ConvShape
from train.recipe import Recipe
from train.windowed import WindowedDense, WindowedReadout
from train.windowed_conv import WindowedConv, reached_positions

__all__ = ["WindowedCnn"]

_LANES = 64
_SATURATION = 4.0  # a spike counts in full from this k on, less below: a count with a gradient


class WindowedCnn(WindowedNet):
    """Convolutions, then fully connected layers, then a read-out; all windowed.

    Args:
        shape: (channels, height, width) of the input.
        convolutions: In order.
        sizes: Hidden fully connected layers, then the classes, such as (128, 10).
        weight_bits: Width of all weights, 2 to 8.
        steps: T of every window.
        bias: Learn biases.
        threshold_per_neuron: One threshold a hidden channel or neuron instead of one a layer.
        dropout: Share of the values silenced before each fully connected layer while training.
    """

    def __init__(
        self, shape: tuple[int, int, int], convolutions: Sequence[ConvShape], sizes: Sequence[int],
        *, weight_bits: int = 4, steps: int = 15, bias: bool = True,
        threshold_per_neuron: bool = False, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        hidden: list[WindowedConv | WindowedDense] = []
        for conv in convolutions:
            layer = WindowedConv(
                shape, conv.channels, conv.kernel, stride=conv.stride, padding=conv.padding,
                weight_bits=weight_bits, steps=steps, bias=bias,
                threshold_per_neuron=threshold_per_neuron,
            )  # fmt: skip
            hidden.append(layer)
            shape = layer.map
        inputs = math.prod(shape)
        for outputs in sizes[:-1]:
            hidden.append(
                WindowedDense(
                    inputs, outputs, weight_bits=weight_bits, steps=steps, bias=bias,
                    threshold_per_neuron=threshold_per_neuron,
                )
            )  # fmt: skip
            inputs = outputs
        readout = WindowedReadout(
            inputs, sizes[-1], weight_bits=weight_bits, steps=steps, bias=bias
        )
        super().__init__(hidden, readout, dropout)
        for at, after in enumerate(self.chain()[1:]):
            self.register_buffer(f"cost{at}", _cycles(after), persistent=False)

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> WindowedCnn:
        """The network of a recipe with convolutions."""
        shape = recipe.network
        return cls(
            recipe.input_shape, shape.conv, (*shape.hidden, recipe.classes),
            weight_bits=shape.weight_bits, steps=shape.steps, bias=shape.bias,
            threshold_per_neuron=shape.threshold_per_neuron, dropout=recipe.training.dropout,
        )  # fmt: skip

    def scores(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the classes, and about the kilocycles that hidden spikes cause an image."""
        activity = k.new_zeros(())
        for at, layer in enumerate(self.hidden):
            if isinstance(layer, WindowedDense) and self.dropout.p:
                k = self.dropout(k)
            k = layer(k)
            counts = functional.hardtanh(k, 0.0, _SATURATION).sum(0)
            if counts.ndim == 3:
                counts = counts.sum(0)
            cost = getattr(self, f"cost{at}")
            activity = activity + (counts * cost).sum() / (1e3 * _SATURATION * len(k))
        return self.readout(self.dropout(k) if self.dropout.p else k), activity


def _cycles(layer: WindowedConv | WindowedDense | WindowedReadout) -> Tensor:
    """What one arriving event costs, by its position for a convolution."""
    if isinstance(layer, WindowedConv):
        return reached_positions(layer) * math.ceil(layer.map[0] / layer.groups / _LANES)
    return layer.weight.new_tensor(math.ceil(layer.outputs / _LANES))
