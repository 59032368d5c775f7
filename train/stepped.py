"""Stepped layers of single-spike neurons, as what they are in hardware: integers.

A spike that arrives at step t_i adds its weight to the current I for good (or as the taps of its
PSP say), and V += I + bias at every step, that of the arrival included. The neuron fires once, at
the first step with V >= theta. Between layers a spike is its step, a whole number; :data:`NEVER`
stands for silence. The class is that of the earliest output spike (in one step: of the largest V),
or of the largest final V.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import embedding_bag

from train.crossing import NEVER, first_crossing, silenced
from train.marks import Mark, placed
from train.psp import RAMP, Taps, tapped
from train.stepped_layer import SHALLOW, Start, SteppedLayer

__all__ = ["NEVER", "Arrivals", "Decision", "DenseResponse", "SteppedDense", "decide",
           "first_crossing", "membranes", "running_sum", "silenced", "spike_times"]  # fmt: skip


def spike_times(k: Tensor, steps: int) -> Tensor:
    """Steps T - k of latency-coded spikes; :data:`NEVER` where k = 0."""
    return torch.where(k > 0, steps - k, NEVER)


class Arrivals:
    """Spikes arriving at a layer, as a list: two sums over them, and no sum over silence.

    Args:
        times: Steps of the spikes, shape (B, inputs).
        steps: Steps of the receiving layer.
    """

    def __init__(self, times: Tensor, steps: int) -> None:
        self._shape = (steps, *times.shape)
        arrived = (times < steps).t().contiguous()
        self._inputs, images = arrived.nonzero(as_tuple=True)  # ascending inputs
        self._rows = times[images, self._inputs].long() * len(times) + images

    def drive(self, weight: Tensor) -> Tensor:
        """What arrives in each step, shape (steps, B, neurons), for (neurons, inputs) weights."""
        steps, images, _ = self._shape
        order = self._rows.argsort()
        total = embedding_bag(
            self._inputs[order], weight.t().contiguous(),
            _starts(self._rows, steps * images), mode="sum",
        )  # fmt: skip
        return total.view(steps, images, -1)

    def by_weight(self, by_drive: Tensor) -> Tensor:
        """The transposed sum: gradient by the weights from that by :meth:`drive`, in its shape."""
        inputs = self._shape[2]
        starts = _starts(self._inputs, inputs)
        by_input = embedding_bag(self._rows, by_drive.flatten(0, 1), starts, mode="sum")
        return by_input.t().contiguous()


def _starts(keys: Tensor, count: int) -> Tensor:
    """Where the runs of the keys 0..count-1 begin in their sorted list."""
    found = keys.bincount(minlength=count)
    return found.cumsum(0) - found


def membranes(drive: Tensor, bias: Tensor) -> Tensor:
    """V at the end of each step, as if no neuron ever fired; computed in place.

    Args:
        drive: Sum of the weights arriving in each step, shape (steps, B, neurons).
        bias: Shape (neurons,).

    Returns:
        Shape (steps, B, neurons); exact if the numbers are integers and no sum leaves the type.
    """
    drive[0] += bias  # a constant current from the first step on
    return running_sum(running_sum(drive))


def running_sum(x: Tensor, *, backwards: bool = False) -> Tensor:
    """Sums over the steps up to (or from) each one, in place; steps are the first axis."""
    for before, here in pairwise(x.unbind()[:: -1 if backwards else 1]):
        here += before
    return x


@dataclass(frozen=True)
class Decision:
    """What an output layer says.

    Attributes:
        classes: The class, int64, shape (B,).
        step: The deciding step, int64, shape (B,); the last one if no neuron fired.
        early: Whether a neuron fired, bool, shape (B,).
        membranes: V of all neurons at the end of that step, in LSBs, shape (B, classes).
    """

    classes: Tensor
    step: Tensor
    early: Tensor
    membranes: Tensor


def decide(v: Tensor, theta: Tensor) -> Decision:
    """Read the class: the earliest spike, then the largest V; the lowest index of equal ones."""
    step, fired = first_crossing(v, theta)
    early, first = fired.any(1), step.amin(1)  # the last step where none fired
    last = v[first, torch.arange(len(first))]
    # With thresholds of their own, a neuron with a larger V may still be silent.
    firing = fired & (step == first[:, None])
    candidates = torch.where(firing | ~early[:, None], last, -torch.inf)
    return Decision(candidates.argmax(1), first, early, last)


class DenseResponse:
    """Spikes arriving at a fully connected layer (:class:`train.stepped_layer.Response`).

    Args:
        times: Steps of the spikes, shape (B, inputs).
        steps: Steps of the receiving layer.
        taps: (delay, gain) of the PSP.
    """

    def __init__(self, times: Tensor, steps: int, taps: Taps = RAMP) -> None:
        self._arrivals, self._times = Arrivals(times, steps), times
        self._steps, self._taps = steps, taps

    def potentials(self, weight: Tensor, bias: Tensor) -> Tensor:
        """V at the end of each step, shape (steps, B, neurons)."""
        return membranes(tapped(self._arrivals.drive(weight), self._taps), bias)

    def by_weight(self, marks: Sequence[Mark]) -> Tensor:
        """V is a double running sum over steps, so its gradient is one from the end."""
        by_current = running_sum(placed(marks, self._steps), backwards=True)
        by_taken = running_sum(by_current, backwards=True)
        return self._arrivals.by_weight(tapped(by_taken, self._taps, backwards=True))

    def by_times(self, mark: Mark, weight: Tensor) -> Tensor:
        """Sums over all neurons and the steps from a spike's own on, shape (B, inputs)."""
        steps = self._steps
        total = running_sum(placed([mark], steps), backwards=True)
        summed = (total.flatten(0, 1) @ weight).view(steps, *self._times.shape)
        arrived = self._times < steps
        at = torch.where(arrived, self._times, 0.0).long()
        return summed.gather(0, at[None])[0].mul_(arrived)


class SteppedDense(SteppedLayer):
    """A fully connected layer of single-spike neurons; rules subclass it with their gradients.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        weight_bits: Width of the weights, 1 (-1 and +1) to 8.
        steps: T, of the input window.
        extra_steps: Steps that this layer runs longer than T.
        bias: Learn one bias a neuron, a constant current.
        threshold_per_neuron: Learn one threshold a neuron instead of one for the layer.
        batch_norm: Normalize the membranes' slopes.
        taps: (delay, gain) of the PSP; a ramp by default.
        active_share: Share of the inputs that are expected to spike.
        start: Where training starts.
    """

    def __init__(
        self, inputs: int, outputs: int, *, weight_bits: int = 4, steps: int = 15,
        extra_steps: int = 0, bias: bool = True, threshold_per_neuron: bool = False,
        batch_norm: bool = False, taps: Taps = RAMP, active_share: float = 1 / 8,
        start: Start = SHALLOW,
    ) -> None:  # fmt: skip
        super().__init__(
            inputs, outputs, (outputs, inputs), weight_bits=weight_bits, steps=steps,
            extra_steps=extra_steps, bias=bias, threshold_per_neuron=threshold_per_neuron,
            batch_norm=batch_norm, taps=taps, active_share=active_share, start=start,
        )  # fmt: skip

    def response(self, times: Tensor) -> DenseResponse:
        """What arriving spikes of shape (B, inputs) do."""
        return DenseResponse(times, self.steps, self.taps)

    def sums(self, x: Tensor, weight: Tensor) -> Tensor:
        """Weighted sums, shape (B, outputs)."""
        return functional.linear(x, weight)

    def run(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """Membranes (steps, B, outputs) and thresholds, as the base class says."""
        weight, bias, theta = self.grids(self.rounding)
        kind = self.exact_type(bias)
        return self.response(times).potentials(weight.to(kind), bias.to(kind)), theta.to(kind)
