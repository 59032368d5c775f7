"""From a trained torch model to the integer network of the contract."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import nn

from spikeforge import __version__
from spikeforge.bounds import signed_bits, unsigned_bits, windowed_range
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Metadata, Network
from spikeforge.schema import (
    Dense,
    InputCoding,
    InputSpec,
    NeuronSpec,
    Readout,
    ReadoutKind,
    Schedule,
    ThresholdShape,
)
from train.model import SpikingNet
from train.windowed import IntegerLayer, WindowedDense, WindowedReadout

__all__ = ["Windowed", "export", "integer_layers"]

Windowed = WindowedDense | WindowedReadout
_SILENT = (nn.Dropout, nn.Identity, nn.Flatten)  # what changes nothing in evaluation


def export(
    model: nn.Module,
    *,
    name: str = "network",
    input_shape: tuple[int, int, int] | None = None,
    input_threshold: int = 0,
    metadata: Metadata | None = None,
) -> Network:
    """Turn a model of windowed layers into a validated integer network.

    Widths of membranes, thresholds and biases are the narrowest ones that are proven to hold.

    Args:
        model: A trained network of this package, or any (nested) ``nn.Sequential`` of
            ``WindowedDense`` layers that ends in a ``WindowedReadout``; dropout, flatten and
            identity modules are passed over.
        name: Name of the network.
        input_shape: (C, H, W) of the images; by default (1, 28, 28) for 784 inputs, else
            (1, 1, inputs).
        input_threshold: Pixels below it are silent.
        metadata: Origin and accuracy; the scales are filled in here.

    Raises:
        SpikeforgeError: If the model holds another kind of module, has a scale of zero or numbers
            that are not finite, or does not hold together as a network.
    """
    layers = integer_layers(model)
    first = layers[0]
    shape = input_shape or ((1, 28, 28) if first.inputs == 784 else (1, 1, first.inputs))
    titles = [*(f"hidden{at}" for at in range(1, len(layers))), "readout"]
    numbers = {title: _checked(title, layer) for title, layer in zip(titles, layers, strict=True)}
    parts = [_contract(t, layer, numbers[t]) for t, layer in zip(titles, layers, strict=True)]
    origin = metadata or Metadata()
    return Network(
        name=name,
        input=InputSpec(
            coding=InputCoding.TTFS_LEVELS, shape=shape, steps=first.steps,
            threshold=input_threshold,
        ),
        layers=tuple(spec for spec, _ in parts),
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
        if not isinstance(layer, WindowedDense):
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
    return layers


def _walk(module: nn.Module, place: str) -> Iterator[tuple[str, Windowed]]:
    if isinstance(module, WindowedDense | WindowedReadout):
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
            f"counterpart; build the model from WindowedDense and WindowedReadout in an "
            f"nn.Sequential"
        )


def _checked(title: str, layer: Windowed) -> IntegerLayer:
    """The integers of a layer, unless its real numbers could not give any."""
    for name, parameter in layer.named_parameters():
        if not bool(parameter.isfinite().all()):
            raise SpikeforgeError(
                f"{title}.{name} must hold finite numbers only; train again with a smaller "
                f"learning rate"
            )
    step = float(layer.step.detach())
    if not (math.isfinite(step) and step > 0):
        raise SpikeforgeError(
            f"{title}.step must be a finite number above 0, not {step}; train again with a smaller "
            f"learning rate"
        )
    return layer.integers()


def _contract(
    title: str, layer: Windowed, numbers: IntegerLayer
) -> tuple[Dense, dict[str, NDArray[np.integer]]]:
    """A layer's entry in the contract, and its tensors by their names there."""
    weight, bias = numbers.weight.numpy(), numbers.bias.numpy()
    low, high = windowed_range(weight, bias, layer.weight_bits, layer.steps)
    tensors: dict[str, NDArray[np.integer]] = {"weight": weight.astype(np.int8)}
    if bias.any():
        tensors["bias"] = bias
    if numbers.threshold is not None:
        tensors["threshold"] = numbers.threshold.numpy()
    top = int(tensors["threshold"].max()) if layer.fires else 0
    neuron = NeuronSpec(
        schedule=Schedule.WINDOWED,
        steps=layer.steps,
        membrane_bits=_width(f"{title}.membrane_bits", signed_bits(low, high), 48),
        threshold_bits=_width(f"{title}.threshold_bits", unsigned_bits(top), 32) if top else 0,
        threshold_per_neuron=layer.fires and tensors["threshold"].size > 1,
        threshold_shape=ThresholdShape.FALLING if layer.fires else ThresholdShape.CONSTANT,
        bias_bits=_width(
            f"{title}.bias_bits", signed_bits(int(bias.min()), int(bias.max())), 32
        ) if bias.any() else 0,
        fires=layer.fires,
    )  # fmt: skip
    dense = Dense(
        name=title, weight_bits=layer.weight_bits, neuron=neuron,
        inputs=layer.inputs, outputs=layer.outputs,
    )  # fmt: skip
    return dense, {f"{title}.{key}": value for key, value in tensors.items()}


def _width(field: str, bits: int, most: int) -> int:
    if bits > most:
        raise SpikeforgeError(
            f"{field} must be at most {most}, not {bits}; train again with a smaller learning rate"
        )
    return bits
