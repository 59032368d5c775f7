"""From drive to spikes as one autograd function; what differs between rules is its way back.

A learning rule is a function from the gradient by a layer's spikes to the gradient by what was
added to its neurons' membranes. Everything else is the same for all rules: weights, synapses, the
current's memory, thresholds, quantization, export.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from spikeforge.schema import AfterSpike
from train.spiking.fused import fused
from train.spiking.neuron import Neuron, decayed_sum, run_neurons, summed

__all__ = ["Record", "Rule", "fire", "integrate", "run_fused"]


@dataclass(frozen=True)
class Record:
    """A layer's forward pass, as its rule sees it afterwards. Shapes (steps, B, ...).

    Attributes:
        u: Membranes as compared, in thresholds: the neuron fires at u >= 1.
        spikes: 0 or 1.
        drive: What arrived in each step, in thresholds.
        neuron: What the neurons do.
        held: 1 where V was held at 0 in a refractory step, else 0; None without such steps.
    """

    u: Tensor
    spikes: Tensor
    drive: Tensor
    neuron: Neuron
    held: Tensor | None = None


class Rule(Protocol):
    """A learning rule for neurons that may fire many times."""

    def by_membrane(self, record: Record, by_spikes: Tensor) -> Tensor:
        """Gradient by what is added to the membrane in each step.

        Args:
            record: What the neurons did.
            by_spikes: Gradient by their spikes, shape (steps, B, ...).

        Returns:
            Gradient by the membrane's increments, in thresholds, same shape.
        """


class _Fire(torch.autograd.Function):
    """Spikes of neurons; the gradient is the rule's."""

    @staticmethod
    def forward(
        ctx: Any, drive: Tensor, bias: Tensor, theta: Tensor, neuron: Neuron, rule: Rule,
        rounding: bool,
    ) -> Tensor:  # fmt: skip
        run = run_fused(drive, bias, theta, neuron, rounding)
        ctx.save_for_backward(drive, run.membranes, run.spikes, theta)
        ctx.neuron, ctx.rule, ctx.bias_shape, ctx.held = neuron, rule, bias.shape, run.held
        return run.spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        drive, membranes, spikes, theta = ctx.saved_tensors
        learned = ctx.needs_input_grad[2]
        by_drive, by_bias, by_theta = _way_back(
            gradients[0], drive, membranes, spikes, ctx.held, theta, ctx.neuron, ctx.rule, learned
        )
        by_bias = by_bias.sum_to_size(ctx.bias_shape)
        if by_theta is not None:
            by_theta = by_theta.sum_to_size(theta.shape)
        return by_drive, by_bias, by_theta, None, None, None


run_fused = fused(run_neurons)


@fused
def _way_back(
    by_spikes: Tensor, drive: Tensor, membranes: Tensor, spikes: Tensor, held: Tensor | None,
    theta: Tensor, neuron: Neuron, rule: Rule, learned: bool,
) -> tuple[Tensor, Tensor, Tensor | None]:  # fmt: skip
    """Gradients by drive, by each neuron's bias, and by its threshold if that is learned."""
    record = Record(membranes / theta, spikes, drive / theta, neuron, held)
    by_v = rule.by_membrane(record, by_spikes) / theta
    by_theta = None
    if learned:
        by_theta = -_gained(by_v, membranes, spikes, theta, neuron) / theta
    return decayed_sum(by_v, neuron.current_keeps), summed(by_v.unbind()), by_theta


def _gained(
    by_v: Tensor, membranes: Tensor, spikes: Tensor, theta: Tensor, neuron: Neuron
) -> Tensor:
    """Sum over the steps of a gradient by V times what V gained in the step, leak included.

    V / theta is all that counts: a threshold 1 % larger is a drive and bias 1 % smaller.
    """
    total = by_v[0] * membranes[0]
    to_zero = neuron.after_spike is AfterSpike.ZERO
    for at in range(1, len(by_v)):
        v, fired = membranes[at - 1], spikes[at - 1]
        left = v * (1 - fired) if to_zero else v - theta * fired
        total = total + by_v[at] * (membranes[at] - neuron.membrane_keeps * left)
    return total


class _Integrate(torch.autograd.Function):
    """Final membranes of neurons that never fire; their gradient is exact but for rounding."""

    @staticmethod
    def forward(
        ctx: Any, drive: Tensor, bias: Tensor, neuron: Neuron, rounding: bool
    ) -> Tensor:  # fmt: skip
        ctx.steps, ctx.neuron, ctx.bias_shape = len(drive), neuron, bias.shape
        return run_neurons(drive, bias, bias.new_ones(()), neuron, rounding).finals

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        by_v = gradients[0].new_zeros(ctx.steps, *gradients[0].shape)
        by_v[-1] = gradients[0]
        by_v = decayed_sum(by_v, ctx.neuron.membrane_keeps)
        by_bias = by_v.sum(0).sum_to_size(ctx.bias_shape)
        return decayed_sum(by_v, ctx.neuron.current_keeps), by_bias, None, None


def fire(
    drive: Tensor, bias: Tensor, theta: Tensor, neuron: Neuron, rule: Rule, rounding: bool = True
) -> Tensor:
    """Spikes, shape (steps, B, ...), of neurons driven by integers; gradients by the rule.

    Args:
        drive: In LSBs, shape (steps, B, ...).
        bias: In LSBs, broadcasting against (B, ...).
        theta: In LSBs, likewise.
        neuron: What the neurons do.
        rule: Their learning rule.
        rounding: Leaks round to whole LSBs.
    """
    # A drive that is constant over the steps is laid out in full: compiled loops want it so.
    result: Tensor = _Fire.apply(drive.contiguous(), bias, theta, neuron, rule, rounding)
    return result


def integrate(drive: Tensor, bias: Tensor, neuron: Neuron, rounding: bool = True) -> Tensor:
    """Final membranes, in LSBs, shape (B, ...), of neurons that only integrate."""
    result: Tensor = _Integrate.apply(drive, bias, neuron, rounding)
    return result
