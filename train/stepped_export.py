"""From a chain of stepped layers to the integer network of the contract."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikeforge import __version__
from spikeforge.bounds import needed_bits, signed_bits, unsigned_bits
from spikeforge.network import Metadata, Network
from spikeforge.schema import (
    Dense,
    InputCoding,
    InputSpec,
    NeuronSpec,
    Readout,
    ReadoutKind,
    Schedule,
)
from spikeforge.traffic import Traffic
from train.export_checks import checked_integers, checked_width
from train.stepped import SteppedDense
from train.windowed import IntegerLayer

__all__ = ["export_stepped"]

_MOST_STATE_BITS = 48


def export_stepped(
    layers: Sequence[SteppedDense],
    *,
    name: str,
    input_shape: tuple[int, int, int],
    input_threshold: int,
    metadata: Metadata,
) -> Network:
    """Turn stepped layers into a validated integer network, read by its first output spike.

    Widths of currents, membranes, thresholds and biases are the narrowest that are proven to hold.

    Args:
        layers: As :func:`train.stepped_network.stepped_layers` gives them.
        name: Name of the network.
        input_shape: (C, H, W) of the images.
        input_threshold: Pixels below it are silent.
        metadata: Origin and accuracy; the scales are filled in here.

    Raises:
        SpikeforgeError: If a layer has a scale of zero or numbers that are not finite, or the
            layers do not hold together as a network.
    """
    titles = [*(f"hidden{at}" for at in range(1, len(layers))), "output"]
    steps = layers[0].input_steps
    parts, scales = [], {}
    tensors: dict[str, NDArray[np.integer]] = {}
    for title, layer in zip(titles, layers, strict=True):
        numbers = checked_integers(title, layer)
        spec, own = _contract(title, layer, numbers, steps)
        steps = layer.steps
        parts.append(spec)
        tensors |= own
        scales[title] = numbers.step
    return Network(
        name=name,
        input=InputSpec(
            coding=InputCoding.TTFS_LEVELS, shape=input_shape, steps=layers[0].input_steps,
            threshold=input_threshold,
        ),
        layers=tuple(parts),
        readout=Readout(kind=ReadoutKind.FIRST_SPIKE, classes=layers[-1].outputs),
        tensors=tensors,
        metadata=metadata.model_copy(
            update={"scales": scales, "package_version": metadata.package_version or __version__}
        ),
    )  # fmt: skip


def _contract(
    title: str, layer: SteppedDense, numbers: IntegerLayer, steps_in: int
) -> tuple[Dense, dict[str, NDArray[np.integer]]]:
    """A layer's entry in the contract, and its tensors by their names there."""
    assert numbers.threshold is not None  # stepped layers fire
    bias, threshold = numbers.bias.numpy(), numbers.threshold.numpy()
    tensors: dict[str, NDArray[np.integer]] = {
        f"{title}.weight": numbers.weight.numpy().astype(np.int8),
        f"{title}.threshold": threshold,
    }
    bias_bits = 0
    if bias.any():
        tensors[f"{title}.bias"] = bias
        bias_bits = signed_bits(int(bias.min()), int(bias.max()))
    neuron = NeuronSpec(
        schedule=Schedule.STEPPED,
        steps=layer.steps,
        membrane_bits=_MOST_STATE_BITS,
        current_bits=_MOST_STATE_BITS,
        threshold_bits=checked_width(
            f"{title}.threshold_bits", unsigned_bits(int(threshold.max())), 32
        ),
        threshold_per_neuron=threshold.size > 1,
        bias_bits=checked_width(f"{title}.bias_bits", bias_bits, 32),
    )
    widest = _dense(title, layer, neuron)
    once = Traffic(steps=steps_in, level=1, multiplicity=1, total=1, image_total=1)
    current_bits, membrane_bits = needed_bits(widest, tensors, once)
    widths = {
        "current_bits": checked_width(f"{title}.current_bits", current_bits, _MOST_STATE_BITS),
        "membrane_bits": checked_width(f"{title}.membrane_bits", membrane_bits, _MOST_STATE_BITS),
    }
    return _dense(title, layer, neuron.model_copy(update=widths)), tensors


def _dense(title: str, layer: SteppedDense, neuron: NeuronSpec) -> Dense:
    return Dense(
        name=title, weight_bits=layer.weight_bits, neuron=neuron,
        inputs=layer.inputs, outputs=layer.outputs,
    )  # fmt: skip
