"""Checks of a whole network: shapes chain, numbers fit their widths, membranes cannot overflow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from spikeforge.bounds import signed_bits, signed_range, windowed_range
from spikeforge.errors import SpikeforgeError
from spikeforge.schema import (
    AvgPool,
    Conv2d,
    Dense,
    FirstSpikePool,
    InputCoding,
    Layer,
    Overflow,
    Residual,
    Schedule,
)

if TYPE_CHECKING:
    from spikeforge.network import Network

__all__ = ["check_network", "output_size", "weight_shape"]


MAX_NAME = 64
MAX_LAYERS = 256


def check_network(network: Network) -> None:
    """Refuse a network whose parts do not fit together.

    Raises:
        SpikeforgeError: Names the field, its value and what is allowed.
    """
    if not 1 <= len(network.layers) <= MAX_LAYERS:
        raise SpikeforgeError(
            f"layers must hold 1 to {MAX_LAYERS} layers, not {len(network.layers)}"
        )
    _check_names(network)
    sizes = {"input": network.input.size}
    windows = {"input": network.input.steps}
    before = "input"
    for layer in network.layers:
        for source in _sources(layer, before):
            if source not in sizes:
                raise SpikeforgeError(
                    f"{layer.name}.source must be an earlier layer ({', '.join(sizes)}), "
                    f"not {source!r}"
                )
            if sizes[source] != _input_size(layer):
                raise SpikeforgeError(
                    f"{layer.name} takes {_input_size(layer)} inputs, but {source} gives "
                    f"{sizes[source]}: the shapes must chain"
                )
        source = _sources(layer, before)[0]
        if isinstance(layer, Dense | Conv2d):
            _check_numbers(network, layer)
            _check_range(network, layer, windows[source])
            windows[layer.name] = layer.neuron.steps
        else:
            windows[layer.name] = windows[source]
        sizes[layer.name] = output_size(layer)
        before = layer.name
    _check_readout(network, sizes[before])
    _check_no_strays(network)
    _check_scales(network)


def _check_names(network: Network) -> None:
    if not (1 <= len(network.name) <= MAX_NAME and network.name.isprintable()):
        raise SpikeforgeError(
            f"name must be 1 to {MAX_NAME} printable characters, not {network.name[:80]!r}"
        )
    names = [layer.name for layer in network.layers]
    twice = sorted({n for n in names if names.count(n) > 1 or n == "input"})
    if twice:
        raise SpikeforgeError(f"layers.name must be unique and not 'input', not {twice[0]!r}")
    if network.input.coding is InputCoding.GRADED and not network.input.bits:
        raise SpikeforgeError("input.bits must be in 1..8 for graded input, not 0")


def _sources(layer: Layer, before: str) -> tuple[str, ...]:
    if isinstance(layer, Residual):
        return layer.sources
    return (layer.source or before,)


def _input_size(layer: Layer) -> int:
    if isinstance(layer, Dense):
        return layer.inputs
    if isinstance(layer, Conv2d):
        return layer.channels_in * layer.height * layer.width
    if isinstance(layer, AvgPool | FirstSpikePool):
        return layer.channels * layer.height * layer.width
    return layer.size


def output_size(layer: Layer) -> int:
    """Number of neurons (addresses) that a layer gives to the next one."""
    if isinstance(layer, Dense):
        return layer.outputs
    if isinstance(layer, Conv2d):
        rows, columns = (
            (extent + 2 * pad - kernel) // stride + 1
            for extent, pad, kernel, stride in zip(
                (layer.height, layer.width), layer.padding, layer.kernel, layer.stride, strict=True
            )
        )
        if rows < 1 or columns < 1:
            raise SpikeforgeError(
                f"{layer.name}.kernel must fit into the padded {layer.height} x {layer.width} map, "
                f"not {layer.kernel}"
            )
        return layer.channels_out * rows * columns
    if isinstance(layer, AvgPool | FirstSpikePool):
        rows = (layer.height - layer.kernel) // layer.stride + 1
        columns = (layer.width - layer.kernel) // layer.stride + 1
        return layer.channels * max(rows, 0) * max(columns, 0)
    return layer.size


def weight_shape(layer: Dense | Conv2d) -> tuple[int, ...]:
    """Shape that a layer's weight tensor must have."""
    if isinstance(layer, Dense):
        return (layer.outputs, layer.inputs)
    if layer.channels_in % layer.groups or layer.channels_out % layer.groups:
        raise SpikeforgeError(
            f"{layer.name}.groups must divide {layer.channels_in} and {layer.channels_out} "
            f"channels, not {layer.groups}"
        )
    return (layer.channels_out, layer.channels_in // layer.groups, *layer.kernel)


def _check_numbers(network: Network, layer: Dense | Conv2d) -> None:
    neurons = layer.outputs if isinstance(layer, Dense) else layer.channels_out
    neuron = layer.neuron
    low, high = (-1, 0) if layer.weight_bits == 1 else signed_range(layer.weight_bits)
    _check_tensor(network, f"{layer.name}.weight", weight_shape(layer), low, high)
    if isinstance(layer, Dense) and layer.recurrent is not None:
        bits = layer.recurrent.weight_bits
        low, high = (-1, 0) if bits == 1 else signed_range(bits)
        square = (layer.outputs, layer.outputs)
        _check_tensor(network, f"{layer.name}.recurrent", square, low, high)
    if neuron.fires:
        shape: tuple[int, ...] = (neurons,) if neuron.threshold_per_neuron else (1,)
        top = (1 << neuron.threshold_bits) - 1
        _check_tensor(network, f"{layer.name}.threshold", shape, 1, top)
    if neuron.bias_bits:
        low, high = signed_range(neuron.bias_bits)
        _check_tensor(network, f"{layer.name}.bias", (neurons,), low, high)


def _check_tensor(network: Network, key: str, shape: tuple[int, ...], low: int, high: int) -> None:
    array = network.tensors.get(key)
    if array is None:
        raise SpikeforgeError(f"{key} is missing from the network's tensors")
    if not np.issubdtype(array.dtype, np.integer):
        raise SpikeforgeError(f"{key} must hold integers, not {array.dtype}")
    if array.shape != shape:
        raise SpikeforgeError(f"{key} must have the shape {shape}, not {array.shape}")
    if array.size and (int(array.min()) < low or int(array.max()) > high):
        bad = int(array.min()) if int(array.min()) < low else int(array.max())
        raise SpikeforgeError(f"{key} must lie in {low}..{high} for its bit width, not {bad}")


def _check_range(network: Network, layer: Dense | Conv2d, steps_in: int) -> None:
    """Prove that the membrane cannot leave its width (windowed dense layers, so far)."""
    neuron = layer.neuron
    if neuron.overflow is not Overflow.REFUSE or neuron.schedule is not Schedule.WINDOWED:
        return
    weight = network.weight(layer.name).reshape(weight_shape(layer)[0], -1)
    low, high = windowed_range(weight, network.bias(layer.name), layer.weight_bits, steps_in)
    needed = signed_bits(low, high)
    if needed > neuron.membrane_bits:
        raise SpikeforgeError(
            f"{layer.name}.neuron.membrane_bits must be at least {needed}, for membranes from "
            f"{low} to {high} in the worst case, not {neuron.membrane_bits}"
        )


def _check_readout(network: Network, outputs: int) -> None:
    wanted = network.readout.classes * network.readout.votes
    if outputs != wanted:
        raise SpikeforgeError(
            f"readout needs classes * votes = {wanted} output neurons, but the last layer has "
            f"{outputs}"
        )


def _check_no_strays(network: Network) -> None:
    known = set()
    for layer in network.layers:
        if not isinstance(layer, Dense | Conv2d):
            continue
        known.add(f"{layer.name}.weight")
        if isinstance(layer, Dense) and layer.recurrent is not None:
            known.add(f"{layer.name}.recurrent")
        if layer.neuron.fires:
            known.add(f"{layer.name}.threshold")
        if layer.neuron.bias_bits:
            known.add(f"{layer.name}.bias")
    strays = sorted(set(network.tensors) - known)
    if strays:
        raise SpikeforgeError(f"tensor {strays[0]!r} belongs to no layer of the network")


def _check_scales(network: Network) -> None:
    names = [layer.name for layer in network.layers]
    for name, scale in network.metadata.scales.items():
        if name not in names:
            raise SpikeforgeError(
                f"metadata.scales must name layers ({', '.join(names)}), not {name!r}"
            )
        if not 0 < scale < math.inf:
            raise SpikeforgeError(
                f"metadata.scales.{name} must be a finite number above 0, not {scale}"
            )
