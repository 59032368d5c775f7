"""The fields of the contract: what an integer network may say about itself.

All arithmetic choices (rounding, compare, reset, overflow) are explicit enum fields; nothing is
assumed. The equations are those of the architecture page, section "One neuron".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from spikeforge.validation import StrictModel

__all__ = [
    "AfterSpike", "AvgPool", "Compare", "Conv2d", "Dense", "FirstSpikePool", "Flatten",
    "InputCoding", "InputSpec", "Layer", "Leak", "LeakKind", "NeuronSpec", "Overflow", "Readout",
    "ReadoutKind", "Recurrent", "ResetTiming", "Residual", "ResidualKind", "Rounding", "Schedule",
    "Tap", "ThresholdShape",
]  # fmt: skip

Size = Annotated[int, Field(ge=1, le=1 << 24)]
Steps = Annotated[int, Field(ge=1, le=1023)]
Width = Annotated[int, Field(ge=2, le=48)]
Extent = Annotated[int, Field(ge=1, le=64)]
Padding = Annotated[int, Field(ge=0, le=63)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


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


class InputCoding(StrEnum):
    """Latency-coded pixels, ready-made spikes, or a graded value presented every step."""

    TTFS_LEVELS = "ttfs_levels"
    SPIKES = "spikes"
    GRADED = "graded"


class ReadoutKind(StrEnum):
    """How the output layer names a class."""

    MAX_MEMBRANE = "max_membrane"
    FIRST_SPIKE = "first_spike"
    SPIKE_COUNT = "spike_count"


class ResidualKind(StrEnum):
    """Element-wise function of a SEW residual block."""

    ADD = "add"
    AND = "and"
    IAND = "iand"


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


class _Weighted(StrictModel):
    """What every layer with weights shares."""

    name: Name
    weight_bits: int = Field(ge=1, le=8)
    delay: int = Field(default=0, ge=0, le=1)
    source: Name | None = None
    neuron: NeuronSpec


class Recurrent(StrictModel):
    """A layer's spikes fed back through a second weight matrix, always one step later."""

    weight_bits: int = Field(ge=1, le=8)


class Dense(_Weighted):
    """Fully connected: weights (outputs, inputs)."""

    kind: Literal["dense"] = "dense"
    inputs: Size
    outputs: Size
    recurrent: Recurrent | None = None

    @model_validator(mode="after")
    def _loops(self) -> Dense:
        if self.recurrent is not None and self.neuron.schedule is Schedule.WINDOWED:
            raise ValueError("of a windowed layer must leave recurrent at its default")
        return self


class Conv2d(_Weighted):
    """Convolution: weights (channels_out, channels_in / groups, kernel, kernel), maps C, H, W."""

    kind: Literal["conv2d"] = "conv2d"
    channels_in: Size
    height: Size
    width: Size
    channels_out: Size
    kernel: tuple[Extent, Extent] = Field(strict=False)
    stride: tuple[Extent, Extent] = Field(default=(1, 1), strict=False)
    padding: tuple[Padding, Padding] = Field(default=(0, 0), strict=False)
    groups: Size = 1


class _Pool(StrictModel):
    name: Name
    source: Name | None = None
    channels: Size
    height: Size
    width: Size
    kernel: Extent
    stride: Extent


class AvgPool(_Pool):
    """Average pooling: addresses are merged, the factor goes into the next layer's scale."""

    kind: Literal["avg_pool"] = "avg_pool"


class FirstSpikePool(_Pool):
    """Max pooling in spike times: the earliest spike (largest k) of a window passes."""

    kind: Literal["first_spike_pool"] = "first_spike_pool"


class Flatten(StrictModel):
    """Maps (C, H, W) read as one row-major vector."""

    kind: Literal["flatten"] = "flatten"
    name: Name
    source: Name | None = None
    size: Size


class Residual(StrictModel):
    """Two paths' spikes joined element by element."""

    kind: Literal["residual"] = "residual"
    name: Name
    sources: tuple[str, str] = Field(strict=False)
    function: ResidualKind = Field(strict=False)
    size: Size


Layer = Annotated[
    Dense | Conv2d | AvgPool | FirstSpikePool | Flatten | Residual, Field(discriminator="kind")
]


class InputSpec(StrictModel):
    """How an image becomes events.

    Attributes:
        coding: ``ttfs_levels``: k = (x * T + 127) // 255, silent at k = 0.
        shape: (C, H, W) of the image.
        steps: T of the input window.
        bits: Width of a graded value.
        threshold: Pixels x below it are silent (0 keeps all), for ``ttfs_levels``.
    """

    coding: InputCoding = Field(strict=False)
    shape: tuple[Size, Size, Size] = Field(strict=False)
    steps: Steps
    bits: int = Field(default=0, ge=0, le=8)
    threshold: int = Field(default=0, ge=0, le=255)

    @property
    def size(self) -> int:
        """Number of input addresses."""
        channels, height, width = self.shape
        return channels * height * width


class Readout(StrictModel):
    """Which output neuron names the class; ties go to the lowest index."""

    kind: ReadoutKind = Field(strict=False)
    classes: int = Field(ge=2, le=4096)
    votes: int = Field(default=1, ge=1, le=256)
