"""Content of a scatter layer's memories, in the order of its rows and wire addresses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hw.scatter.geometry import ScatterGeometry
from hw.section import Section, pack_rows
from hw.widths import address_bits
from spikeforge.network import Network
from spikeforge.shapes import wire_order

__all__ = ["base_bits", "scatter_rows", "scatter_sections"]

Ints = NDArray[np.int64]


def base_bits(geometry: ScatterGeometry) -> int:
    """Width of a row number in the index of a layer that skips zero rows."""
    return address_bits(geometry.skip_rows)


def scatter_sections(geometry: ScatterGeometry) -> tuple[Section, ...]:
    """The memories of one layer: weights, recurrent weights, thresholds, biases, index."""
    g = geometry
    made = []

    def add(tensor: str, lanes: int, bits: int, depth: int) -> None:
        made.append(Section(layer=g.name, tensor=tensor, lanes=lanes, bits=bits, depth=depth))

    if not g.is_pool:
        add("weight", g.lanes, g.weight_bits, g.weight_rows)
    if g.recurrent_bits:
        add("recurrent", g.lanes, g.recurrent_bits, g.recurrent_rows)
    if g.threshold_bits:
        lanes, depth = (g.lanes, g.block_rows) if g.threshold_per_neuron else (1, 1)
        add("threshold", lanes, g.threshold_bits, depth)
    if g.bias_bits:
        add("bias", g.lanes, g.bias_bits, g.block_rows)
    if g.skip_rows:
        add("index", 1, g.blocks + base_bits(g), g.fan_in)
    return tuple(made)


def scatter_rows(
    network: Network, geometry: ScatterGeometry, section: Section
) -> NDArray[np.uint8]:
    """Content of one memory, shape (depth, row_bytes), bytes from lowest to highest bits."""
    name = "weight" if section.tensor == "index" else section.tensor
    numbers = np.asarray(network.tensors[f"{geometry.name}.{name}"], np.int64)
    if section.tensor in ("weight", "index"):
        rows = _dense_rows(geometry, numbers) if geometry.dense else _conv_rows(geometry, numbers)
        if geometry.skip_rows:
            stored, index = _skipping(geometry, rows)
            rows = index if section.tensor == "index" else stored
    elif section.tensor == "recurrent":
        rows = _blocks(geometry, numbers.T[:, None, :])
    elif section.depth == 1 and section.lanes == 1:
        rows = numbers.reshape(1, 1)
    else:
        rows = _blocks(geometry, numbers.reshape(geometry.groups, -1))
    return pack_rows(rows.reshape(section.depth, section.lanes), section.bits)


def _blocks(geometry: ScatterGeometry, numbers: Ints) -> Ints:
    """Splits the last axis, one group's output channels, into blocks of lanes, filled with 0."""
    missing = geometry.blocks * geometry.lanes - geometry.channels_per_group
    filled = np.pad(numbers, [(0, 0)] * (numbers.ndim - 1) + [(0, missing)])
    return filled.reshape(*numbers.shape[:-1], geometry.blocks, geometry.lanes)


def _dense_rows(geometry: ScatterGeometry, weight: Ints) -> Ints:
    """Rows (fan_in * blocks, lanes) of a matrix (outputs, inputs), inputs in wire order."""
    on_wire = weight[:, wire_order(geometry.in_shape)]
    return _blocks(geometry, on_wire.T).reshape(-1, geometry.lanes)


def _conv_rows(geometry: ScatterGeometry, weight: Ints) -> Ints:
    """Rows (C * KH * KW * blocks, lanes) of a tensor (O, C / groups, KH, KW)."""
    grouped = weight.reshape(geometry.groups, -1, *weight.shape[1:])
    blocks = _blocks(geometry, grouped.transpose(0, 2, 3, 4, 1))
    return blocks.reshape(-1, geometry.lanes)


def _skipping(geometry: ScatterGeometry, rows: Ints) -> tuple[Ints, Ints]:
    """Rows that are not all zero, and for every address which they are and where they begin.

    An index word holds a bit for each block, set if its row is stored, and above them the number
    of the first one stored; the others follow it.
    """
    kept = rows.any(axis=1)
    stored = rows[kept] if kept.any() else np.zeros_like(rows[:1])
    assert len(stored) == geometry.skip_rows, "the geometry counts the same rows"
    per_address = kept.reshape(geometry.fan_in, geometry.blocks)
    masks = per_address.astype(np.int64) @ (1 << np.arange(geometry.blocks, dtype=np.int64))
    counts = per_address.sum(axis=1)
    # An address without rows points anywhere; 0 always fits.
    bases = np.where(counts > 0, np.cumsum(counts) - counts, 0)
    return stored, masks | bases << geometry.blocks
