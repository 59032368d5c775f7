"""The fields of one neuron: every choice of its arithmetic, as enums; nothing is assumed.

The equations are those of the architecture page, section "One neuron".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from spikeforge.validation import StrictModel

__all__ = [
    "MAX_STEPS", "AfterSpike", "Compare", "Leak", "LeakKind", "NeuronSpec", "Overflow",
    "ResetTiming", "Rounding", "Schedule", "Steps", "Tap", "ThresholdShape",
]  # fmt: skip

MAX_STEPS = 1023  # of a layer's window
Steps = Annotated[int, Field(ge=1, le=MAX_STEPS)]
Width = Annotated[int, Field(ge=2, le=48)]


class Schedule(StrEnum):
    """Stepped: one update a time step. Windowed: integrate a whole window, then fire."""

    STEPPED = "stepped"
    WINDOWED = "windowed"


class LeakKind(StrEnum):
    """How much of a state is lost each step: nothing, all, ``x >> k``, ``(x * m) >> s``."""

    NONE = "none"
    ALL = "all"
    SHIFT = "shift"
    MULTIPLY = "multiply"


class Compare(StrEnum):
    """A neuron fires if its membrane is at least (``ge``) or above (``gt``) the threshold."""

    GREATER_EQUAL = "ge"
    GREATER = "gt"


class AfterSpike(StrEnum):
    """What a spike does to its neuron: silent for good, V to zero, or V less the threshold."""

    SILENT = "silent"
    ZERO = "zero"
    SUBTRACT = "subtract"


class ResetTiming(StrEnum):
    """The step in which a reset takes effect."""

    SAME_STEP = "same_step"
    NEXT_STEP = "next_step"


class Rounding(StrEnum):
    """Where shifts round to."""

    FLOOR = "floor"
    ZERO = "zero"
    NEAREST_EVEN = "nearest_even"


class Overflow(StrEnum):
    """``refuse``: proven to fit. ``clip``: acts on I after the step's sum, and on V after V + I."""

    REFUSE = "refuse"
    CLIP = "clip"


class ThresholdShape(StrEnum):
    """Constant, or falling as ``theta * (T - t)`` over the window."""

    CONSTANT = "constant"
    FALLING = "falling"


class Leak(StrictModel):
    """A leak: ``x - (x >> shift)`` for shift, ``x - ((x * multiplier) >> shift)`` for multiply."""

    kind: LeakKind = Field(default=LeakKind.NONE, strict=False)
    shift: int = Field(default=0, ge=0, le=31)
    multiplier: int = Field(default=0, ge=0, le=65535)

    @model_validator(mode="after")
    def _fits_kind(self) -> Leak:
        if self.kind in (LeakKind.NONE, LeakKind.ALL) and (self.shift or self.multiplier):
            raise ValueError(f"of kind {self.kind.value} takes neither shift nor multiplier")
        if self.kind is LeakKind.SHIFT and self.multiplier:
            raise ValueError("of kind shift takes no multiplier")
        if self.kind is LeakKind.MULTIPLY and self.multiplier > 1 << self.shift:
            raise ValueError(f"multiplier must be at most 2**shift = {1 << self.shift}")
        return self


class Tap(StrictModel):
    """One term of a piecewise-linear PSP: a gain on the current, some steps after the spike."""

    delay: int = Field(ge=0, le=255)
    gain: int = Field(ge=-255, le=255)


class NeuronSpec(StrictModel):
    """The neuron of one layer, all but its numbers (thresholds, biases are tensors).

    Attributes:
        schedule: Stepped or windowed.
        steps: T, the number of time steps (of its own window, for a windowed layer).
        membrane_bits: Width of V, two's complement.
        current_bits: Width of I (stepped layers), two's complement.
        threshold_bits: Width of theta, unsigned.
        threshold_per_neuron: One threshold a neuron (true), or one for the layer (false).
        threshold_shape: Constant, or falling (always so in a windowed layer).
        bias_bits: Width of the biases, two's complement; 0 for a layer without biases.
        fires: False for a read-out layer that only integrates.
        refractory: Steps of silence after a spike, V held at 0.
        taps: Delayed gains of a piecewise-linear PSP; empty for a plain synapse.
    """

    schedule: Schedule = Field(strict=False)
    steps: Steps
    membrane_bits: Width
    current_bits: int = Field(default=0, ge=0, le=48)
    threshold_bits: int = Field(default=0, ge=0, le=32)
    threshold_per_neuron: bool = False
    threshold_shape: ThresholdShape = Field(default=ThresholdShape.CONSTANT, strict=False)
    bias_bits: int = Field(default=0, ge=0, le=32)
    fires: bool = True
    current_leak: Leak = Leak()
    membrane_leak: Leak = Leak()
    compare: Compare = Field(default=Compare.GREATER_EQUAL, strict=False)
    after_spike: AfterSpike = Field(default=AfterSpike.SILENT, strict=False)
    reset_timing: ResetTiming = Field(default=ResetTiming.SAME_STEP, strict=False)
    rounding: Rounding = Field(default=Rounding.FLOOR, strict=False)
    overflow: Overflow = Field(default=Overflow.REFUSE, strict=False)
    refractory: int = Field(default=0, ge=0, le=15)
    taps: tuple[Tap, ...] = Field(default=(), max_length=8, strict=False)

    @model_validator(mode="after")
    def _consistent(self) -> NeuronSpec:
        if self.fires and not self.threshold_bits:
            raise ValueError("threshold_bits must be in 1..32 for a layer that fires")
        if self.schedule is Schedule.STEPPED:
            if self.current_bits < 2:
                raise ValueError("current_bits must be in 2..48 for a stepped layer")
            return self
        return self._windowed()

    def _windowed(self) -> NeuronSpec:
        """A windowed layer has no leaks, resets or currents; say so where one is asked for."""
        for name in ("current_leak", "membrane_leak", "compare", "after_spike", "reset_timing",
                     "rounding", "overflow", "refractory", "taps", "current_bits"):  # fmt: skip
            if getattr(self, name) != NeuronSpec.model_fields[name].default:
                raise ValueError(f"of a windowed layer must leave {name} at its default")
        wanted = ThresholdShape.FALLING if self.fires else ThresholdShape.CONSTANT
        if self.threshold_shape is not wanted:
            raise ValueError(
                f"of a windowed layer must have threshold_shape {wanted.value} "
                f"where fires is {self.fires}"
            )
        return self
