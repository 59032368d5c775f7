"""Intervals of a stepped neuron's I and V, step by step, that no input can leave.

Every operation of a step never falls where its operand rises (leaks, sums), so an interval goes
through it by its ends. After the compare the interval is that of the neurons that did not fire
(below the threshold), joined with what a reset makes of those that did. Where a source sends a
bounded number of events an image and nothing leaks, a second bound from its impulse response
usually is much narrower, and the two are intersected.

Ends saturate just outside 48 bits, the widest state there is, so nothing overflows 64.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikeforge.arithmetic import after_leak
from spikeforge.schema import (
    AfterSpike,
    Compare,
    LeakKind,
    NeuronSpec,
    ResetTiming,
    ThresholdShape,
)

if TYPE_CHECKING:
    from spikeforge.traffic import Traffic

__all__ = ["Bounds", "Drive", "SteppedBounds", "stepped_bounds"]

Ints = NDArray[np.int64]
_LOWEST, _HIGHEST = -(1 << 47) - 1, 1 << 47


@dataclass(frozen=True)
class Bounds:
    """An interval a neuron, ends included, each of shape (neurons,)."""

    low: Ints
    high: Ints

    def join(self, other: Bounds) -> Bounds:
        """The smallest intervals that hold both."""
        return Bounds(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def meet(self, other: Bounds) -> Bounds:
        """What both hold."""
        return Bounds(np.maximum(self.low, other.low), np.minimum(self.high, other.high))

    def plus(self, other: Bounds) -> Bounds:
        """Sums of any two values, saturated."""
        return Bounds(
            np.clip(self.low + other.low, _LOWEST, _HIGHEST),
            np.clip(self.high + other.high, _LOWEST, _HIGHEST),
        )

    def times(self, factor: int) -> Bounds:
        """Products with one factor of either sign."""
        ends = _saturated(self.low, factor), _saturated(self.high, factor)
        return Bounds(np.minimum(*ends), np.maximum(*ends))


@dataclass(frozen=True, kw_only=True)
class Drive:
    """Sums of negative and positive weights by neuron, shape (neurons,): ``own`` if recurrent."""

    low: Ints
    high: Ints
    own_low: Ints | None = None
    own_high: Ints | None = None


@dataclass(frozen=True, kw_only=True)
class SteppedBounds:
    """Intervals over all steps: I after the sums, V after V + I + bias."""

    current: Bounds
    membrane: Bounds


def stepped_bounds(
    spec: NeuronSpec, drive: Drive, bias: Ints, threshold: Ints, source: Traffic, delay: int
) -> SteppedBounds:
    """Follow the intervals of a layer's neurons through all its steps.

    Args:
        spec: The neurons.
        drive: Sums of their weights.
        bias: Biases, shape (neurons,).
        threshold: Thresholds, shape (neurons,); of no use where nothing fires.
        source: What the layer's source sends at most.
        delay: Steps by which every event comes later.
    """
    gains = _gains(spec, delay)
    limits = _impulse_limits(spec, drive, bias, gains, source)
    zero = Bounds(np.zeros_like(bias), np.zeros_like(bias))
    current = membrane = currents = membranes = zero
    may_fire = False
    for step in range(spec.steps):
        current = _leaked(current, spec, current=True).plus(
            _taken(drive, gains, source, step, own=may_fire)
        )
        membrane = _leaked(membrane, spec, current=False).plus(current).plus(Bounds(bias, bias))
        if limits is not None:
            current, membrane = current.meet(limits.current), membrane.meet(limits.membrane)
        currents, membranes = currents.join(current), membranes.join(membrane)
        if spec.fires:
            membrane, may_fire = _after_compare(spec, membrane, threshold, step)
    return SteppedBounds(current=currents, membrane=membranes)


def _gains(spec: NeuronSpec, delay: int) -> dict[int, int]:
    """Gain by delay in steps, of all taps together."""
    found: Counter[int] = Counter()
    for later, gain in [(tap.delay, tap.gain) for tap in spec.taps] or [(0, 1)]:
        found[later + delay] += gain
    return dict(found)


def _taken(drive: Drive, gains: dict[int, int], source: Traffic, step: int, *, own: bool) -> Bounds:
    """What I can take in one step."""
    weights = Bounds(drive.low, drive.high)
    total = weights.times(0)
    for delay, gain in gains.items():
        if 0 <= step - delay < source.steps:
            total = total.plus(weights.times(gain * source.total))
    if own and drive.own_low is not None and drive.own_high is not None:
        total = total.plus(Bounds(drive.own_low, drive.own_high))
    return total


def _leaked(bounds: Bounds, spec: NeuronSpec, *, current: bool) -> Bounds:
    leak = spec.current_leak if current else spec.membrane_leak
    return Bounds(
        after_leak(bounds.low, leak, spec.rounding), after_leak(bounds.high, leak, spec.rounding)
    )


def _after_compare(
    spec: NeuronSpec, membrane: Bounds, threshold: Ints, step: int
) -> tuple[Bounds, bool]:
    """V with which the next step begins, and whether any neuron may fire in this one."""
    falling = spec.threshold_shape is ThresholdShape.FALLING
    theta = threshold * (spec.steps - step) if falling else threshold
    least = theta + (spec.compare is Compare.GREATER)  # the lowest V that fires
    fires = membrane.high >= least
    quiet = Bounds(np.minimum(membrane.low, least - 1), np.minimum(membrane.high, least - 1))
    if spec.after_spike is AfterSpike.SILENT:
        return quiet, bool(fires.any())
    if spec.after_spike is AfterSpike.ZERO or spec.refractory:
        reset = Bounds(np.zeros_like(theta), np.zeros_like(theta))
    else:
        later = spec.reset_timing is ResetTiming.NEXT_STEP and falling
        taken = threshold * max(0, spec.steps - step - 1) if later else theta
        reset = Bounds(np.maximum(membrane.low, least) - taken, membrane.high - taken)
    joined = quiet.join(reset)
    kept = Bounds(np.where(fires, joined.low, quiet.low), np.where(fires, joined.high, quiet.high))
    if spec.refractory:  # V is held at 0 for some steps to come
        kept = kept.join(kept.times(0))
    return kept, bool(fires.any())


def _impulse_limits(
    spec: NeuronSpec, drive: Drive, bias: Ints, gains: dict[int, int], source: Traffic
) -> SteppedBounds | None:
    """Bounds from the impulse response, for layers whose states leak nothing or all.

    One event of weight w leaves ``w * h[d]`` in I, d steps later. I sums such terms, V any
    stretch of I's steps (it restarts at 0 or above after a reset), whatever the events' steps.
    """
    kept = (LeakKind.NONE, LeakKind.ALL)
    if (
        spec.current_leak.kind not in kept
        or spec.membrane_leak.kind not in kept
        or drive.own_low is not None
    ):
        return None
    response = [gains.get(step, 0) for step in range(spec.steps)]
    if spec.current_leak.kind is LeakKind.NONE:
        response = list(accumulate(response))
    least, most = min(0, *response), max(0, *response)
    current = _weighted(drive, source.image_total, least, most)
    if spec.membrane_leak.kind is LeakKind.ALL:
        return SteppedBounds(current=current, membrane=current.plus(Bounds(bias, bias)))
    falls = sum(height for height in response if height < 0)
    rises = sum(height for height in response if height > 0)
    biased = Bounds(np.minimum(bias, 0) * spec.steps, np.maximum(bias, 0) * spec.steps)
    membrane = _weighted(drive, source.image_total, falls, rises).plus(biased)
    return SteppedBounds(current=current, membrane=membrane)


def _weighted(drive: Drive, events: int, least: int, most: int) -> Bounds:
    """Sums over all inputs of w * (something in least..most), ``events`` times each."""
    high, low = Bounds(drive.high, drive.high), Bounds(drive.low, drive.low)
    return (
        high.times(events * least)
        .plus(low.times(events * most))
        .join(high.times(events * most).plus(low.times(events * least)))
    )


def _saturated(values: Ints, factor: int) -> Ints:
    """Products, through float64: exact below 2**53, and clipped far below it."""
    products: Ints = np.clip(values * float(factor), _LOWEST, _HIGHEST).astype(np.int64)
    return products
