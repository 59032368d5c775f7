"""From a chain of stepped layers to the integer network of the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikeforge import __version__
from spikeforge import schema as contract
from spikeforge.bounds import needed_bits, signed_bits, unsigned_bits
from spikeforge.network import Metadata, Network
from spikeforge.schema import (
    Conv2d,
    Dense,
    Flatten,
    InputCoding,
    InputSpec,
    Layer,
    NeuronSpec,
    Readout,
    ReadoutKind,
    Schedule,
    Tap,
)
from spikeforge.traffic import Traffic
from train.export_checks import checked_integers, checked_width, stored_weight
from train.first_spike_pool import FirstSpikePool
from train.psp import RAMP
from train.stepped import SteppedDense
from train.stepped_conv import SteppedConv
from train.stepped_layer import SteppedLayer
from train.stepped_network import SteppedStage
from train.windowed import IntegerLayer

__all__ = ["export_stepped"]

_MOST_STATE_BITS = 48


def export_stepped(
    stages: Sequence[SteppedStage],
    *,
    name: str,
    input_shape: tuple[int, int, int],
    input_threshold: int,
    metadata: Metadata,
) -> Network:
    """Turn stepped layers into a validated integer network, read by its first output spike.

    Widths of currents, membranes, thresholds and biases are the narrowest that are proven to hold.

    Args:
        stages: As :func:`train.stepped_network.stepped_stages` gives them.
        name: Name of the network.
        input_shape: (C, H, W) of the images.
        input_threshold: Pixels below it are silent.
        metadata: Origin and accuracy; the scales are filled in here.

    Raises:
        SpikeforgeError: If a layer has a scale of zero or numbers that are not finite, or the
            layers do not hold together as a network.
    """
    first = next(stage for stage in stages if isinstance(stage, SteppedLayer))
    steps = first.input_steps
    parts: list[Layer] = []
    scales: dict[str, float] = {}
    tensors: dict[str, NDArray[np.integer]] = {}
    for title, stage in zip(_titles(stages), stages, strict=True):
        if isinstance(stage, FirstSpikePool):
            parts.append(_pool(title, stage))
            continue
        if isinstance(stage, SteppedDense) and parts and not isinstance(parts[-1], Dense):
            parts.append(Flatten(name="flatten", size=stage.inputs))
        numbers = checked_integers(title, stage)
        spec, own = _contract(title, stage, numbers, steps)
        steps = stage.steps
        parts.append(spec)
        tensors |= own
        scales[title] = numbers.step
    return Network(
        name=name,
        input=InputSpec(
            coding=InputCoding.TTFS_LEVELS, shape=input_shape, steps=first.input_steps,
            threshold=input_threshold,
        ),
        layers=tuple(parts),
        readout=Readout(kind=ReadoutKind.FIRST_SPIKE, classes=stages[-1].outputs),
        tensors=tensors,
        metadata=metadata.model_copy(
            update={"scales": scales, "package_version": metadata.package_version or __version__}
        ),
    )  # fmt: skip


def _titles(stages: Sequence[SteppedStage]) -> list[str]:
    """Names of the layers: conv1, pool1, ..., hidden1, ..., output."""
    counts: Counter[str] = Counter()
    titles = []
    for stage in stages[:-1]:
        kind = "hidden"
        if isinstance(stage, SteppedConv | FirstSpikePool):
            kind = "conv" if isinstance(stage, SteppedConv) else "pool"
        counts[kind] += 1
        titles.append(f"{kind}{counts[kind]}")
    return [*titles, "output"]


def _pool(title: str, stage: FirstSpikePool) -> contract.FirstSpikePool:
    channels, height, width = stage.shape
    return contract.FirstSpikePool(
        name=title, channels=channels, height=height, width=width, kernel=stage.size,
        stride=stage.size,
    )  # fmt: skip


def _contract(
    title: str, layer: SteppedLayer, numbers: IntegerLayer, steps_in: int
) -> tuple[Dense | Conv2d, dict[str, NDArray[np.integer]]]:
    """A layer's entry in the contract, and its tensors by their names there."""
    assert numbers.threshold is not None  # stepped layers fire
    bias, threshold = numbers.bias.numpy(), numbers.threshold.numpy()
    tensors: dict[str, NDArray[np.integer]] = {
        f"{title}.weight": stored_weight(numbers.weight, layer.weight_bits),
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
        taps=_taps(layer),
    )
    widest = _layer(title, layer, neuron)
    once = Traffic(steps=steps_in, level=1, multiplicity=1, total=1, image_total=1)
    current_bits, membrane_bits = needed_bits(widest, tensors, once)
    widths = {
        "current_bits": checked_width(f"{title}.current_bits", current_bits, _MOST_STATE_BITS),
        "membrane_bits": checked_width(f"{title}.membrane_bits", membrane_bits, _MOST_STATE_BITS),
    }
    return _layer(title, layer, neuron.model_copy(update=widths)), tensors


def _taps(layer: SteppedLayer) -> tuple[Tap, ...]:
    """Taps of the layer; none for a ramp, and none that come after its last step."""
    if layer.taps == RAMP:
        return ()
    return tuple(Tap(delay=d, gain=gain) for d, gain in layer.taps if d < layer.steps)


def _layer(title: str, layer: SteppedLayer, neuron: NeuronSpec) -> Dense | Conv2d:
    if isinstance(layer, SteppedConv):
        channels, height, width = layer.shape
        return Conv2d(
            name=title, weight_bits=layer.weight_bits, neuron=neuron, channels_in=channels,
            height=height, width=width, channels_out=layer.map[0], kernel=(layer.kernel,) * 2,
            stride=(layer.stride,) * 2, padding=(layer.padding,) * 2,
        )  # fmt: skip
    return Dense(
        name=title, weight_bits=layer.weight_bits, neuron=neuron,
        inputs=layer.inputs, outputs=layer.outputs,
    )  # fmt: skip
