"""Learning rules by name: each one builds a network from a recipe, and that is all there is to it.

The training loop, the data, the quantization and the export never ask for a rule's name. A new
rule is one more entry here: a function from recipe to :class:`train.model.SpikingNet`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spikeforge.errors import SpikeforgeError, nearest
from train.bpsta import Bpsta
from train.cnn import WindowedCnn
from train.hm2 import hm2_network
from train.lee2016 import lee2016_network
from train.model import SpikingNet, WindowedMlp
from train.recipe import Recipe
from train.refusals import (
    refuse_batch_norm,
    refuse_multi_spike,
    refuse_neuron,
    refuse_psp,
    refuse_recurrence,
    refuse_single_spike,
)
from train.spiking.net import SpikingStack
from train.st_rsbp import st_rsbp_network
from train.stdbp_net import stdbp_network
from train.stidi_net import stidi_network
from train.surrogate import Surrogate
from train.tssl_bp import TsslBp

__all__ = ["RULES", "build_network"]


def _windowed(recipe: Recipe) -> SpikingNet:
    """Windowed first-spike neurons, trained straight through their rounding."""
    shape = recipe.network
    refuse_multi_spike(recipe)
    refuse_psp(recipe)
    refuse_single_spike(recipe)
    refuse_batch_norm(recipe)
    pooled = [each.pool for each in shape.conv if each.pool > 1]
    if pooled:
        raise SpikeforgeError(
            f"network.conv.pool must be 1 for rule {recipe.rule}, not {pooled[0]}; give the "
            f"convolution a stride, or take rule stdbp"
        )
    if shape.conv:
        return WindowedCnn.from_recipe(recipe)
    return WindowedMlp(
        (recipe.inputs, *shape.hidden, recipe.classes),
        weight_bits=shape.weight_bits,
        steps=shape.steps,
        bias=shape.bias,
        threshold_per_neuron=shape.threshold_per_neuron,
        dropout=recipe.training.dropout,
    )


def _surrogate(recipe: Recipe) -> SpikingNet:
    """Backpropagation through time with a smooth stand-in for the spike's derivative."""
    refuse_recurrence(recipe)
    return SpikingStack.from_recipe(recipe, Surrogate(recipe.network.neuron.reset_gradient))


def _tssl_bp(recipe: Recipe) -> SpikingNet:
    """Errors through spike times between neurons, and between the spikes of one."""
    refuse_recurrence(recipe)
    refuse_neuron(recipe, after_spike="zero", reset_gradient=False)
    return SpikingStack.from_recipe(recipe, TsslBp())


def _bpsta(recipe: Recipe) -> SpikingNet:
    """Errors weighed by the spiking potential, and let through the reset."""
    refuse_recurrence(recipe)
    refuse_neuron(recipe, after_spike="zero")
    return SpikingStack.from_recipe(recipe, Bpsta(recipe.network.neuron.reset_gradient))


RULES: Mapping[str, Callable[[Recipe], SpikingNet]] = {
    "bpsta": _bpsta,
    "hm2-bp": hm2_network,
    "lee2016": lee2016_network,
    "st-rsbp": st_rsbp_network,
    "stdbp": stdbp_network,
    "stidi-bp": stidi_network,
    "surrogate": _surrogate,
    "tssl-bp": _tssl_bp,
    "windowed": _windowed,
}


def build_network(recipe: Recipe) -> SpikingNet:
    """Build the untrained network of a recipe, with weights from torch's random state.

    Raises:
        SpikeforgeError: If the recipe asks for a rule that does not exist.
    """
    if recipe.rule not in RULES:
        raise SpikeforgeError(
            f"rule must be one of {', '.join(RULES)}, not {recipe.rule!r}"
            f"{nearest(recipe.rule, RULES)}"
        )
    return RULES[recipe.rule](recipe)
