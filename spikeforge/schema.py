"""The fields of the contract: what an integer network may say about itself.

Layers, input and read-out; the fields of a neuron are in :mod:`spikeforge.neuron`, and can be
imported from here too.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from spikeforge.neuron import (
    AfterSpike,
    Compare,
    Leak,
    LeakKind,
    NeuronSpec,
    Overflow,
    ResetTiming,
    Rounding,
    Schedule,
    Steps,
    Tap,
    ThresholdShape,
)
from spikeforge.validation import StrictModel

__all__ = [
    "AfterSpike", "AvgPool", "Compare", "Conv2d", "Dense", "FirstSpikePool", "Flatten",
    "InputCoding", "InputSpec", "Layer", "Leak", "LeakKind", "NeuronSpec", "Overflow", "Readout",
    "ReadoutKind", "Recurrent", "ResetTiming", "Residual", "ResidualKind", "Rounding", "Schedule",
    "Tap", "ThresholdShape",
]  # fmt: skip

Size = Annotated[int, Field(ge=1, le=1 << 24)]
Extent = Annotated[int, Field(ge=1, le=64)]
Padding = Annotated[int, Field(ge=0, le=63)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


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
