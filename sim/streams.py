"""What goes over every stream between layers: items in order, derived from the reference's trace.

Addresses are wire addresses (:func:`spikeforge.shapes.wire_order`). Within a step (windowed: within
an image) events ascend, with three exceptions: a windowed dense layer that fires group by group
sends by group, then step T - k, then address; average pooling sends, for each arriving event, its
pooled addresses ascending; residual ADD sends all of its first source, then all of its second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.reference import LayerTrace, Trace, event_order, stepped_input
from spikeforge.network import AvgPool, Conv2d, Dense, FirstSpikePool, Flatten, Network, Residual
from spikeforge.schema import Layer, ResidualKind, Schedule
from spikeforge.shapes import map_shapes, output_shape, source_names, wire_order
from spikeforge.traffic import network_schedule, source_traffic

__all__ = ["Stream", "Streams"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The events of one image on one stream, in order; marks follow from their steps.

    Attributes:
        steps: Marks an image: 1 if windowed, else the sender's steps.
        step: Step of every event (0 if windowed), never falling, shape (events,).
        address: Wire address of every event, shape (events,).
        level: Level of every event, shape (events,).
    """

    steps: int
    step: Ints
    address: Ints
    level: Ints

    def items(self) -> Iterator[tuple[bool, int, int]]:
        """(mark, address, level) of every item: events, and a mark after each step."""
        ends = np.searchsorted(self.step, np.arange(self.steps), side="right").tolist()
        addresses, levels = self.address.tolist(), self.level.tolist()
        begin = 0
        for end in ends:
            for at in range(begin, end):
                yield False, addresses[at], levels[at]
            yield True, 0, 0
            begin = end

    def of_step(self, step: int) -> tuple[Ints, Ints]:
        """Addresses and levels of one step's events, in order."""
        begin, end = np.searchsorted(self.step, [step, step + 1])
        return self.address[begin:end], self.level[begin:end]


class Streams:
    """The streams of a network.

    Args:
        network: The network.
        lanes: Neurons of a group, by name, of the windowed dense layers that fire group by group;
            all others send ascending addresses.
    """

    def __init__(self, network: Network, lanes: Mapping[str, int]):
        self._network = network
        self._lanes = lanes
        self._sources = source_names(network)
        self._windowed = network_schedule(network) is Schedule.WINDOWED
        shapes = map_shapes(network)
        self._wire = {name: wire_order(shape) for name, shape in shapes.items()}
        self._pooled = {
            layer.name: _PooledAddresses(layer)
            for layer in network.layers
            if isinstance(layer, AvgPool)
        }
        traffic = source_traffic(network)
        self._steps = {name: 1 if self._windowed else one.steps for name, one in traffic.items()}

    def of(self, trace: Trace, image: int) -> dict[str, Stream]:
        """Streams of one image: of the input (``input``) and every layer that sends, by name."""
        found = {"input": self._input(trace, image)}
        for layer, part in zip(self._network.layers[:-1], trace.layers, strict=False):
            before = [found[name] for name in self._sources[layer.name]]
            found[layer.name] = self._layer(layer, part, image, before)
        return found

    def _input(self, trace: Trace, image: int) -> Stream:
        values = trace.inputs[image : image + 1]
        if not self._windowed:
            values = stepped_input(self._network.input, values)[0]
        return self._ascending("input", values)

    def _layer(self, layer: Layer, part: LayerTrace, image: int, before: list[Stream]) -> Stream:
        if isinstance(layer, Flatten):
            return before[0]
        if isinstance(layer, AvgPool):
            return self._pooled[layer.name](before[0])
        if isinstance(layer, Residual) and layer.function is ResidualKind.ADD:
            return _one_after_the_other(*before)
        if self._windowed:
            assert part.levels is not None  # only the last layer may just integrate (rules.py)
            assert isinstance(layer, Dense | Conv2d | FirstSpikePool)
            if layer.name in self._lanes:
                return self._by_group(layer, part.levels[image])
            return self._ascending(layer.name, part.levels[image : image + 1])
        assert part.spikes is not None
        return self._ascending(layer.name, part.spikes[image])

    def _ascending(self, name: str, values: NDArray[np.integer]) -> Stream:
        """Events of (steps, neurons) values in contract order."""
        on_wire = values[:, self._wire[name]]
        step, address = np.nonzero(on_wire)
        level = on_wire[step, address].astype(np.int64)
        return Stream(steps=self._steps[name], step=step, address=address, level=level)

    def _by_group(self, layer: Layer, levels: NDArray[np.integer]) -> Stream:
        assert isinstance(layer, Dense)  # convolutions fire position by position
        address = event_order(levels, self._lanes[layer.name], layer.neuron.steps)
        level = levels[address].astype(np.int64)
        return Stream(steps=1, step=np.zeros_like(address), address=address, level=level)


class _PooledAddresses:
    """For each wire address of an average pool's source, its pooled wire addresses, ascending."""

    def __init__(self, layer: AvgPool):
        channels, rows, columns = output_shape(layer, (0, 0, 0))
        position = np.arange(rows * columns)
        down, right = np.divmod(np.arange(layer.kernel**2), layer.kernel)
        row = (position // columns * layer.stride)[:, None] + down
        column = (position % columns * layer.stride)[:, None] + right
        channel = np.arange(channels)
        source = (row * layer.width + column)[..., None] * channels + channel
        target = np.broadcast_to((position * channels)[:, None, None] + channel, source.shape)
        order = np.lexsort((target.ravel(), source.ravel()))
        self._targets = target.ravel()[order]
        size = channels * layer.height * layer.width
        self._begins = np.searchsorted(source.ravel()[order], np.arange(size + 1))

    def __call__(self, stream: Stream) -> Stream:
        counts = self._begins[stream.address + 1] - self._begins[stream.address]
        skipped = np.repeat(np.cumsum(counts) - counts, counts)
        within = np.arange(len(skipped)) - skipped
        return Stream(
            steps=stream.steps, step=np.repeat(stream.step, counts),
            address=self._targets[np.repeat(self._begins[stream.address], counts) + within],
            level=np.repeat(stream.level, counts),
        )  # fmt: skip


def _one_after_the_other(one: Stream, other: Stream) -> Stream:
    """Residual ADD: in each step all of the first source, then all of the second."""
    step = np.concatenate([one.step, other.step])
    order = np.argsort(step, kind="stable")
    address = np.concatenate([one.address, other.address])[order]
    level = np.concatenate([one.level, other.level])[order]
    return Stream(steps=one.steps, step=step[order], address=address, level=level)
