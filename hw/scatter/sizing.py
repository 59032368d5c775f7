"""From a layer and what feeds it to its sizes as a scatter layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hw.config import HardwareConfig
from hw.scatter.geometry import ScatterGeometry
from spikeforge.bounds import signed_bits
from spikeforge.schema import (
    Conv2d,
    Dense,
    FirstSpikePool,
    Overflow,
    Schedule,
    Tap,
)
from spikeforge.shapes import Shape, output_shape

__all__ = ["Source", "scatter_geometry"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a layer knows of the stream that feeds it.

    Attributes:
        shape: (C, H, W) of the map; (N, 1, 1) of a vector.
        schedule: Windowed (a mark an image) or stepped (a mark a step).
        steps: T of its window, or the steps (marks) of an image.
        levels: Largest level of an event: T if windowed, 1 for spikes, 2**bits - 1 if graded.
        multiplicity: Most events of one address in a step (stepped) or an image (windowed).
    """

    shape: Shape
    schedule: Schedule
    steps: int
    levels: int
    multiplicity: int = 1


def scatter_geometry(
    layer: Dense | Conv2d | FirstSpikePool,
    source: Source,
    config: HardwareConfig,
    *,
    output: bool = False,
    graded: str = "bitplane",
    skip_rows: int = 0,
) -> ScatterGeometry:
    """Sizes of one layer as a scatter layer.

    Args:
        layer: From a network whose shapes were checked.
        source: What feeds it.
        config: Lanes.
        output: It is the last layer of the network.
        graded: How levels above 1 of a stepped source are weighted: ``bitplane`` or ``dsp``.
        skip_rows: Weight rows stored (at least 1) if zero rows are skipped, else 0.
    """
    windowed = source.schedule is Schedule.WINDOWED
    common: dict[str, Any] = {
        "name": layer.name, "schedule": source.schedule, "output": output,
        "in_shape": source.shape, "levels_in": source.levels, "skip_rows": skip_rows,
        "multiplicity": source.multiplicity, "steps_in": 1 if windowed else source.steps,
    }  # fmt: skip
    if isinstance(layer, FirstSpikePool):
        return _pool(layer, source, common)
    neuron = layer.neuron
    shape = output_shape(layer, source.shape)
    kernel, stride, padding, groups = (1, 1), (1, 1), (0, 0), 1
    if isinstance(layer, Conv2d):
        kernel, stride, padding = layer.kernel, layer.stride, layer.padding
        groups = layer.groups
    taps = tuple(
        # Together they may be one more than the contract allows a tap alone.
        Tap.model_construct(delay=tap.delay + layer.delay, gain=tap.gain)
        for tap in neuron.taps or (Tap(delay=0, gain=1),)
    )
    recurrent = layer.recurrent.weight_bits if isinstance(layer, Dense) and layer.recurrent else 0
    return ScatterGeometry(
        **common, dense=isinstance(layer, Dense), out_shape=shape, kernel=kernel, stride=stride,
        padding=padding, groups=groups, lanes=min(config.lanes, shape[0] // groups),
        weight_bits=layer.weight_bits, recurrent_bits=recurrent, neuron=neuron,
        steps=1 if windowed else neuron.steps, levels_out=neuron.steps if windowed else 1,
        taps=() if taps == (Tap(delay=0, gain=1),) else taps,
        graded="" if windowed or source.levels == 1 else graded,
        acc_bits=_sum_bits(layer, source, taps),
    )  # fmt: skip


def _pool(layer: FirstSpikePool, source: Source, common: dict[str, Any]) -> ScatterGeometry:
    window, pace = (layer.kernel, layer.kernel), (layer.stride, layer.stride)
    stepped = source.schedule is Schedule.STEPPED
    return ScatterGeometry(
        **common, dense=False, out_shape=output_shape(layer, source.shape),
        kernel=window, stride=pace, padding=(0, 0), groups=source.shape[0], lanes=1, weight_bits=0,
        recurrent_bits=0, neuron=None, steps=source.steps if stepped else 1,
        levels_out=1 if stepped else source.levels, taps=(), graded="",
        acc_bits=source.levels.bit_length(),
    )  # fmt: skip


def _sum_bits(layer: Dense | Conv2d, source: Source, taps: tuple[Tap, ...]) -> int:
    """Width of a sum: as wide as what takes it (wrapping cancels), or never wrapping if clipped."""
    neuron = layer.neuron
    if source.schedule is Schedule.WINDOWED:
        return neuron.membrane_bits
    if neuron.overflow is Overflow.REFUSE:
        return neuron.current_bits
    if isinstance(layer, Dense):
        reach = layer.inputs
    else:
        reach = layer.channels_in // layer.groups * layer.kernel[0] * layer.kernel[1]
    gains = sum(abs(tap.gain) for tap in taps)
    most = reach * source.multiplicity * source.levels * gains << (layer.weight_bits - 1)
    if isinstance(layer, Dense) and layer.recurrent:
        most += layer.outputs << (layer.recurrent.weight_bits - 1)
    return signed_bits(-most, most)
