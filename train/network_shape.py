"""What a recipe says of its network: layers, steps, bits, neurons."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spikeforge.validation import StrictModel

__all__ = ["ConvShape", "NetworkShape", "NeuronShape", "PspShape"]


class ConvShape(StrictModel):
    """One convolution of square kernels over square maps.

    Attributes:
        channels: Output channels.
        kernel: Height and width of the kernel.
        stride: Distance between positions, in both directions.
        padding: Silent pixels around the input, on each side.
        pool: Side of the windows that are pooled behind it (1: none): the first spike of a window
            in single-spike rules, their sum in multi-spike rules.
        residual: Make it a SEW block: a second convolution of the same kind follows, whose spikes
            are joined with the block's input element by element.
    """

    channels: int = Field(ge=1, le=4_096)
    kernel: int = Field(ge=1, le=28)
    stride: int = Field(default=1, ge=1, le=28)
    padding: int = Field(default=0, ge=0, le=27)
    pool: int = Field(default=1, ge=1, le=28)
    residual: Literal["add", "and", "iand"] | None = None


class NeuronShape(StrictModel):
    """The neuron of a multi-spike rule; leaks are shifts, so training sees what hardware does.

    Attributes:
        current_shift: The current loses I >> shift each step; None for a synapse without memory.
        membrane_shift: The membrane loses V >> shift each step; None for no leak.
        after_spike: V goes to zero, or loses the threshold.
        refractory: Steps of silence after a spike.
        reset_gradient: Let the gradient through the reset as well (Yang, arXiv 2011.09964).
    """

    current_shift: int | None = Field(default=None, ge=1, le=15)
    membrane_shift: int | None = Field(default=None, ge=1, le=15)
    after_spike: Literal["zero", "subtract"] = "zero"
    refractory: int = Field(default=0, ge=0, le=15)
    reset_gradient: bool = False


class PspShape(StrictModel):
    """A piecewise-linear postsynaptic potential, for rules that have one.

    Attributes:
        rise: Steps in which it rises.
        fall: Steps in which it falls back to zero; None if it stays.
    """

    rise: int = Field(ge=1, le=100)
    fall: int | None = Field(default=None, ge=1, le=100)


class NetworkShape(StrictModel):
    """The network.

    Attributes:
        conv: Convolutions before the fully connected layers; none for a plain network.
        hidden: Neurons of each fully connected hidden layer.
        steps: T, time steps of every window.
        weight_bits: Width of all weights.
        bias: Learn an integer bias for each neuron.
        threshold_per_neuron: One threshold a hidden neuron instead of one for the layer.
        batch_norm: Normalize the drive of all hidden layers of a multi-spike rule, or the slopes of
            all membranes of a stepped one; in hardware it is part of thresholds and biases.
        input_threshold: Pixels below it are silent (0 keeps all).
        extra_steps: Steps that a stepped output layer runs longer than the layer before it.
        later_steps: Steps that each stepped layer runs longer than what it reads, in addition.
        start_mean: What the active inputs of a single-spike neuron weigh together when training
            starts, on average; the rule's own if it is left out.
        input_bits: Present each pixel's upper bits in every step; 0 for one spike a pixel, the
            brighter the earlier. For multi-spike rules.
        readout: Of a multi-spike rule: the largest final membrane of an output layer that never
            fires, or the most output spikes.
        votes: Output neurons a class.
        recurrent: The last hidden layer feeds its own spikes back.
        neuron: Of multi-spike rules; their default if it is left out.
        psp: Of rule stidi-bp.
    """

    conv: tuple[ConvShape, ...] = Field(default=(), max_length=16, strict=False)
    hidden: tuple[Annotated[int, Field(ge=1, le=16_384)], ...] = Field(
        min_length=1, max_length=16, strict=False
    )
    steps: int = Field(default=15, ge=1, le=255)
    weight_bits: int = Field(default=4, ge=1, le=8)
    bias: bool = True
    threshold_per_neuron: bool = False
    batch_norm: bool = False
    input_threshold: int = Field(default=0, ge=0, le=255)
    extra_steps: int = Field(default=0, ge=0, le=255)
    later_steps: int = Field(default=0, ge=0, le=64)
    start_mean: float | None = Field(default=None, ge=-1, le=1)
    input_bits: int = Field(default=0, ge=0, le=8)
    readout: Literal["max_membrane", "spike_count"] = "max_membrane"
    votes: int = Field(default=1, ge=1, le=64)
    recurrent: bool = False
    neuron: NeuronShape = NeuronShape()
    psp: PspShape | None = None
