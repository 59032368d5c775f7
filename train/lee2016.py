"""Lee et al. 2016: membrane potentials as differentiable signals, spikes as noise on them.

After Lee, Delbruck and Pfeiffer, "Training Deep Spiking Neural Networks Using Backpropagation"
(Frontiers in Neuroscience 10:508). A neuron integrates the traces x_k of its inputs and loses its
threshold with every spike, V_i = sum_k w_ik x_k - theta_i a_i, where x_k and a_i are presynaptic
and own spikes, each decaying as V does. What V jumps by at a spike counts as noise, so that

    a_i = (1 / theta_i) sum_k w_ik x_k,  da_i/dx_k = w_ik / theta_i,  da_i/dth_i = -a_i / theta_i,

and only neurons that fired take part. Both sides of the first equation are the same decaying sum:
of the spikes s_i on the left, of what arrives (in thresholds) on the right. So it holds in every
step if the gradient by what arrives in a step is that by the spike of the step: the whole rule is
one gate a neuron.

Kept: reset by subtraction, learned thresholds, the gate. Our own: a neuron that fires in every step
cannot fire more and learns nothing from what asks for more, and a silent one takes part by the
largest u = V / theta that it reached, at least by 0.1; currents with memory are allowed as well;
thresholds learn with what arrived for a_i, which is the same within the noise. Not kept: lateral
inhibition, the exponential weight regularizer (weight decay instead), dynamic refractory weights,
and the normalization of errors by the number of active neurons (AdamW scales every weight's own).
"""

from __future__ import annotations

from torch import Tensor

from spikeforge.errors import SpikeforgeError
from train.recipe import Recipe
from train.refusals import refuse_neuron, refuse_recurrence
from train.spiking.fire import Record
from train.spiking.layer import SpikingLayer
from train.spiking.net import SpikingStack

__all__ = ["Lee2016", "lee2016_network"]

_LEAST_SHARE = 0.1


class Lee2016:
    """The rule."""

    def by_membrane(self, record: Record, by_spikes: Tensor) -> Tensor:
        """As :class:`train.spiking.fire.Rule` says."""
        result = by_spikes * record.u.amax(0).clamp_(_LEAST_SHARE, 1.0)
        full = record.spikes.sum(0) == len(by_spikes)
        return result.masked_fill_(full & (by_spikes.sum(0) < 0), 0.0)


def lee2016_network(recipe: Recipe) -> SpikingStack:
    """The network of a recipe; hidden thresholds learn.

    Raises:
        SpikeforgeError: If the recipe asks for what the rule is not defined for.
    """
    refuse_recurrence(recipe)
    if recipe.network.neuron.after_spike != "subtract":
        raise SpikeforgeError(
            f'network.neuron.after_spike must be "subtract" for rule {recipe.rule}, not '
            f'"{recipe.network.neuron.after_spike}"; set it, or take rule hm2-bp'
        )
    refuse_neuron(recipe, refractory=0, reset_gradient=False)
    net = SpikingStack.from_recipe(recipe, Lee2016())
    for layer in net.weighted():
        assert isinstance(layer, SpikingLayer)
        layer.log_threshold.requires_grad_(layer.neuron.fires)
    return net
