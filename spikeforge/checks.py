"""Checks of a whole network: shapes chain, numbers fit their widths, membranes cannot overflow."""

from __future__ import annotations

import math
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from spikeforge.bounds import layer_ranges, signed_bits, signed_range
from spikeforge.errors import SpikeforgeError
from spikeforge.rules import check_rules
from spikeforge.schema import Conv2d, Dense, InputCoding, Layer, Overflow, Schedule
from spikeforge.shapes import (
    Shape,
    input_shape,
    input_size,
    layer_sources,
    output_shape,
    output_size,
    source_names,
    weight_shape,
)
from spikeforge.traffic import source_traffic

if TYPE_CHECKING:
    from spikeforge.network import Network

__all__ = ["check_network", "output_size", "weight_shape"]


MAX_NAME = 64
MAX_LAYERS = 256
MAX_WIDTH = 48


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
    shapes = _check_chain(network)
    for layer in network.layers:
        if isinstance(layer, Dense | Conv2d):
            _check_numbers(network, layer)
    last = network.layers[-1].name
    _check_readout(network, prod(shapes[last]))
    check_rules(network, shapes)
    _check_ranges(network)
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


def _check_chain(network: Network) -> dict[str, Shape]:
    """Every layer takes what earlier ones give; returns the (C, H, W) of all of them."""
    shapes: dict[str, Shape] = {"input": network.input.shape}
    before = "input"
    for layer in network.layers:
        sources = layer_sources(layer, before)
        for source in sources:
            _check_source(layer, source, shapes)
        shapes[layer.name] = output_shape(layer, shapes[sources[0]])
        before = layer.name
    return shapes


def _check_source(layer: Layer, source: str, shapes: dict[str, Shape]) -> None:
    if source not in shapes:
        raise SpikeforgeError(
            f"{layer.name}.source must be an earlier layer ({', '.join(shapes)}), not {source!r}"
        )
    given = shapes[source]
    if prod(given) != input_size(layer):
        raise SpikeforgeError(
            f"{layer.name} takes {input_size(layer)} inputs, but {source} gives {prod(given)}: "
            f"the shapes must chain"
        )
    wanted = input_shape(layer)
    if wanted is not None and wanted != given:
        raise SpikeforgeError(
            f"{layer.name} takes maps of (channels, height, width) {wanted}, but {source} gives "
            f"{given}: the shapes must chain"
        )


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


def _check_ranges(network: Network) -> None:
    """Prove that no state can leave its width, for any input."""
    sources, traffic = source_names(network), source_traffic(network)
    for layer in network.layers:
        if not isinstance(layer, Dense | Conv2d) or layer.neuron.overflow is Overflow.CLIP:
            continue
        ranges = layer_ranges(layer, network.tensors, traffic[sources[layer.name][0]])
        if layer.neuron.schedule is Schedule.STEPPED:
            current = layer.neuron.current_bits
            _check_width(f"{layer.name}.neuron.current_bits", "currents", ranges.current, current)
        membrane = layer.neuron.membrane_bits
        _check_width(f"{layer.name}.neuron.membrane_bits", "membranes", ranges.membrane, membrane)


def _check_width(field: str, states: str, ends: tuple[int, int], bits: int) -> None:
    needed = signed_bits(*ends)
    if needed > MAX_WIDTH:
        raise SpikeforgeError(
            f"{field} is at most {MAX_WIDTH}, but {states} may leave {ends[0]}..{ends[1]} in the "
            f"worst case; choose overflow clip, leaks or fewer steps"
        )
    if needed > bits:
        raise SpikeforgeError(
            f"{field} must be at least {needed}, for {states} from {ends[0]} to {ends[1]} in the "
            f"worst case, not {bits}"
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
