"""Networks that STiDi-BP trains: target times relative to the winner's.

The output layer's desired times follow S4NN (Kheradpisheh and Masquelier, 2020): every wrong class
that fires before tau + margin should fire then, tau being the time of the first spike. Where S4NN
wishes the right class's spike at tau, here it should come earlier by as much as the others together
should come later: displacements then sum to zero, and the hidden layers are not all drawn towards
silence. An image that is won by the margin teaches nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from spikeforge.errors import SpikeforgeError
from train.recipe import Recipe
from train.refusals import refuse_dropout, refuse_multi_spike
from train.single_spike import SingleSpikeNet, build_stages
from train.stepped_layer import SteppedLayer
from train.stidi import StidiConv, StidiDense, StidiOutput, psp_taps

__all__ = ["StidiNet", "desired_times", "stidi_network"]

_MARGIN = 0.2  # of the window


class StidiNet(SingleSpikeNet):
    """A chain of stages that learn from displacements; binary weights are weights of 1 bit."""

    def loss(self, scores: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        """Half the squared displacements of the output neurons, in windows, mean over images."""
        times = scores / (-self.sharpness / self.steps)
        wanted = desired_times(times.detach(), targets, _MARGIN * self.steps)
        return ((times - wanted) / self.steps).square().sum(1).mean() / 2


def desired_times(times: Tensor, targets: Tensor, margin: float) -> Tensor:
    """When the output neurons should have fired.

    Args:
        times: When they did, shape (B, classes).
        targets: Classes, int64, shape (B,).
        margin: Steps by which the right class should be first.

    Returns:
        Shape (B, classes).
    """
    right = functional.one_hot(targets, times.shape[1]).bool()
    late = times.amin(1, keepdim=True) + margin
    delays = (late - times).clamp_(min=0).masked_fill_(right, 0.0)
    return times + torch.where(right, -delays.sum(1, keepdim=True), delays)


def stidi_network(recipe: Recipe) -> StidiNet:
    """The network of a recipe: convolutions with first-spike pools, then fully connected layers.

    Raises:
        SpikeforgeError: If the recipe asks for what this rule cannot do.
    """
    refuse_multi_spike(recipe)
    refuse_dropout(recipe)
    if recipe.training.label_smoothing:
        raise SpikeforgeError(
            f"training.label_smoothing must be 0 for rule {recipe.rule}, not "
            f"{recipe.training.label_smoothing}: its targets are spike times; leave it out"
        )
    shape = recipe.network.psp
    if shape is None:
        raise SpikeforgeError(
            f"network.psp must be given for rule {recipe.rule}, such as psp = {{ rise = 4 }}"
        )
    taps = psp_taps(shape.rise, shape.fall)
    net = StidiNet(*build_stages(recipe, StidiConv, StidiDense, StidiOutput, taps))
    for layer in net.chain():
        if isinstance(layer, SteppedLayer) and layer.norm is not None:
            _hold_scales(layer)
    return net


def _hold_scales(layer: SteppedLayer) -> None:
    """Let a normalized layer learn its weights only, not its thresholds and biases.

    Displacements are no derivatives of the loss by a scale: in 1,500 updates they raised biases
    until two of three neurons fired.
    """
    for scale in (layer.log_threshold, layer.bias):
        scale.requires_grad_(False)
