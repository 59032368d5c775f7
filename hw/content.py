"""Content of an accelerator: weights, thresholds and biases as memory rows, hex files or bytes.

One order of sections serves the hex files of initialized memories and the load stream:
for each layer its weights, then its thresholds, then its biases. A row holds one number a lane,
lane 0 in the lowest bits, filled up with zero bits to whole bytes.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw.config import HardwareConfig
from hw.geometry import LayerGeometry, geometry
from spikeforge.network import Network

__all__ = ["Section", "architecture_id", "hex_files", "load_bytes", "rows", "sections"]

IDENTITY_BYTES = 8


@dataclass(frozen=True, kw_only=True)
class Section:
    """One memory's content.

    Attributes:
        layer: The layer it belongs to.
        tensor: ``weight``, ``threshold`` or ``bias``.
        lanes: Numbers in a row.
        bits: Width of a number.
        depth: Rows.
    """

    layer: str
    tensor: str
    lanes: int
    bits: int
    depth: int

    @property
    def name(self) -> str:
        """Name of the memory and its hex file, such as ``hidden_weight``."""
        return f"{self.layer}_{self.tensor}"

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return -(-self.lanes * self.bits // 8)


def layer_sections(layer: LayerGeometry) -> tuple[Section, ...]:
    """The memories of one layer."""
    found = [_section(layer, "weight", layer.lanes, layer.weight_bits, layer.rows)]
    if layer.fires:
        lanes, depth = (layer.lanes, layer.groups) if layer.threshold_per_neuron else (1, 1)
        found.append(_section(layer, "threshold", lanes, layer.threshold_bits, depth))
    if layer.bias_bits:
        found.append(_section(layer, "bias", layer.lanes, layer.bias_bits, layer.groups))
    return tuple(found)


def _section(layer: LayerGeometry, tensor: str, lanes: int, bits: int, depth: int) -> Section:
    return Section(layer=layer.name, tensor=tensor, lanes=lanes, bits=bits, depth=depth)


def sections(layers: tuple[LayerGeometry, ...]) -> tuple[Section, ...]:
    """All memories, in the order of the load stream."""
    return tuple(section for layer in layers for section in layer_sections(layer))


def rows(network: Network, layer: LayerGeometry, section: Section) -> NDArray[np.uint8]:
    """Content of one memory, shape (depth, row_bytes), bytes from lowest to highest bits."""
    numbers = np.asarray(network.tensors[f"{section.layer}.{section.tensor}"], np.int64)
    if section.depth > 1 or numbers.ndim == 2:  # a row for each group
        padding = layer.groups * layer.lanes - layer.width
        numbers = np.concatenate([numbers, np.zeros((padding, *numbers.shape[1:]), np.int64)])
        numbers = numbers.reshape(layer.groups, layer.lanes, -1).transpose(0, 2, 1)
    numbers = numbers.reshape(section.depth, section.lanes)
    bits = (numbers[:, :, None] >> np.arange(section.bits)) & 1
    flat = bits.reshape(section.depth, -1).astype(np.uint8)
    return np.packbits(flat, axis=1, bitorder="little")


def hex_files(network: Network, config: HardwareConfig) -> dict[str, str]:
    """Text of every memory's hex file by section name, one row a line, highest byte first."""
    files = {}
    for layer in geometry(network, config):
        for section in layer_sections(layer):
            content = rows(network, layer, section)[:, ::-1]
            files[section.name] = "".join(line.tobytes().hex() + "\n" for line in content)
    return files


def architecture_id(network: Network, config: HardwareConfig) -> bytes:
    """The first bytes of the architecture hash, by which hardware knows content made for it."""
    return bytes.fromhex(network.architecture_hash(**config.identity()))[:IDENTITY_BYTES]


def load_bytes(network: Network, config: HardwareConfig) -> bytes:
    """What the load stream takes: architecture id, all sections, CRC-32 (little-endian)."""
    parts = [architecture_id(network, config)]
    for layer in geometry(network, config):
        parts += [rows(network, layer, part).tobytes() for part in layer_sections(layer)]
    body = b"".join(parts)
    return body + zlib.crc32(body).to_bytes(4, "little")
