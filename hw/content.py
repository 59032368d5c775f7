"""Content of an accelerator: weights, thresholds and biases as memory rows, hex files or bytes.

One order of sections serves the hex files of initialized memories and the load stream:
for each layer its weights, then its thresholds, then its biases (scatter layers:
:mod:`hw.scatter.content`). A row holds one number a lane, lane 0 in the lowest bits, filled up with
zero bits to whole bytes. Rows of weights follow the addresses on the wire.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from hw.config import HardwareConfig
from hw.geometry import NodeGeometry, WindowedGeometry, geometry
from hw.scatter.content import scatter_rows, scatter_sections
from hw.scatter.geometry import ScatterGeometry
from hw.section import Section, pack_rows
from spikeforge.network import Network
from spikeforge.shapes import wire_order

__all__ = [
    "Section", "architecture_hash", "architecture_id", "hex_files", "layer_sections", "load_bytes",
    "rows", "sections",
]  # fmt: skip

IDENTITY_BYTES = 8


def layer_sections(layer: NodeGeometry) -> tuple[Section, ...]:
    """The memories of one layer."""
    if isinstance(layer, ScatterGeometry):
        return scatter_sections(layer)
    return _group_sections(layer) if isinstance(layer, WindowedGeometry) else ()


def _group_sections(layer: WindowedGeometry) -> tuple[Section, ...]:
    found = [_section(layer, "weight", layer.lanes, layer.weight_bits, layer.rows)]
    if layer.fires:
        lanes, depth = (layer.lanes, layer.groups) if layer.threshold_per_neuron else (1, 1)
        found.append(_section(layer, "threshold", lanes, layer.threshold_bits, depth))
    if layer.bias_bits:
        found.append(_section(layer, "bias", layer.lanes, layer.bias_bits, layer.groups))
    return tuple(found)


def _section(layer: WindowedGeometry, tensor: str, lanes: int, bits: int, depth: int) -> Section:
    return Section(layer=layer.name, tensor=tensor, lanes=lanes, bits=bits, depth=depth)


def sections(layers: tuple[NodeGeometry, ...]) -> tuple[Section, ...]:
    """All memories, in the order of the load stream."""
    return tuple(section for layer in layers for section in layer_sections(layer))


def rows(network: Network, layer: NodeGeometry, section: Section) -> NDArray[np.uint8]:
    """Content of one memory, shape (depth, row_bytes), bytes from lowest to highest bits."""
    if isinstance(layer, ScatterGeometry):
        return scatter_rows(network, layer, section)
    assert isinstance(layer, WindowedGeometry)  # no other node has memories with content
    numbers = np.asarray(network.tensors[f"{section.layer}.{section.tensor}"], np.int64)
    if section.tensor == "weight" and layer.in_shape is not None:
        numbers = numbers[:, wire_order(layer.in_shape)]
    if section.depth > 1 or numbers.ndim == 2:  # a row for each group
        padding = layer.groups * layer.lanes - layer.width
        numbers = np.concatenate([numbers, np.zeros((padding, *numbers.shape[1:]), np.int64)])
        numbers = numbers.reshape(layer.groups, layer.lanes, -1).transpose(0, 2, 1)
    return pack_rows(numbers.reshape(section.depth, section.lanes), section.bits)


def hex_files(network: Network, config: HardwareConfig) -> dict[str, str]:
    """Text of every memory's hex file by section name, one row a line, highest byte first."""
    files = {}
    for layer in geometry(network, config):
        for section in layer_sections(layer):
            content = rows(network, layer, section)[:, ::-1]
            files[section.name] = "".join(line.tobytes().hex() + "\n" for line in content)
    return files


def architecture_hash(network: Network, config: HardwareConfig) -> str:
    """SHA-256 (hex) of all that is baked into the RTL of a network."""
    stored = {
        layer.name: layer.skip_rows
        for layer in geometry(network, config)
        if isinstance(layer, ScatterGeometry) and layer.skip_rows
    }
    return network.architecture_hash(**config.identity(), **({"rows": stored} if stored else {}))


def architecture_id(network: Network, config: HardwareConfig) -> bytes:
    """The first bytes of the architecture hash, by which hardware knows content made for it."""
    return bytes.fromhex(architecture_hash(network, config))[:IDENTITY_BYTES]


def load_bytes(network: Network, config: HardwareConfig) -> bytes:
    """What the load stream takes: architecture id, all sections, CRC-32 (little-endian)."""
    parts = [architecture_id(network, config)]
    for layer in geometry(network, config):
        parts += [rows(network, layer, part).tobytes() for part in layer_sections(layer)]
    body = b"".join(parts)
    return body + zlib.crc32(body).to_bytes(4, "little")
