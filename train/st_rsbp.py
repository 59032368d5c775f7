"""ST-RSBP: errors by firing counts through layers that feed back on themselves.

After Zhang and Li, "Spike-Train Level Backpropagation for Training Deep Recurrent Spiking Neural
Networks" (NeurIPS 2019). The neurons and the S-PSP e are those of HM2-BP (:mod:`train.hm2`), but
a_j sums over inputs i and recurrent peers k, and e_{j|i} depends on the receiver's count as well,
with the slope p (:mod:`train.count_effect`). The counts of a layer are then tied to each other,

    Omega do = Phi do_in / theta,
    Omega_jk = [j = k] d_j - w_jk e_{j|k} / (theta_j o_k),   Phi_ji = w_ji e_{j|i} / o_i,
    d_j = 1 - (1 / theta_j) (sum_i w_ji p(o_i, o_j) + sum_k w_jk p(o_k, o_j)).

With delta = dL/do from the layer above, dL/do_in = Phi^T lambda / theta and dL/dw = lambda e /
theta, where Omega^T lambda = delta. This adjoint system is solved for all images at once by the
sweeps

    lambda_k <- (delta_k + sum_j lambda_j w_jk e_{j|k} / (theta_j o_k)) / d_k,

each of which is one pass of :func:`train.hm2.by_count` and one matrix product with the recurrent
weights; no matrix e is ever formed.

Our own: weights learn by lambda too, which is the macro model's exact derivative (the published
program divides by d_j alone); d_j is kept at 1/4 or more, and is 1 for silent neurons; sweeps end
when lambda changes by less than 1 % of its largest, or after 12, which truncates the series where
feedback is so strong that it does not converge; and all that :mod:`train.hm2` says of silent
neurons, full trains, the loss and time. Layers that are not recurrent learn by HM2-BP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from spikeforge.errors import SpikeforgeError
from train.count_effect import CountEffect
from train.hm2 import Hm2, Hm2Conv, Hm2Dense, bounded, by_count, marked_spikes, refuse_macro
from train.recipe import Recipe
from train.spiking.fire import Record
from train.spiking.fused import fused
from train.spiking.grid import integer_weight
from train.spiking.net import SpikingStack
from train.spiking.neuron import Neuron, Run, decayed_sum, run_neurons, summed
from train.spiking.recurrent import SpikingRecurrent

__all__ = ["StRsbpLayer", "st_rsbp_network"]

_LEAST_DIAGONAL = 0.25
_MOST_SWEEPS = 12
_TOLERANCE = 1e-2  # of the largest lambda


class _Recurrence(torch.autograd.Function):
    """Spikes of a recurrent layer; gradients by the macro model's implicit equations."""

    @staticmethod
    def forward(
        ctx: Any, drive: Tensor, own: Tensor, bias: Tensor, theta: Tensor, gathered: Tensor,
        layer: StRsbpLayer,
    ) -> Tensor:  # fmt: skip
        run = _run(drive, own, bias, theta, layer.neuron, layer.rounding)
        ctx.save_for_backward(run.membranes, run.spikes, own, theta, gathered)
        ctx.layer, ctx.bias_shape, ctx.held = layer, bias.shape, run.held
        return run.spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        membranes, spikes, own, theta, gathered = ctx.saved_tensors
        layer = ctx.layer
        record = Record(membranes / theta, spikes, membranes, layer.neuron, ctx.held)
        marked, silent, count, delta = _counted(record, gradients[0])
        gathered = gathered + layer.effect.gathered(spikes, own)
        diagonal = 1 - layer.effect.at(gathered, count) / theta
        diagonal = torch.where(silent > 0, 1.0, diagonal.clamp(min=_LEAST_DIAGONAL))

        value = delta / diagonal
        by_v, by_drive = _swept(record, value, marked, silent, theta)
        for _ in range(layer.most_sweeps):
            by_own = by_drive[1:] @ own
            after = _next(delta, by_own, marked, count, diagonal)
            change, value = (after - value).abs().max(), after
            by_v, by_drive = _swept(record, value, marked, silent, theta)
            if change <= layer.tolerance * value.abs().max():
                break
        by_weight = by_drive[1:].flatten(0, 1).T @ spikes[:-1].flatten(0, 1)
        return by_drive, by_weight, by_v.sum(0).sum_to_size(ctx.bias_shape), None, None, None


@fused
def _run(
    drive: Tensor, own: Tensor, bias: Tensor, theta: Tensor, neuron: Neuron, rounding: bool
) -> Run:
    return run_neurons(drive, bias, theta, neuron, rounding, lambda spikes: spikes @ own.T)


@fused
def _counted(record: Record, by_spikes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Marks of spikes, who is silent, how many marks, and the gradient by counts."""
    marks, silent = marked_spikes(record)
    count = summed(marks)
    delta = _at_marks(by_spikes, marks) / count
    return torch.stack(marks), silent, count, bounded(record, delta)


@fused
def _swept(
    record: Record, value: Tensor, marked: Tensor, silent: Tensor, theta: Tensor
) -> tuple[Tensor, Tensor]:
    """From lambda to the gradients by V and by the drive."""
    by_v = by_count(record, value, marked.unbind(), silent) / theta
    return by_v, decayed_sum(by_v, record.neuron.current_keeps)


@fused
def _next(delta: Tensor, by_own: Tensor, marked: Tensor, count: Tensor, diagonal: Tensor) -> Tensor:
    """Lambda after a sweep: what comes back to each neuron's marks is of the step after them."""
    return (delta + _at_marks(by_own, marked[:-1].unbind()) / count) / diagonal


def _at_marks(by_steps: Tensor, marks: Sequence[Tensor]) -> Tensor:
    return summed([by * mark for by, mark in zip(by_steps.unbind(), marks, strict=True)])


class StRsbpLayer(SpikingRecurrent):
    """A recurrent layer that learns by ST-RSBP.

    Attributes:
        effect: The slopes p of its neurons.
        most_sweeps: Over the recurrent weights, at most.
        tolerance: Change at which sweeps end, as a share of the largest lambda.
    """

    def __init__(self, inputs: int, outputs: int, **options: object) -> None:
        super().__init__(inputs, outputs, **options)
        self.effect = CountEffect(self.steps, self.neuron)
        self.most_sweeps, self.tolerance = _MOST_SWEEPS, _TOLERANCE

    def forward(self, x: Tensor) -> Tensor:
        """Spikes, shape (steps, B, outputs)."""
        bias, theta = self.numbers()
        with torch.no_grad():
            weight = integer_weight(self.weight, self.log_step, self.weight_bits, self.rounding)
            gathered = self.effect.gathered(x.flatten(2), weight)
        result: Tensor = _Recurrence.apply(
            self.drive(x), self.own_weight(), bias, theta, gathered, self
        )
        return result


def st_rsbp_network(recipe: Recipe) -> SpikingStack:
    """The network of a recipe; its last hidden layer is the recurrent one.

    Raises:
        SpikeforgeError: If the recipe asks for what the rule is not defined for.
    """
    if not recipe.network.recurrent:
        raise SpikeforgeError(
            f"network.recurrent must be true for rule {recipe.rule}, not false; or take rule "
            f"hm2-bp, which is the same without recurrent layers"
        )
    refuse_macro(recipe)
    return SpikingStack.from_recipe(recipe, Hm2(), Hm2Dense, Hm2Conv, StRsbpLayer)
