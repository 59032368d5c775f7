"""The timing of a whole accelerator: the parts of all nodes, joined as the hardware joins them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hw.geometry import NodeGeometry, WindowedGeometry
from hw.graph.geometry import JoinGeometry, PoolMapGeometry
from hw.graph.links import links
from hw.node import INPUT
from sim.reference import LayerTrace, Trace, stepped_input
from sim.timing.graph import ForkTiming, JoinSide, JoinTiming, PoolMapTiming
from sim.timing.readout import StepReadoutTiming
from sim.timing.result import ResultTiming
from sim.timing.scan import Receiver
from sim.timing.scatter import ScatterTiming
from sim.timing.windowed import FireTiming, ReadoutTiming, WindowedTiming, windowed_timing
from spikeforge.shapes import wire_order

__all__ = ["NetworkTiming"]

# Longer than any pipeline of the accelerator.
_DRAIN_CYCLES = 64

Events = list[tuple[int, int]]  # (wire address, level) of a step's (windowed: image's) events


class NetworkTiming:
    """All parts, from the input stream to the result.

    Args:
        layers: Sizes of the nodes.
        trace: What the network does with the images.
        beats: The register of the result stream; without it, results are taken at once.
    """

    def __init__(
        self, layers: Sequence[NodeGeometry], trace: Trace, beats: ResultTiming | None = None
    ):
        self._beats = beats or ResultTiming()
        self._layers = layers
        self._trace = trace
        self._links = links(layers)
        self._parts: dict[str, WindowedTiming | ScatterTiming] = {}
        self._readers: dict[tuple[str, int], Receiver] = {}
        self.readout: ReadoutTiming | StepReadoutTiming
        for layer in reversed(layers):
            self._join(layer)
        self.entry = self._after(INPUT)
        self._windowed = trace.layers[-1].spikes is None
        traces = {part.name: part for part in trace.layers}
        self._loaded = [
            (self._parts[layer.name], traces[layer.name], wire_order(layer.out_shape))
            for layer in layers
            if layer.name in self._parts
        ]
        self._input_wire = wire_order(trace.spec.shape)

    def _after(self, name: str) -> Receiver:
        """What takes a node's events."""
        readers = [
            self._readers[link.reader, link.side] for link in self._links if link.source == name
        ]
        return readers[0] if len(readers) == 1 else ForkTiming(readers)

    def _join(self, layer: NodeGeometry) -> None:
        """Make a node's part; all that read it are there already."""
        name = layer.name
        if isinstance(layer, JoinGeometry):
            join = JoinTiming(layer, self._after(name))
            self._readers[name, 0], self._readers[name, 1] = JoinSide(join, 0), JoinSide(join, 1)
        elif isinstance(layer, PoolMapGeometry):
            self._readers[name, 0] = PoolMapTiming(layer, self._after(name))
        elif isinstance(layer, WindowedGeometry):
            part = windowed_timing(layer, self._after(name) if layer.emits else self._beats)
            self._readers[name, 0] = self._parts[name] = part
            if isinstance(part.consumer, ReadoutTiming):
                self.readout = part.consumer
        else:
            after: Receiver | StepReadoutTiming
            if layer.output:
                after = self.readout = StepReadoutTiming(layer, self._trace.readout, self._beats)
            else:
                after = self._after(name)
            scatter = ScatterTiming(layer, after, layer.row_counts or None)
            self._readers[name, 0] = self._parts[name] = scatter

    def load(self, image: int) -> list[Events]:
        """Tell all parts what they do with an image; returns the input's events, step by step."""
        for part, trace, wire in self._loaded:
            if isinstance(part, ScatterTiming):
                part.load(_steps(trace, image, wire))
            elif isinstance(part.consumer, FireTiming):
                assert trace.levels is not None
                part.consumer.load(trace.levels[image])
        if isinstance(self.readout, StepReadoutTiming):
            self.readout.load(self._deciding_step(image))
        inputs = self._trace.inputs[image : image + 1]
        if not self._windowed:
            inputs = stepped_input(self._trace.spec, inputs)[0]
        return _events(inputs[:, self._input_wire])

    @property
    def result(self) -> int:
        """Cycle in which the class of the image offered last is taken."""
        return self.readout.result

    @property
    def through(self) -> int:
        """Cycle from which on nothing is left of the image offered last."""
        if isinstance(self.readout, StepReadoutTiming) and not self._windowed:
            return max(self.result, self.readout.through) + _DRAIN_CYCLES
        return self.result

    def _deciding_step(self, image: int) -> int:
        decided = int(self._trace.decided_step[image])
        return self._layers[-1].marks_out - 1 if decided < 0 else decided


def _steps(trace: LayerTrace, image: int, wire: NDArray[np.int64]) -> list[Events]:
    """What a scatter layer sends with an image, step by step, ascending."""
    if trace.spikes is not None:
        return _events(trace.spikes[image][:, wire])
    if trace.levels is not None:
        return _events(trace.levels[image : image + 1][:, wire])
    return [[]]  # a layer that is read out


def _events(values: NDArray[np.integer]) -> list[Events]:
    """Events of (steps, addresses) values."""
    found: list[Events] = [[] for _ in values]
    steps, addresses = np.nonzero(values)
    levels = values[steps, addresses]
    events = zip(addresses.tolist(), levels.tolist(), strict=True)
    for step, event in zip(steps.tolist(), events, strict=True):
        found[step].append(event)
    return found
