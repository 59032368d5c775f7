"""Random neurons: every field of the contract drawn, widths and thresholds still open."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from spikeforge.schema import (
    AfterSpike,
    Compare,
    Leak,
    LeakKind,
    NeuronSpec,
    Overflow,
    ResetTiming,
    Rounding,
    Schedule,
    Tap,
    ThresholdShape,
)

__all__ = ["draw_neuron", "pick"]

_Kind = TypeVar("_Kind")
WIDEST = 48
WIDEST_THRESHOLD = 32


def pick(rng: np.random.Generator, *options: _Kind) -> _Kind:
    """One of some options, equally likely."""
    return options[int(rng.integers(len(options)))]


def draw_neuron(
    rng: np.random.Generator, schedule: Schedule, steps_in: int, *, fires: bool
) -> NeuronSpec:
    """A neuron with the widest states and thresholds; :mod:`sim.fuzz.fit` narrows them.

    Args:
        rng: Source of chance.
        schedule: Schedule of the network.
        steps_in: Steps of the source.
        fires: Whether the layer fires.
    """
    if schedule is Schedule.WINDOWED:
        return NeuronSpec(
            schedule=schedule, steps=int(rng.integers(1, 17)), membrane_bits=WIDEST, fires=fires,
            threshold_bits=WIDEST_THRESHOLD if fires else 0,
            threshold_shape=ThresholdShape.FALLING if fires else ThresholdShape.CONSTANT,
            threshold_per_neuron=fires and bool(rng.integers(2)),
        )  # fmt: skip
    after = pick(rng, *AfterSpike)
    steps = steps_in + (int(rng.integers(1, 4)) if rng.random() < 0.4 else 0)
    return NeuronSpec(
        schedule=schedule, steps=steps, membrane_bits=WIDEST, current_bits=WIDEST, fires=fires,
        threshold_bits=WIDEST_THRESHOLD if fires else 0,
        threshold_per_neuron=fires and bool(rng.integers(2)),
        threshold_shape=pick(rng, *ThresholdShape) if fires else ThresholdShape.CONSTANT,
        current_leak=_draw_leak(rng), membrane_leak=_draw_leak(rng), compare=pick(rng, *Compare),
        after_spike=after, reset_timing=pick(rng, *ResetTiming), rounding=pick(rng, *Rounding),
        overflow=pick(rng, *Overflow), taps=_draw_taps(rng),
        refractory=0 if after is AfterSpike.SILENT else max(0, int(rng.integers(-3, 4))),
    )  # fmt: skip


def _draw_leak(rng: np.random.Generator) -> Leak:
    kind = pick(rng, *LeakKind)
    if kind is LeakKind.SHIFT:
        return Leak(kind=kind, shift=int(rng.integers(0, 6)))
    if kind is LeakKind.MULTIPLY:
        shift = int(rng.integers(1, 9))
        return Leak(kind=kind, shift=shift, multiplier=int(rng.integers(0, (1 << shift) + 1)))
    return Leak(kind=kind)


def _draw_taps(rng: np.random.Generator) -> tuple[Tap, ...]:
    """None, or a few with some negative gains; now and then one that always comes too late."""
    if rng.random() < 0.6:
        return ()
    return tuple(
        Tap(
            delay=255 if rng.random() < 0.05 else int(rng.integers(0, 5)),
            gain=int(rng.integers(-255, 256)) if rng.random() < 0.1 else int(rng.integers(-2, 6)),
        )
        for _ in range(int(rng.integers(1, 5)))
    )
