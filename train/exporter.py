"""From a trained torch model to the integer network of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import nn

from spikeforge import __version__
from spikeforge.bounds import signed_bits, unsigned_bits, windowed_range
from spikeforge.errors import SpikeforgeError
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
    ThresholdShape,
)
from train.export_checks import checked_integers, checked_width, stored_weight
from train.first_spike_pool import FirstSpikePool
from train.model import SpikingNet
from train.spiking.export import export_stack
from train.spiking.net import SpikingStack
from train.stepped_conv import SteppedConv
from train.stepped_export import export_stepped
from train.stepped_network import SteppedStage, stepped_stages
from train.windowed import FiringLayer, IntegerLayer, WindowedDense, WindowedReadout
from train.windowed_conv import WindowedConv

__all__ = ["Windowed", "export", "integer_layers"]

Windowed = WindowedDense | WindowedConv | WindowedReadout
_SILENT = (nn.Dropout, nn.Identity, nn.Flatten)  # what changes nothing in evaluation


def export(
    model: nn.Module,
    *,
    name: str = "network",
    input_shape: tuple[int, int, int] | None = None,
    input_threshold: int = 0,
    metadata: Metadata | None = None,
) -> Network:
    """Turn a model into a validated integer network.

    Widths of membranes, thresholds and biases are the narrowest ones that are proven to hold.

    Args:
        model: A trained network of this package, or any (nested) ``nn.Sequential`` of
            ``WindowedConv`` and ``WindowedDense`` layers that ends in a ``WindowedReadout``, or of
            stepped layers; dropout, flatten and identity modules are passed over.
        name: Name of the network.
        input_shape: (C, H, W) of the images; by default what a first convolution takes, (1, 28,
            28) for 784 inputs, else (1, 1, inputs).
        input_threshold: Pixels below it are silent.
        metadata: Origin and accuracy; the scales are filled in here.

    Raises:
        SpikeforgeError: If the model holds another kind of module, has a scale of zero or numbers
            that are not finite, or does not hold together as a network.
    """
    if isinstance(model, SpikingStack):
        return export_stack(model, name=name, metadata=metadata or Metadata())
    stepped = stepped_stages(model)
    if stepped:
        return export_stepped(
            stepped, name=name, input_shape=input_shape or _image_shape(stepped[0]),
            input_threshold=input_threshold, metadata=metadata or Metadata(),
        )  # fmt: skip
    layers = integer_layers(model)
    first = layers[0]
    titles = _titles(layers)
    numbers = {
        title: checked_integers(title, layer) for title, layer in zip(titles, layers, strict=True)
    }
    parts = [_contract(t, layer, numbers[t]) for t, layer in zip(titles, layers, strict=True)]
    origin = metadata or Metadata()
    return Network(
        name=name,
        input=InputSpec(
            coding=InputCoding.TTFS_LEVELS, shape=input_shape or _image_shape(first),
            steps=first.steps, threshold=input_threshold,
        ),
        layers=_with_flatten([spec for spec, _ in parts]),
        readout=Readout(kind=ReadoutKind.MAX_MEMBRANE, classes=layers[-1].outputs),
        tensors={key: value for _, tensors in parts for key, value in tensors.items()},
        metadata=origin.model_copy(
            update={
                "scales": {title: layer.step for title, layer in numbers.items()},
                "package_version": origin.package_version or __version__,
            }
        ),
    )  # fmt: skip


def integer_layers(model: nn.Module) -> list[Windowed]:
    """The windowed layers of a model, in order.

    Raises:
        SpikeforgeError: If a module has no integer counterpart, or the chain is no network.
    """
    found = dict(_walk(model, ""))
    layers = list(found.values())
    places = [place or type(model).__name__ for place in found]
    if not layers or not isinstance(layers[-1], WindowedReadout):
        raise SpikeforgeError(
            f"the last layer of a model must be a WindowedReadout, not "
            f"{type(layers[-1]).__name__ if layers else 'nothing'}; add one with one neuron a class"
        )
    for place, layer in zip(places[:-1], layers[:-1], strict=True):
        if not isinstance(layer, FiringLayer):
            raise SpikeforgeError(
                f"module {place!r} is a WindowedReadout before the end of the model; it never "
                f"spikes, use a WindowedDense there"
            )
    for place, layer, before in zip(places[1:], layers[1:], layers[:-1], strict=True):
        if layer.inputs != before.outputs or layer.steps != before.steps:
            raise SpikeforgeError(
                f"module {place!r} takes {layer.inputs} inputs of {layer.steps} steps, but the "
                f"layer before gives {before.outputs} of {before.steps}; they must be equal"
            )
        if isinstance(layer, WindowedConv):
            _check_map(place, layer, before)
    return layers


def _check_map(place: str, layer: WindowedConv, before: Windowed) -> None:
    given = before.map if isinstance(before, WindowedConv) else (before.outputs, 1, 1)
    if layer.shape != given:
        raise SpikeforgeError(
            f"module {place!r} takes maps of the shape {layer.shape}, but the layer before gives "
            f"{given}; they must be equal"
        )


def _image_shape(first: Windowed | SteppedStage) -> tuple[int, int, int]:
    if isinstance(first, WindowedConv | SteppedConv | FirstSpikePool):
        return first.shape
    return (1, 28, 28) if first.inputs == 784 else (1, 1, first.inputs)


def _titles(layers: Sequence[Windowed]) -> list[str]:
    """Names of the layers: conv1, conv2, ..., hidden1, hidden2, ..., readout."""
    kinds = ["conv" if isinstance(layer, WindowedConv) else "hidden" for layer in layers[:-1]]
    numbered = [f"{kind}{kinds[: at + 1].count(kind)}" for at, kind in enumerate(kinds)]
    return [*numbered, "readout"]


def _with_flatten(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers, with maps read as vectors where a fully connected layer follows a convolution."""
    result = list(layers[:1])
    for before, layer in pairwise(layers):
        if isinstance(before, Conv2d) and isinstance(layer, Dense):
            result.append(Flatten(name="flatten", size=layer.inputs))
        result.append(layer)
    return tuple(result)


def _walk(module: nn.Module, place: str) -> Iterator[tuple[str, Windowed]]:
    if isinstance(module, Windowed):
        yield place, module
    elif isinstance(module, SpikingNet):
        for at, part in enumerate(module.chain()):
            yield from _walk(part, f"{place}.{at}".lstrip("."))
    elif isinstance(module, nn.Sequential):
        for name, part in module.named_children():
            yield from _walk(part, f"{place}.{name}".lstrip("."))
    elif not isinstance(module, _SILENT):
        raise SpikeforgeError(
            f"module {place or 'model'!r} is a {type(module).__name__}, which has no integer "
            f"counterpart; build the model from WindowedDense, WindowedConv and WindowedReadout in "
            f"an nn.Sequential"
        )


def _contract(
    title: str, layer: Windowed, numbers: IntegerLayer
) -> tuple[Dense | Conv2d, dict[str, NDArray[np.integer]]]:
    """A layer's entry in the contract, and its tensors by their names there."""
    weight, bias = numbers.weight.numpy(), numbers.bias.numpy()
    rows = weight.reshape(len(weight), -1)
    low, high = windowed_range(rows, bias, layer.weight_bits, layer.steps)
    tensors: dict[str, NDArray[np.integer]] = {
        "weight": stored_weight(numbers.weight, layer.weight_bits)
    }
    if bias.any():
        tensors["bias"] = bias
    if numbers.threshold is not None:
        tensors["threshold"] = numbers.threshold.numpy()
    top = int(tensors["threshold"].max()) if layer.fires else 0
    neuron = NeuronSpec(
        schedule=Schedule.WINDOWED,
        steps=layer.steps,
        membrane_bits=checked_width(f"{title}.membrane_bits", signed_bits(low, high), 48),
        threshold_bits=(
            checked_width(f"{title}.threshold_bits", unsigned_bits(top), 32) if top else 0
        ),
        threshold_per_neuron=layer.fires and tensors["threshold"].size > 1,
        threshold_shape=ThresholdShape.FALLING if layer.fires else ThresholdShape.CONSTANT,
        bias_bits=checked_width(
            f"{title}.bias_bits", signed_bits(int(bias.min()), int(bias.max())), 32
        ) if bias.any() else 0,
        fires=layer.fires,
    )  # fmt: skip
    return _layer(title, layer, neuron), {f"{title}.{key}": tensors[key] for key in tensors}


def _layer(title: str, layer: Windowed, neuron: NeuronSpec) -> Dense | Conv2d:
    if isinstance(layer, WindowedConv):
        return _convolution(title, layer, neuron)
    return Dense(
        name=title, weight_bits=layer.weight_bits, neuron=neuron,
        inputs=layer.inputs, outputs=layer.outputs,
    )  # fmt: skip


def _convolution(title: str, layer: WindowedConv, neuron: NeuronSpec) -> Conv2d:
    channels, height, width = layer.shape
    return Conv2d(
        name=title, weight_bits=layer.weight_bits, neuron=neuron, channels_in=channels,
        height=height, width=width, channels_out=layer.map[0], kernel=(layer.kernel,) * 2,
        stride=(layer.stride,) * 2, padding=(layer.padding,) * 2, groups=layer.groups,
    )  # fmt: skip
