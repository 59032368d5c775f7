"""Sizes that follow from a network and a configuration, computed once for RTL and models alike.

The layers of a network become nodes of a graph. Flatten vanishes, its readers read its source;
every other layer is one node.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hw.config import HardwareConfig
from hw.graph.ahead import marks_ahead
from hw.graph.geometry import JoinGeometry, PoolMapGeometry
from hw.node import Node
from hw.scatter.geometry import ScatterGeometry
from hw.scatter.sizing import Source, scatter_geometry
from hw.widths import address_bits
from spikeforge.network import AvgPool, Dense, Flatten, Network, Residual
from spikeforge.schema import Layer, Schedule
from spikeforge.shapes import Shape, input_shape, map_shapes, source_names, wire_order
from spikeforge.traffic import Traffic, network_schedule, source_traffic

__all__ = ["NodeGeometry", "WindowedGeometry", "geometry"]


@dataclass(frozen=True, kw_only=True)
class WindowedGeometry(Node):
    """One windowed dense layer as hardware.

    Attributes:
        in_shape: (C, H, W) of its source; weights are stored in the order of its addresses.
        fan_in: Input addresses.
        width: Neurons.
        lanes: Neurons integrated at a time.
        steps_in: T of the input window, the largest k that arrives.
        multiplicity: Most events of one address that arrive with an image.
        steps: T of its own window, the largest k that leaves.
        weight_bits: Width of one weight.
        membrane_bits: Width of one membrane.
        threshold_bits: Width of one threshold; 0 for a layer that only integrates.
        threshold_per_neuron: A threshold a neuron, or one for the layer.
        bias_bits: Width of one bias; 0 without biases.
        row_register: A weight row is held for a cycle before it is added.
        lane_gating: Membranes keep still where the weight is 0.
        event_pairs: The replay buffer holds two events in a word.
    """

    in_shape: Shape | None = None
    fan_in: int
    width: int
    lanes: int
    steps_in: int
    multiplicity: int = 1
    steps: int
    weight_bits: int
    membrane_bits: int
    threshold_bits: int
    threshold_per_neuron: bool
    bias_bits: int
    row_register: bool = True
    lane_gating: bool = False
    event_pairs: bool = False

    @property
    def groups(self) -> int:
        """Neuron groups, each a pass over all input events."""
        return -(-self.width // self.lanes)

    @property
    def lanes_in_last_group(self) -> int:
        """Neurons of the last group."""
        return self.width - (self.groups - 1) * self.lanes

    @property
    def rows(self) -> int:
        """Weight rows: one for every pair of group and input, at ``group * fan_in + input``."""
        return self.groups * self.fan_in

    @property
    def fires(self) -> bool:
        """False for a read-out layer."""
        return self.threshold_bits > 0

    @property
    def buffer_depth(self) -> int:
        """Events that the replay buffer holds: the first power of two beyond a whole image.

        0 for a layer with one group, which needs no replay.
        """
        most = self.fan_in * self.multiplicity
        return 0 if self.groups == 1 else 1 << most.bit_length()

    @property
    def event_bits(self) -> int:
        """Width of an event (address and k) in the replay buffer."""
        return address_bits(self.fan_in) + self.steps_in.bit_length()

    @property
    def out_shape(self) -> Shape:
        """(C, H, W) of what leaves."""
        return (self.width, 1, 1)

    @property
    def levels_out(self) -> int:
        """Largest k that leaves."""
        return self.steps

    @property
    def marks_out(self) -> int:
        """One mark an image."""
        return 1

    @property
    def summary(self) -> str:
        """What it is, in a few words."""
        return (
            f"{self.width} neurons in {self.groups} groups of {self.lanes} lanes, "
            f"{self.rows} weight rows"
        )

    @property
    def emits(self) -> bool:
        """Sends events."""
        return self.fires


NodeGeometry = WindowedGeometry | ScatterGeometry | PoolMapGeometry | JoinGeometry


def geometry(network: Network, config: HardwareConfig) -> tuple[NodeGeometry, ...]:
    """Sizes of every node, in the order of the network's layers."""
    sources = _resolved_sources(network)
    maker = _Maker(network, config, sources)
    return tuple(maker.node(layer) for layer in network.layers if layer.name in sources)


def _resolved_sources(network: Network) -> dict[str, tuple[str, ...]]:
    """What every node reads; flatten layers are looked through."""
    through: dict[str, str] = {}
    found = {}
    for layer in network.layers:
        names = source_names(network)[layer.name]
        names = tuple(through.get(name, name) for name in names)
        if isinstance(layer, Flatten):
            through[layer.name] = names[0]
        else:
            found[layer.name] = names
    return found


class _Maker:
    """Turns layers into nodes, with what their sources send at hand."""

    def __init__(
        self, network: Network, config: HardwareConfig, sources: dict[str, tuple[str, ...]]
    ):
        self._network = network
        self._config = config
        self._sources = sources
        self._shapes = map_shapes(network)
        self._traffic = source_traffic(network)
        self._schedule = network_schedule(network)

    def node(self, layer: Layer) -> NodeGeometry:
        sources = self._sources[layer.name]
        traffic = self._traffic[sources[0]]
        if isinstance(layer, Residual):
            return self._join(layer, sources)
        if isinstance(layer, AvgPool):
            return PoolMapGeometry(
                name=layer.name, sources=sources, in_shape=self._shapes[sources[0]],
                out_shape=self._shapes[layer.name], kernel=layer.kernel, stride=layer.stride,
                levels=traffic.level, multiplicity=traffic.multiplicity,
                marks=self._marks(traffic),
            )  # fmt: skip
        assert not isinstance(layer, Flatten)
        if isinstance(layer, Dense) and self._by_groups(layer):
            return self._windowed(layer, sources, traffic)
        config = self._config.of_layer(layer.name)
        counts: tuple[int, ...] = ()
        if isinstance(layer, Dense) and self._skips(layer):
            counts = _row_counts(self._network, layer, self._shapes[sources[0]], config.lanes)
        source = Source(
            shape=input_shape(layer) or self._shapes[sources[0]], schedule=self._schedule,
            steps=traffic.steps, levels=traffic.level, multiplicity=traffic.multiplicity,
        )  # fmt: skip
        made = scatter_geometry(
            layer, source, config, output=layer is self._network.layers[-1],
            graded=config.graded.value, skip_rows=max(1, sum(counts)) if counts else 0,
        )  # fmt: skip
        return replace(made, sources=sources, lanes_given=config.lanes, row_counts=counts)

    def _skips(self, layer: Dense) -> bool:
        """Whether zero rows are left out; weights of 1 bit are never zero."""
        return self._config.skip_zero_rows and layer.weight_bits > 1

    def _by_groups(self, layer: Dense) -> bool:
        """Windowed dense layers, unless rows are skipped, votes counted, or state is in memory."""
        votes = 1 if layer.neuron.fires else self._network.readout.votes
        windowed = self._schedule is Schedule.WINDOWED
        wanted = not self._skips(layer) and not self._config.state_in_memory
        return windowed and votes == 1 and wanted

    def _marks(self, traffic: Traffic) -> int:
        return 1 if self._schedule is Schedule.WINDOWED else traffic.steps

    def _windowed(
        self, layer: Dense, sources: tuple[str, ...], traffic: Traffic
    ) -> WindowedGeometry:
        neuron = layer.neuron
        return WindowedGeometry(
            name=layer.name, sources=sources, in_shape=self._shapes[sources[0]],
            fan_in=layer.inputs, width=layer.outputs,
            lanes=min(self._config.lanes_of(layer.name), layer.outputs), steps_in=traffic.level,
            multiplicity=traffic.multiplicity, steps=neuron.steps,
            weight_bits=layer.weight_bits, membrane_bits=neuron.membrane_bits,
            threshold_bits=neuron.threshold_bits if neuron.fires else 0,
            threshold_per_neuron=neuron.threshold_per_neuron, bias_bits=neuron.bias_bits,
            row_register=self._config.row_register, lane_gating=self._config.lane_gating,
            event_pairs=self._config.event_pairs,
        )  # fmt: skip

    def _join(self, layer: Residual, sources: tuple[str, ...]) -> JoinGeometry:
        one, other = (self._traffic[name] for name in sources)
        steps = {name: part.steps for name, part in self._traffic.items()}
        windowed = self._schedule is Schedule.WINDOWED
        return JoinGeometry(
            name=layer.name, sources=sources, function=layer.function,
            out_shape=self._shapes[layer.name],
            levels=max(one.level, other.level),
            multiplicities=(one.multiplicity, other.multiplicity), marks=self._marks(one),
            marks_ahead=1 if windowed else marks_ahead(layer.name, self._sources, steps),
        )  # fmt: skip


def _row_counts(network: Network, layer: Dense, source: Shape, lanes: int) -> tuple[int, ...]:
    """For every wire address, the blocks of lanes to which it has a weight other than 0."""
    weight = network.weight(layer.name)
    begins = list(range(0, layer.outputs, min(lanes, layer.outputs)))
    blocks = np.add.reduceat(weight[:, wire_order(source)] != 0, begins, axis=0) > 0
    return tuple(np.count_nonzero(blocks, axis=0).tolist())
