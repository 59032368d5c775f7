"""The stepped neuron as it runs in hardware: I and V step by step, in whole LSBs.

In each step (the architecture page, "One neuron")

    I <- I - leak(I) + drive,  V <- V - leak(V) + I + bias,  fires if V >= theta,

then V of a neuron that fired goes to zero or loses theta. A leak is none, all, or ``x >> shift``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from spikeforge.schema import AfterSpike, Leak, LeakKind
from train.network_shape import NeuronShape

__all__ = ["Neuron", "Run", "decayed_sum", "run_neurons", "summed"]


_ALL, _NONE = Leak(kind=LeakKind.ALL), Leak()


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """What a layer's neurons do, all but their numbers.

    Attributes:
        current_leak: Of I: none, all or shift.
        membrane_leak: Of V: none or shift.
        after_spike: V to zero, or V less theta.
        refractory: Steps in which V is held at 0 after a spike.
        fires: False for a read-out layer that only integrates.
    """

    current_leak: Leak = _ALL
    membrane_leak: Leak = _NONE
    after_spike: AfterSpike = AfterSpike.ZERO
    refractory: int = 0
    fires: bool = True

    @classmethod
    def of(cls, shape: NeuronShape, *, fires: bool = True) -> Neuron:
        """The neuron that a recipe asks for."""
        synapse = _ALL if shape.current_shift is None else _shift(
            shape.current_shift
        )  # fmt: skip
        return cls(
            current_leak=synapse,
            membrane_leak=_NONE if shape.membrane_shift is None else _shift(shape.membrane_shift),
            after_spike=AfterSpike(shape.after_spike) if fires else AfterSpike.ZERO,
            refractory=shape.refractory if fires else 0,
            fires=fires,
        )

    @property
    def current_keeps(self) -> float:
        """Share of I that is left after a step, rounding aside."""
        return _keeps(self.current_leak)

    @property
    def membrane_keeps(self) -> float:
        """Share of V that is left after a step without a spike, rounding aside."""
        return _keeps(self.membrane_leak)


@dataclass(frozen=True)
class Run:
    """What neurons did, shapes (steps, B, ...).

    Attributes:
        membranes: V as compared with the threshold, in LSBs.
        spikes: 0 or 1.
        finals: V after the last step and its reset, shape (B, ...).
        held: 1 where V was held at 0 in a refractory step, else 0; None without such steps.
    """

    membranes: Tensor
    spikes: Tensor
    finals: Tensor
    held: Tensor | None = None


def run_neurons(
    drive: Tensor, bias: Tensor, theta: Tensor, neuron: Neuron, rounding: bool,
    feedback: Callable[[Tensor], Tensor] | None = None,
) -> Run:  # fmt: skip
    """Run neurons over all steps; exact for integers as long as they fit the number type.

    Args:
        drive: What arrives in each step, in LSBs, shape (steps, B, ...).
        bias: In LSBs, shape that broadcasts against (B, ...).
        theta: In LSBs, likewise.
        neuron: What they do.
        rounding: Leaks round down to whole LSBs, as in hardware.
        feedback: From the neurons' own spikes, (B, ...), to what they add to the next step's drive.
    """
    membranes: list[Tensor] = []  # step by step: written into one tensor, they could not be fused
    spikes: list[Tensor] = []
    held: list[Tensor] = []
    current, v = torch.zeros_like(drive[0]), torch.zeros_like(drive[0])
    waiting = torch.zeros_like(v) if neuron.refractory else None
    constant = neuron.current_leak.kind is LeakKind.ALL
    for at, arriving in enumerate(drive.unbind()):
        if feedback is not None and at:
            arriving = arriving + feedback(spikes[at - 1])
        if constant:
            current = arriving
        else:
            current = current - _leak(current, neuron.current_leak, rounding) + arriving
        v = v - _leak(v, neuron.membrane_leak, rounding) + current + bias
        if waiting is not None:
            held.append((waiting > 0).to(v.dtype))
            v = v * (1 - held[at])
        membranes.append(v)
        if not neuron.fires:
            continue
        fired = (v >= theta).to(v.dtype)
        if waiting is not None:
            fired = fired * (1 - held[at])
            waiting = torch.where(fired > 0, float(neuron.refractory), waiting - 1)
        spikes.append(fired)
        v = v * (1 - fired) if neuron.after_spike is AfterSpike.ZERO else v - theta * fired
    return Run(
        torch.stack(membranes), torch.stack(spikes) if spikes else torch.zeros_like(drive), v,
        torch.stack(held) if held else None,
    )  # fmt: skip


def decayed_sum(gradient: Tensor, keeps: float) -> Tensor:
    """Carry gradients of a leaking state back to what was added to it: y[t] = g[t] + a * y[t+1].

    Args:
        gradient: By the state at each step, shape (steps, ...).
        keeps: a, the share of the state that is left after a step.
    """
    if not keeps:
        return gradient
    result: list[Tensor] = []
    later = torch.zeros_like(gradient[0])
    for here in reversed(gradient.unbind()):
        later = here + later * keeps
        result.append(later)
    return torch.stack(result[::-1])


def summed(steps: Sequence[Tensor]) -> Tensor:
    """Sum over the steps, one by one: a sum along an axis would be a loop of its own, not fused."""
    return reduce(torch.add, steps)


def _shift(places: int) -> Leak:
    return Leak(kind=LeakKind.SHIFT, shift=places)


def _keeps(leak: Leak) -> float:
    if leak.kind is LeakKind.ALL:
        return 0.0
    return 1.0 if leak.kind is LeakKind.NONE else 1.0 - 2.0**-leak.shift


def _leak(x: Tensor, leak: Leak, rounding: bool) -> Tensor | float:
    if leak.kind is LeakKind.NONE:
        return 0.0
    lost = x * 2.0**-leak.shift
    return lost.floor_() if rounding else lost
