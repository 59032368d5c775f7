"""Stepped layers of single-spike ramp neurons, as what they are in hardware: integers.

A spike that arrives at step t_i adds its weight to the current I for good, and V += I + bias at
every step, that of the arrival included. The neuron fires once, at the first step with V >= theta.
Between layers a spike is its step, a whole number; :data:`NEVER` stands for silence. The class is
that of the earliest output spike (in one step: of the largest V), or of the largest final V.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from spikeforge.bounds import signed_range
from train.quantize import bias_grid, threshold_grid, weight_grid
from train.windowed import IntegerLayer

__all__ = ["NEVER", "Arrivals", "Decision", "SteppedDense", "decide", "first_crossing",
           "membranes", "running_sum", "silenced", "spike_times"]  # fmt: skip

NEVER = 1024.0  # later than any step that the contract allows
_EXACT_FLOAT32 = 1 << 24
# Starting points: the share of inputs that spike, mean and deviation of a weight per active input,
# the threshold in steps of a mean current, and a weight's deviation in LSBs of 4 bits.
_ACTIVE_SHARE = 1 / 8
_START_MEAN = 0.6
_START_DEVIATION = 0.5
_START_THRESHOLD = 0.8
_STEPS_PER_DEVIATION = 2.0


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


def first_crossing(v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """The first step with V >= theta of each neuron.

    Args:
        v: V at the end of each step, shape (steps, B, neurons).
        theta: Shape (1,) or (neurons,).

    Returns:
        The step, int64 (the last one if there is none), and whether there is one, bool; both of
        shape (B, neurons).
    """
    steps = len(v)
    each = torch.arange(steps, dtype=v.dtype).view(-1, 1, 1)
    step = torch.where(v >= theta, each, steps).amin(0)
    return step.clamp(max=steps - 1).long(), step < steps


def silenced(step: Tensor, fired: Tensor) -> Tensor:
    """Spike times for the next layer: the step, or :data:`NEVER` where there is no spike."""
    return torch.where(fired, step.to(torch.float32), NEVER)


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


class SteppedDense(nn.Module):
    """A fully connected layer of ramp neurons; learning rules subclass it with their gradients.

    Args:
        inputs: Number of inputs.
        outputs: Number of neurons.
        weight_bits: Width of the weights, 2 to 8.
        steps: T, of the input window.
        extra_steps: Steps that this layer runs longer than T.
        bias: Learn one bias a neuron, a constant current.
        threshold_per_neuron: Learn one threshold a neuron instead of one for the layer.
    """

    def __init__(
        self, inputs: int, outputs: int, *, weight_bits: int = 4, steps: int = 15,
        extra_steps: int = 0, bias: bool = True, threshold_per_neuron: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.inputs, self.outputs, self.weight_bits = inputs, outputs, weight_bits
        self.input_steps, self.steps, self.rounding = steps, steps + extra_steps, True
        active = max(1.0, _ACTIVE_SHARE * inputs)
        mean, deviation = _START_MEAN / active, _START_DEVIATION / math.sqrt(active)
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * deviation + mean)
        self.bias = nn.Parameter(torch.zeros(outputs), requires_grad=bias)
        scale = _STEPS_PER_DEVIATION * 2.0 ** (weight_bits - 4)
        self.log_step = nn.Parameter(torch.tensor([math.log((deviation + mean) / scale)]))
        count = outputs if threshold_per_neuron else 1
        start = math.log(_START_THRESHOLD * steps)
        self.log_threshold = nn.Parameter(torch.full((count,), start))

    @property
    def step(self) -> Tensor:
        """Real units per LSB of weights, currents and membranes, shape (1,)."""
        return self.log_step.exp()

    @property
    def threshold(self) -> Tensor:
        """Real threshold, shape (1,) or (outputs,)."""
        return self.log_threshold.exp()

    def grids(self, rounding: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, biases and thresholds in LSBs, integers if ``rounding``; without gradients."""
        with torch.no_grad():
            step = self.step
            return (
                weight_grid(self.weight, step, self.weight_bits, rounding),
                bias_grid(self.bias, step, rounding),
                threshold_grid(self.threshold, step, rounding),
            )

    def integers(self) -> IntegerLayer:
        """The integers that evaluation computes with and export writes."""
        weight, bias, threshold = self.grids(rounding=True)
        return IntegerLayer(
            weight=weight.long(), bias=bias.long(), threshold=threshold.long(),
            step=float(self.step.detach()),
        )  # fmt: skip

    def run(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """Membranes and thresholds of evaluation: integers, exact as long as float64 is.

        Args:
            times: Steps of the arriving spikes, shape (B, inputs).

        Returns:
            V at the end of each step as if no neuron fired, in LSBs, shape (steps, B, outputs), and
            theta, shape (1,) or (outputs,).
        """
        weight, bias, theta = self.grids(self.rounding)
        most = signed_range(self.weight_bits)[0] * -self.inputs + int(bias.abs().max())
        wide = most * self.steps * (self.steps + 1) // 2 >= _EXACT_FLOAT32
        kind = torch.float64 if wide else torch.float32
        drive = Arrivals(times, self.steps).drive(weight.to(kind))
        return membranes(drive, bias.to(kind)), theta.to(kind)

    def extra_repr(self) -> str:
        """Sizes and widths, for printing a model."""
        return f"{self.inputs}, {self.outputs}, weight_bits={self.weight_bits}, steps={self.steps}"
