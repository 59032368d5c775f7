"""HM2-BP: errors by firing counts between neurons, potentials of spike trains inside them.

After Jin, Zhang and Li, "Hybrid Macro/Micro Level Backpropagation for Training Deep Spiking Neural
Networks" (arXiv 1805.07866). The potential between two spike trains (S-PSP) e_{j|i} is the sum,
over the spikes t_p of neuron j and t_q of neuron i, of what t_q adds to V_j at t_p, with the resets
of j held fixed. At the macro level a_j = sum_i w_ji e_{j|i} and o_j = a_j / theta_j, so

    dL/do_i  = sum_j delta_j (w_ji / theta_j) e_{j|i} / o_i
    dL/dw_ji = delta_j (e_{j|i} / theta_j) (1 + sum_k w_jk e_{j|k} / (theta_j o_j)),  delta = dL/do.

Nothing here runs over pairs of spikes. a_j / theta_j is the sum of u_j = V_j / theta_j over the
spikes of j; its gradient by what the membrane gains in each step is a sweep back over the steps
that starts anew at each spike (:func:`by_count`); the currents' leaks, the synapses and a mean over
the spikes of i do the rest. The factor of dL/dw is 1 + the mean of u_j at its own spikes, and acts
on the weights alone.

Kept: both levels, the two leaks, refractory steps, the factor, and the ratios that the published
program takes for silent neurons (0.1 for e_{j|i}, 1/2 in the factor). Leaks are shifts, so kernels
are powers of 1 - 2^-k and not exponentials, and a spike acts in the step in which it arrives. Our
own: a silent neuron counts as if it fired 0.1 times at the step of its largest V; the loss is
cross-entropy on what the recipe's read-out gives (a read-out layer that never fires has its exact
gradient; one that fires gets no factor); no lateral inhibition, no regularizer but weight decay,
pixels in place of Poisson spikes, and at most 64 steps instead of 400.

In so few steps a neuron soon fires as often as it can (:func:`bounded`), with u far above 1 at its
spikes. do/da = 1/theta knows of neither: the more such neurons were driven, the larger their
gradients grew, until a layer fired at every turn and the next one was silent. So a full train feels
no wish for more spikes, and a_j = o_j theta_j u_j with u_j the mean of u at the spikes of j makes
do/da = 1 / (theta_j u_j); the factor of dL/dw thus ends as 1 + 1/u_j.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from spikeforge.errors import SpikeforgeError
from train.recipe import Recipe
from train.refusals import refuse_neuron, refuse_recurrence
from train.spiking.fire import Record, run_fused
from train.spiking.fused import fused
from train.spiking.grid import integer_weight
from train.spiking.layer import SpikingConv, SpikingDense, SpikingLayer
from train.spiking.net import SpikingStack
from train.spiking.neuron import Neuron, decayed_sum, summed

__all__ = ["Hm2", "Hm2Conv", "Hm2Dense", "bounded", "by_count", "hm2_network", "marked_spikes",
           "refuse_macro"]  # fmt: skip

_SILENT_PSP = 0.1  # e_{j|i} of a silent neuron j
_SILENT_RATIO = 0.5
_MOST_STEPS = 64
_DEEP_GAIN = 3.0  # at the start, of hidden layers that read spikes: silent ones would learn slowly


class Hm2:
    """The rule."""

    def by_membrane(self, record: Record, by_spikes: Tensor) -> Tensor:
        """As :class:`train.spiking.fire.Rule` says; without the factor of the weights."""
        marks, silent = marked_spikes(record)
        weighed = [by * mark for by, mark in zip(by_spikes.unbind(), marks, strict=True)]
        delta = bounded(record, summed(weighed) / summed(marks))
        return by_count(record, delta, marks, silent)

    def weight_factor(self, record: Record) -> Tensor:
        """By how much the gradient of a neuron's weights is larger, shape (B, ...)."""
        count, height = _heights(record)
        return torch.where(count > 0, height, _SILENT_RATIO) + 1


def bounded(record: Record, delta: Tensor) -> Tensor:
    """The gradient by firing counts, as far as the neurons can still follow it.

    Args:
        record: What the neurons did.
        delta: dL/do, shape (B, ...).

    Returns:
        ``delta`` less what asks for more spikes than a window holds, over the mean of u at the
        spikes, shape (B, ...).
    """
    count, height = _heights(record)
    most = -(-len(record.spikes) // (record.neuron.refractory + 1))
    follows = (count < most) | (delta > 0)
    return delta * follows / height.clamp(min=1)


def _heights(record: Record) -> tuple[Tensor, Tensor]:
    """Spikes of each neuron, and its mean u at them (0 without spikes), shapes (B, ...)."""
    spikes = record.spikes.unbind()
    count = summed(spikes)
    total = summed([u * s for u, s in zip(record.u.unbind(), spikes, strict=True)])
    return count, total / count.clamp(min=1)


def marked_spikes(record: Record) -> tuple[list[Tensor], Tensor]:
    """The spikes, and for each silent neuron a mark at the step of its largest V.

    Returns:
        Marks of each step (B, ...), at least one a neuron; and 1 where one is silent, (B, ...).
    """
    spikes = record.spikes.unbind()
    silent = (summed(spikes) == 0).to(record.u.dtype)
    highest, where = record.u[0], torch.zeros_like(record.u[0])
    for at, u in enumerate(record.u.unbind()):
        where = torch.where(u > highest, float(at), where)
        highest = torch.maximum(u, highest)
    return [s + silent * (where == at) for at, s in enumerate(spikes)], silent


def by_count(record: Record, delta: Tensor, marks: Sequence[Tensor], silent: Tensor) -> Tensor:
    """From the gradient by firing counts to that by the membranes' increments.

    Args:
        record: What the neurons did.
        delta: dL/do, shape (B, ...).
        marks: As :func:`marked_spikes` gives them.
        silent: Likewise.

    Returns:
        delta_j times the derivative of a_j / theta_j, in thresholds, shape (steps, B, ...).
    """
    keeps = record.neuron.membrane_keeps
    worth = delta * (1 - (1 - _SILENT_PSP) * silent)
    result: list[Tensor] = []
    later = torch.zeros_like(worth)
    for at in range(len(marks) - 1, -1, -1):
        here = marks[at] * worth + later * (1 - record.spikes[at])
        if record.held is not None:
            here = here * (1 - record.held[at])
        result.append(here)
        later = here * keeps
    return torch.stack(result[::-1])


class _Count(torch.autograd.Function):
    """Spikes; two gradients by the same drive, for the weights and for the inputs."""

    @staticmethod
    def forward(
        ctx: Any, drive: Tensor, inputs: Tensor | None, bias: Tensor, theta: Tensor,
        neuron: Neuron, rule: Hm2, rounding: bool,
    ) -> Tensor:  # fmt: skip
        run = run_fused(drive, bias, theta, neuron, rounding)
        ctx.save_for_backward(drive, run.membranes, run.spikes, theta)
        ctx.neuron, ctx.rule, ctx.bias_shape, ctx.held = neuron, rule, bias.shape, run.held
        return run.spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        drive, membranes, spikes, theta = ctx.saved_tensors
        record = Record(membranes, spikes, drive, ctx.neuron, ctx.held)
        by_weights, by_inputs, by_bias = _way_back(
            record, theta, gradients[0], ctx.rule, ctx.needs_input_grad[1]
        )
        by_bias = by_bias.sum_to_size(ctx.bias_shape)
        return by_weights, by_inputs, by_bias, None, None, None, None


@fused
def _way_back(
    lsb: Record, theta: Tensor, by_spikes: Tensor, rule: Hm2, read: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Gradients by the drive, for weights and (if they are ``read``) inputs, and by each bias.

    ``lsb`` is the record of the forward pass in LSBs.
    """
    record = Record(lsb.u / theta, lsb.spikes, lsb.drive / theta, lsb.neuron, lsb.held)
    by_v = rule.by_membrane(record, by_spikes) / theta
    by_drive = decayed_sum(by_v, record.neuron.current_keeps)
    factor = rule.weight_factor(record)
    return by_drive * factor, by_drive if read else None, summed(by_v.unbind()) * factor


class _ToInputs(torch.autograd.Function):
    """The value of a layer's drive; its gradient goes to the inputs and not to the weights."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, x: Tensor, weight: Tensor, layer: Any) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.layer, ctx.shape = layer, x.shape
        return drive.view_as(drive)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        rows = ctx.layer.transposed(gradients[0].flatten(0, 1), weight)
        return None, rows.reshape(ctx.shape), None, None


class _Hm2Layer(SpikingLayer):
    """A layer whose weights learn by another gradient than its inputs."""

    @abstractmethod
    def transposed(self, by_drive: Tensor, weight: Tensor) -> Tensor:
        """Gradient by inputs (N, ...) from that by drives (N, ...)."""

    def forward(self, x: Tensor) -> Tensor:
        """Spikes, shape (steps, B, ...)."""
        assert isinstance(self.rule, Hm2)
        bias, theta = (self.spread(each) for each in self.numbers())
        drive, inputs = self.drive(x.detach()), None
        if x.requires_grad:
            with torch.no_grad():
                weight = integer_weight(self.weight, self.log_step, self.weight_bits, self.rounding)
            inputs = _ToInputs.apply(drive.detach(), x, weight, self)
        result: Tensor = _Count.apply(
            drive, inputs, bias, theta, self.neuron, self.rule, self.rounding
        )
        return result


class Hm2Dense(_Hm2Layer, SpikingDense):
    """Fully connected."""

    def transposed(self, by_drive: Tensor, weight: Tensor) -> Tensor:
        """Shape (N, inputs)."""
        return by_drive @ weight


class Hm2Conv(_Hm2Layer, SpikingConv):
    """Convolution."""

    def transposed(self, by_drive: Tensor, weight: Tensor) -> Tensor:
        """Maps, shape (N, channels, height, width)."""
        _, height, width = self.shape
        side = (by_drive.shape[2] - 1) * self.stride + self.kernel - 2 * self.padding
        across = (by_drive.shape[3] - 1) * self.stride + self.kernel - 2 * self.padding
        return functional.conv_transpose2d(
            by_drive, weight, None, self.stride, self.padding,
            output_padding=(height - side, width - across),
        )  # fmt: skip


def hm2_network(recipe: Recipe) -> SpikingStack:
    """The network of a recipe.

    Raises:
        SpikeforgeError: If the recipe asks for what the rule is not defined for.
    """
    refuse_recurrence(recipe)
    refuse_macro(recipe)
    net = SpikingStack.from_recipe(recipe, Hm2(), Hm2Dense, Hm2Conv)
    with torch.no_grad():
        for layer in net.weighted()[1:-1]:
            layer.weight.mul_(_DEEP_GAIN)
            layer.log_step.add_(math.log(_DEEP_GAIN))
    return net


def refuse_macro(recipe: Recipe) -> None:
    """Refuse what counts as macro state cannot carry.

    Raises:
        SpikeforgeError: Names the key, its value and what would work.
    """
    refuse_neuron(recipe, after_spike="zero", reset_gradient=False)
    shape = recipe.network
    if shape.steps > _MOST_STEPS:
        raise SpikeforgeError(
            f"network.steps must be 1..{_MOST_STEPS} for rule {recipe.rule}, not {shape.steps}; "
            f"take fewer, with smaller shifts"
        )
    for key in ("threshold_per_neuron", "batch_norm"):
        if getattr(shape, key):
            raise SpikeforgeError(
                f"network.{key} must be false for rule {recipe.rule}, not true: its thresholds are "
                f"constants; leave it out"
            )
