"""Operations and memory accesses of all nodes but windowed dense layers, from their counts.

An addition is one of a scatter layer's sums: a row is read, ``lanes`` weights are added, and it is
written back. An update is one row of neurons: sums and state are read, state is written, sums are
cleared. Multiplications of leaks are shifts and constants, and count as additions.
"""

from __future__ import annotations

from hw.graph.geometry import JoinGeometry, PoolMapGeometry
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.update import state_bits
from hw.widths import address_bits
from sim.activity import Operation, OperationKind

__all__ = ["count_graph_node"]

Counts = dict[str, float]


def count_graph_node(
    layer: ScatterGeometry | PoolMapGeometry | JoinGeometry,
    count: Counts, reads: Counts, writes: Counts,
) -> list[Operation]:  # fmt: skip
    """Add a node's memory accesses to ``reads`` and ``writes``; returns its operations.

    Args:
        layer: The node.
        count: How often each field of its probe was high, an image.
        reads: Words read, by memory name.
        writes: Words written, by memory name.

    What its probe cannot tell apart is left out, so that no power is estimated from it.
    """
    if isinstance(layer, JoinGeometry):
        return _count_join(layer, count, reads, writes)
    if isinstance(layer, PoolMapGeometry):
        bits = 1 + address_bits(layer.width) + layer.levels.bit_length()
        return [_operation(layer.name, OperationKind.TRANSFER, bits, count["handover"])]
    assert isinstance(layer, ScatterGeometry)
    _count_content(layer, count, reads)
    _count_state(layer, count, reads, writes)
    return _scatter_operations(layer, count)


def _count_join(
    layer: JoinGeometry, count: Counts, reads: Counts, writes: Counts
) -> list[Operation]:
    fields = (("buffer_write", "buffer_read"), ("row_added", "row_read"))
    for side, (wrote, read) in enumerate(fields):
        reads[f"{layer.name}_fifo_{side}"] = count[read]
        writes[f"{layer.name}_fifo_{side}"] = count[wrote]
    bits = 1 + address_bits(layer.width) + layer.levels.bit_length()
    moved = count["buffer_read"] + count["row_read"]
    return [_operation(layer.name, OperationKind.TRANSFER, bits, moved)]


def _buffers_told_apart(layer: ScatterGeometry) -> bool:
    """One bit of the probe stands for the ring of taps, the queue of own spikes and the index."""
    return bool(layer.taps) + bool(layer.recurrent_bits) + bool(layer.skip_rows) <= 1


def _count_content(layer: ScatterGeometry, count: Counts, reads: Counts) -> None:
    clear = _buffers_told_apart(layer)
    own = count["buffer_read"] * layer.blocks if layer.recurrent_bits else 0.0
    if not layer.is_pool and (clear or not layer.recurrent_bits):
        reads[f"{layer.name}_weight"] = count["row_read"] - own
    if layer.recurrent_bits and clear:
        reads[f"{layer.name}_recurrent"] = own
    if layer.threshold_bits:
        reads[f"{layer.name}_threshold"] = count["threshold_read"]
    if layer.bias_bits:
        reads[f"{layer.name}_bias"] = count["bias_read"]
    if layer.skip_rows and clear:
        reads[f"{layer.name}_index"] = count["buffer_read"]


def _count_state(layer: ScatterGeometry, count: Counts, reads: Counts, writes: Counts) -> None:
    for name, there in (("events", layer.taps), ("own", layer.recurrent_bits)):
        if there and _buffers_told_apart(layer):
            reads[f"{layer.name}_{name}"] = count["buffer_read"]
            writes[f"{layer.name}_{name}"] = count["buffer_write"]
    rows = count["compared"]
    for bank in range(2):  # the banks take turns
        reads[f"{layer.name}_sums_{bank}"] = (count["row_added"] + rows) / 2
        writes[f"{layer.name}_sums_{bank}"] = (count["row_added"] + rows) / 2
    if state_bits(layer):  # not read in an image's first step, not written in its last
        kept = rows * (layer.steps - 1) / layer.steps
        reads[f"{layer.name}_state"] = writes[f"{layer.name}_state"] = kept


def _scatter_operations(layer: ScatterGeometry, count: Counts) -> list[Operation]:
    front, scan = f"{layer.name}.front", f"{layer.name}.scan"
    added, rows = count["row_added"], count["compared"]
    lanes = layer.lanes
    found = [
        _operation(front, OperationKind.ADD, layer.acc_bits, added * lanes),
        _operation(front, OperationKind.REGISTER, lanes * (layer.weight_bits + layer.acc_bits),
                   added),
    ]  # fmt: skip
    multiplies = layer.windowed or layer.graded == "dsp" or bool(layer.taps)
    if multiplies and not layer.is_pool:
        factor = max(layer.levels_in, max((abs(tap.gain) for tap in layer.taps), default=1))
        bits = layer.weight_bits * factor.bit_length()
        found.append(_operation(front, OperationKind.MULTIPLY, bits, added * lanes))
    if layer.neuron is None:
        return found
    state = layer.membrane_bits + (0 if layer.windowed else layer.neuron.current_bits)
    additions = 1 if layer.windowed else 4  # both leaks, the current, the membrane
    found += [
        _operation(scan, OperationKind.ADD, layer.membrane_bits, rows * lanes * additions),
        _operation(scan, OperationKind.COMPARE, layer.membrane_bits, rows * lanes),
        _operation(scan, OperationKind.REGISTER, lanes * state, rows),
    ]
    return found


def _operation(block: str, kind: OperationKind, bits: int, count: float) -> Operation:
    return Operation(block=block, kind=kind, bits=bits, count_per_image=count)
