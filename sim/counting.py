"""From the counts of a run on the RTL to operations and memory accesses an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hw.geometry import NodeGeometry, WindowedGeometry
from hw.memories import readout_memories
from hw.probe import PROBE_FIELDS
from hw.widths import address_bits
from sim.activity import Activity, Operation, OperationKind
from sim.counting_graph import count_graph_node
from spikeforge.schema import Readout

__all__ = ["activity_of"]


def activity_of(
    layers: tuple[NodeGeometry, ...],
    counts: NDArray[np.uint64],
    images: int,
    interval_cycles: float,
    latency_cycles: float,
    readout: Readout,
) -> Activity:
    """Sum up what the probes of a run counted.

    Args:
        layers: Sizes of the nodes.
        counts: Cycles in which each kind of work was done, shape (layers, len(PROBE_FIELDS)).
        images: Images of the run.
        interval_cycles: Mean cycles between results, back to back.
        latency_cycles: Mean cycles from an image's first event to its class.
        readout: How the class is read (scatter networks; their read-out may keep rows).
    """
    reads: dict[str, float] = {}
    writes: dict[str, float] = {}
    operations: list[Operation] = []
    for layer, row in zip(layers, counts, strict=True):
        count = {
            field: float(number) / images for field, number in zip(PROBE_FIELDS, row, strict=True)
        }
        if not isinstance(layer, WindowedGeometry):
            operations += count_graph_node(layer, count, reads, writes)
            continue
        _count_memories(layer, count, reads, writes)
        operations += _integration(layer, count)
        operations += _firing(layer, count) if layer.fires else _reading_out(layer, count)
    for memory in readout_memories(layers[-1], readout):  # at most once a row
        reads[memory.name] = writes[memory.name] = count["compared"]
    return Activity(
        images=images, interval_cycles=interval_cycles, latency_cycles=latency_cycles,
        reads_per_image=reads, writes_per_image=writes, operations=tuple(operations),
    )  # fmt: skip


def _count_memories(
    layer: WindowedGeometry, count: dict[str, float], reads: dict[str, float],
    writes: dict[str, float],
) -> None:  # fmt: skip
    reads[f"{layer.name}_weight"] = count["row_read"]
    if layer.fires:
        reads[f"{layer.name}_threshold"] = count["threshold_read"]
    if layer.bias_bits:
        reads[f"{layer.name}_bias"] = count["bias_read"]
    if layer.buffer_depth:
        together = 2 if layer.event_pairs else 1  # events of a word; a last one alone is neither
        reads[f"{layer.name}_events"] = count["buffer_read"] / together
        writes[f"{layer.name}_events"] = count["buffer_write"] / together


def _integration(layer: WindowedGeometry, count: dict[str, float]) -> list[Operation]:
    block = f"{layer.name}.integrate"
    added, handed = count["row_added"], count["handover"]
    membranes = layer.lanes * layer.membrane_bits
    held_bits = layer.lanes * layer.weight_bits if layer.row_register else 0
    level_bits = layer.steps_in.bit_length()
    arriving = (count["row_read"] + count["handover"]) / layer.groups
    first = f"{layer.name}.replay" if layer.buffer_depth else block
    replayed = [
        _operation(first, OperationKind.REGISTER, layer.event_bits + 1,
                   count["row_read"] + count["handover"])
    ] if layer.buffer_depth else []  # fmt: skip
    return [
        *replayed,
        _operation(first, OperationKind.TRANSFER, layer.event_bits + 1, arriving),
        _operation(block, OperationKind.MULTIPLY, layer.weight_bits * level_bits,
                   added * layer.lanes),
        _operation(block, OperationKind.ADD, layer.membrane_bits, added * layer.lanes),
        _operation(block, OperationKind.REGISTER, membranes, added + handed),
        _operation(block, OperationKind.REGISTER, level_bits + held_bits, added),
    ]  # fmt: skip


def _firing(layer: WindowedGeometry, count: dict[str, float]) -> list[Operation]:
    block = f"{layer.name}.fire"
    steps = count["compared"]
    falling_bits = layer.threshold_bits + layer.steps.bit_length()
    falling = layer.lanes if layer.threshold_per_neuron else 1
    return [
        _operation(block, OperationKind.REGISTER, layer.lanes * layer.membrane_bits,
                   count["handover"]),
        _operation(block, OperationKind.COMPARE, max(layer.membrane_bits, falling_bits),
                   steps * layer.lanes),
        _operation(block, OperationKind.ADD, falling_bits, steps * falling),
        _operation(block, OperationKind.REGISTER, falling_bits * falling + 2 * layer.lanes, steps),
    ]  # fmt: skip


def _reading_out(layer: WindowedGeometry, count: dict[str, float]) -> list[Operation]:
    block = f"{layer.name}.readout"
    beats = count["compared"] + count["handover"] / layer.groups
    beat_bits = 1 + address_bits(layer.width) + layer.membrane_bits
    return [
        _operation(block, OperationKind.REGISTER, layer.lanes * layer.membrane_bits,
                   count["handover"]),
        _operation(block, OperationKind.COMPARE, layer.membrane_bits, count["compared"]),
        _operation(block, OperationKind.TRANSFER, beat_bits, beats),
    ]  # fmt: skip


def _operation(block: str, kind: OperationKind, bits: int, count: float) -> Operation:
    return Operation(block=block, kind=kind, bits=bits, count_per_image=count)
