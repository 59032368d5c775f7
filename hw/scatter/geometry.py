"""Sizes of one scatter layer, computed once for RTL, content and timing alike."""

from __future__ import annotations

from dataclasses import dataclass, field

from hw.node import Node
from hw.widths import address_bits
from spikeforge.schema import (
    NeuronSpec,
    Schedule,
    Tap,
)
from spikeforge.shapes import Shape

__all__ = ["ScatterGeometry"]


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
