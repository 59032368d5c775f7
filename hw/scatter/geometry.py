"""Sizes of one scatter layer, computed once for RTL, content and timing alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hw.config import HardwareConfig
from hw.node import Node
from hw.widths import address_bits
from spikeforge.bounds import signed_bits
from spikeforge.schema import (
    Conv2d,
    Dense,
    FirstSpikePool,
    NeuronSpec,
    Overflow,
    Schedule,
    Tap,
)
from spikeforge.shapes import Shape, output_shape

__all__ = ["ScatterGeometry", "Shape", "Source", "scatter_geometry"]


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


@dataclass(frozen=True, kw_only=True)
class ScatterGeometry(Node):
    """One scatter layer as hardware.

    Row ``r = position * block_rows + group * blocks + block`` of the sums holds ``lanes`` output
    channels of one position; a dense layer has one position. Weight row
    ``((c * KH + kh) * KW + kw) * blocks + block`` belongs to input channel c (of all groups) and
    kernel offset (kh, kw); for a dense layer ``address * blocks + block``.

    Attributes:
        dense: Fully connected: every event reaches every row.
        schedule: Windowed or stepped.
        output: The last layer of the network: feeds the read-out, not an event stream.
        in_shape: (C, H, W) of its source; its events come as ``(h * W + w) * C + c``.
        out_shape: (C, H, W) of its neurons; ``(N, 1, 1)`` for a dense layer.
        kernel: (height, width); (1, 1) for a dense layer, which has none.
        stride: (vertical, horizontal).
        padding: (vertical, horizontal), on both sides.
        groups: Channel groups; for a pool, one a channel.
        lanes: Neurons of a row, updated at a time.
        levels_in: Largest level that arrives.
        multiplicity: Most events that one address sends in a step (windowed: in an image).
        weight_bits: Width of a weight; 0 for a pool, which has none.
        recurrent_bits: Width of a recurrent weight; 0 without.
        neuron: The neuron; None for a pool.
        steps_in: Marks that arrive with an image: 1 if windowed.
        window_in: T of the source's window if windowed, else 0.
        steps: Own steps, marks that leave with an image: 1 if windowed.
        levels_out: Largest level that leaves: T if windowed, 1 if stepped.
        taps: Delays (the layer's own added) and gains; empty: one undelayed tap of gain 1.
        graded: How levels above 1 of a stepped source are weighted: ``dsp`` multiplies,
            ``bitplane`` adds once for each set bit; empty where levels are 1 or windowed.
        skip_rows: Weight rows that are stored, found by an index; 0: all are, without an index.
        acc_bits: Width of a sum.
        lanes_given: Lanes that the configuration gives it, even if a row has fewer.
        row_counts: Rows stored for each wire address, if zero rows are skipped (cycle model only).
    """

    dense: bool
    schedule: Schedule
    output: bool
    in_shape: Shape
    out_shape: Shape
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    groups: int
    lanes: int
    levels_in: int
    multiplicity: int
    weight_bits: int
    recurrent_bits: int
    neuron: NeuronSpec | None
    steps_in: int
    window_in: int
    steps: int
    levels_out: int
    taps: tuple[Tap, ...]
    graded: str
    skip_rows: int
    acc_bits: int
    lanes_given: int = 0
    row_counts: tuple[int, ...] = field(default=(), repr=False)

    @property
    def fan_in(self) -> int:
        """Input addresses."""
        channels, height, width = self.in_shape
        return channels * height * width

    @property
    def width(self) -> int:
        """Neurons."""
        return self.out_shape[0] * self.positions

    @property
    def positions(self) -> int:
        """Positions of the output map."""
        return self.out_shape[1] * self.out_shape[2]

    @property
    def channels_per_group(self) -> int:
        """Output channels of one group."""
        return self.out_shape[0] // self.groups

    @property
    def blocks(self) -> int:
        """Rows of one position and group."""
        return -(-self.channels_per_group // self.lanes)

    @property
    def block_rows(self) -> int:
        """Rows of one position; a row's parameters are those of ``row % block_rows``."""
        return self.groups * self.blocks

    @property
    def rows(self) -> int:
        """Rows of sums (and of state)."""
        return self.positions * self.block_rows

    @property
    def weight_rows(self) -> int:
        """Rows of the weight memory; 0 for a pool."""
        if self.is_pool:
            return 0
        if self.skip_rows:
            return self.skip_rows
        if self.dense:
            return self.fan_in * self.blocks
        return self.in_shape[0] * self.kernel[0] * self.kernel[1] * self.blocks

    @property
    def recurrent_rows(self) -> int:
        """Rows of the recurrent weight memory; 0 without."""
        return self.width * self.blocks if self.recurrent_bits else 0

    @property
    def ring_depth(self) -> int:
        """Events and marks that the ring of a layer with taps holds, a power of two.

        As many steps as the longest delay reaches back, and the one that comes in.
        """
        reach = min(max(tap.delay for tap in self.taps), self.steps - 1, self.steps_in - 1)
        return 1 << ((reach + 1) * (self.fan_in * self.multiplicity + 1) - 1).bit_length()

    @property
    def is_pool(self) -> bool:
        """A first-spike pool: no weights, the largest level wins."""
        return self.neuron is None

    @property
    def fires(self) -> bool:
        """Its neurons spike."""
        return self.neuron is None or self.neuron.fires

    @property
    def reads_out(self) -> bool:
        """Feeds the read-out instead of an event stream."""
        return self.output

    @property
    def summary(self) -> str:
        """What it is, in a few words."""
        rows = f"{self.width} neurons in {self.rows} rows of {self.lanes} lanes"
        return (
            f"{rows}, first-spike pool"
            if self.is_pool
            else (f"{rows}, {self.weight_rows + self.recurrent_rows} weight rows")
        )

    @property
    def emits(self) -> bool:
        """Sends events."""
        return not self.output

    @property
    def marks_out(self) -> int:
        """Marks that leave with an image."""
        return self.steps

    @property
    def windowed(self) -> bool:
        """Of the windowed schedule."""
        return self.schedule is Schedule.WINDOWED

    @property
    def threshold_bits(self) -> int:
        """Width of a threshold; 0 where nothing fires by one."""
        return self.neuron.threshold_bits if self.neuron and self.neuron.fires else 0

    @property
    def threshold_per_neuron(self) -> bool:
        """A threshold for each output channel, or one for the layer."""
        return self.neuron is not None and self.neuron.threshold_per_neuron

    @property
    def bias_bits(self) -> int:
        """Width of a bias; 0 without."""
        return self.neuron.bias_bits if self.neuron else 0

    @property
    def membrane_bits(self) -> int:
        """Width of a membrane; 0 for a pool."""
        return self.neuron.membrane_bits if self.neuron else 0

    def lanes_in_block(self, block: int) -> int:
        """Lanes of a block (0..blocks-1) that hold a neuron; the last may be partly empty."""
        return min(self.lanes, self.channels_per_group - block * self.lanes)

    def first_neuron(self, row: int) -> int:
        """Wire address of lane 0 of a row."""
        position, rest = divmod(row, self.block_rows)
        group, block = divmod(rest, self.blocks)
        channel = group * self.channels_per_group + block * self.lanes
        return position * self.out_shape[0] + channel

    @property
    def row_bits(self) -> int:
        """Width of a row number."""
        return address_bits(self.rows)


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
        "window_in": source.steps if windowed else 0,
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
