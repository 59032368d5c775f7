"""Stepped layers of the reference: leaks, taps, recurrence, resets, refractory steps.

One step t of a layer (the architecture page, "One neuron"):
a pending reset; I leaks; I takes the taps' weighted sums and the own spikes of t - 1; V leaks; V
takes I and the bias; a refractory neuron's V is 0; the compare; the reset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.linear import Linear, Tensors, merged, pool_any, recurrent_sum
from spikeforge.arithmetic import after_leak
from spikeforge.bounds import signed_range
from spikeforge.schema import (
    AfterSpike,
    Compare,
    Conv2d,
    Dense,
    FirstSpikePool,
    Flatten,
    Layer,
    Overflow,
    ResetTiming,
    ThresholdShape,
)
from spikeforge.shapes import output_size

__all__ = [
    "SteppedResult", "Watch", "ignore", "per_neuron", "run_stepped_layer", "run_stepped_merge",
]  # fmt: skip

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Watch = Callable[[int, Ints, Flags], None]


@dataclass(frozen=True, kw_only=True)
class SteppedResult:
    """What a stepped layer did.

    Attributes:
        spikes: 0 or 1, shape (B, steps, neurons).
        membranes: V as stored after the last step, shape (B, neurons).
    """

    spikes: NDArray[np.uint8]
    membranes: Ints


def ignore(step: int, membranes: Ints, fired: Flags) -> None:
    """Watch nothing."""


def per_neuron(numbers: NDArray[np.integer] | None, neurons: int) -> Ints:
    """One number a neuron, or one for all, from one a channel (or none: 0)."""
    if numbers is None:
        return np.zeros(1, np.int64)
    wide = numbers.astype(np.int64)
    return wide if len(wide) == 1 else np.repeat(wide, neurons // len(wide))


def run_stepped_layer(
    layer: Dense | Conv2d,
    tensors: Tensors,
    arriving: NDArray[np.integer],
    watch: Watch = ignore,
) -> SteppedResult:
    """Run one stepped layer of neurons over all its steps.

    Args:
        layer: The layer.
        tensors: Tensors of its network, by name.
        arriving: What the source sends, summed by step and address, shape (B, steps, inputs).
        watch: Called in every step with the membranes as compared and with who fires.
    """
    neuron, neurons = layer.neuron, output_size(layer)
    drive = _Drive(layer, tensors, arriving)
    state = _Neurons(layer, tensors, len(arriving))
    spikes = np.zeros((len(arriving), neuron.steps, neurons), np.uint8)
    fired: Flags | None = None
    for at in range(neuron.steps):
        taken = drive.at(at)
        if fired is not None and isinstance(layer, Dense) and layer.recurrent is not None:
            taken = taken + recurrent_sum(tensors, layer, fired)
        fired = state.advance(at, taken, watch)
        spikes[:, at] = fired
    return SteppedResult(spikes=spikes, membranes=state.membrane)


def run_stepped_merge(
    layer: Layer, arriving: list[NDArray[np.integer]], largest: int
) -> NDArray[np.integer]:
    """Run a layer without neurons (pools, flatten, residuals) in every step.

    Args:
        layer: The layer.
        arriving: What each of its sources sends, shape (B, steps, inputs).
        largest: The most that an address of the layer can add up to in a step.
    """
    count, steps = arriving[0].shape[:2]
    if isinstance(layer, Flatten):
        return arriving[0]
    flat = [part.reshape(count * steps, -1) for part in arriving]
    if not isinstance(layer, FirstSpikePool):
        kind = np.min_scalar_type(largest)
        return merged(layer, flat).reshape(count, steps, -1).astype(kind)
    found = pool_any(layer, flat[0]).reshape(count, steps, -1)
    seen = np.logical_or.accumulate(found, axis=1)
    seen[:, 1:] &= ~seen[:, :-1].copy()
    return seen.astype(np.uint8)


class _Drive:
    """The taps' weighted sums of every step; each source step is multiplied out only once."""

    def __init__(self, layer: Dense | Conv2d, tensors: Tensors, arriving: NDArray[np.integer]):
        count, self._steps = arriving.shape[:2]
        constant = arriving.strides[1] == 0  # a value presented in every step
        different = arriving[:, :1] if constant else arriving
        sums = Linear(tensors, layer)(different.reshape(count * different.shape[1], -1))
        self._sums = sums.reshape(count, different.shape[1], -1)
        self._constant = constant
        taps = [(tap.delay, tap.gain) for tap in layer.neuron.taps] or [(0, 1)]
        self._taps = [(layer.delay + delay, gain) for delay, gain in taps]

    def at(self, step: int) -> Ints:
        total: Ints = np.zeros_like(self._sums[:, 0])
        for delay, gain in self._taps:
            if 0 <= step - delay < self._steps:
                total += gain * self._sums[:, 0 if self._constant else step - delay]
        return total


class _Neurons:
    """State of a layer's neurons for B images, all arrays (B, neurons)."""

    def __init__(self, layer: Dense | Conv2d, tensors: Tensors, images: int):
        self._spec, neurons = layer.neuron, output_size(layer)
        self._threshold = per_neuron(tensors.get(f"{layer.name}.threshold"), neurons)
        self._bias = per_neuron(tensors.get(f"{layer.name}.bias"), neurons)
        shape = (images, neurons)
        self.current: Ints = np.zeros(shape, np.int64)
        self.membrane: Ints = np.zeros(shape, np.int64)
        self._pending = np.zeros(shape, np.bool_)
        self._spent = np.zeros(shape, np.bool_)  # fired, and silent for good
        self._waiting = np.zeros(shape, np.int64)  # refractory steps left

    def advance(self, step: int, taken: Ints, watch: Watch) -> Flags:
        """One step; returns who fires."""
        spec = self._spec
        theta = self._theta(step)
        if spec.reset_timing is ResetTiming.NEXT_STEP:
            self._reset(self._pending, theta)
        self.current = after_leak(self.current, spec.current_leak, spec.rounding) + taken
        self.current = self._clipped(self.current, spec.current_bits)
        membrane = after_leak(self.membrane, spec.membrane_leak, spec.rounding)
        membrane = self._clipped(membrane + self.current + self._bias, spec.membrane_bits)
        held = self._waiting > 0
        if spec.refractory:
            membrane[held] = 0
            self._waiting -= held
        self.membrane = np.where(self._spent, self.membrane, membrane)
        if not spec.fires:
            fired = np.zeros(membrane.shape, np.bool_)
        elif spec.compare is Compare.GREATER_EQUAL:
            fired = (self.membrane >= theta) & ~held & ~self._spent
        else:
            fired = (self.membrane > theta) & ~held & ~self._spent
        watch(step, self.membrane, fired)
        self._after(fired, theta)
        return fired

    def _theta(self, step: int) -> Ints:
        if self._spec.threshold_shape is ThresholdShape.FALLING:
            return self._threshold * (self._spec.steps - step)
        return self._threshold

    def _after(self, fired: Flags, theta: Ints) -> None:
        if self._spec.after_spike is AfterSpike.SILENT:
            self._spent |= fired
        elif self._spec.reset_timing is ResetTiming.SAME_STEP:
            self._reset(fired, theta)
        else:
            self._pending = fired
        if self._spec.refractory:
            self._waiting[fired] = self._spec.refractory

    def _reset(self, which: Flags, theta: Ints) -> None:
        if self._spec.after_spike is AfterSpike.ZERO:
            self.membrane = np.where(which, 0, self.membrane)
        elif self._spec.after_spike is AfterSpike.SUBTRACT:
            self.membrane = np.where(which, self.membrane - theta, self.membrane)

    def _clipped(self, values: Ints, bits: int) -> Ints:
        if self._spec.overflow is Overflow.CLIP:
            return np.clip(values, *signed_range(bits))
        return values
