"""Sizes that follow from a network and a configuration, computed once for RTL and models alike."""

from __future__ import annotations

from dataclasses import dataclass

from hw.config import HardwareConfig
from hw.support import check_supported
from spikeforge.network import Dense, Network

__all__ = ["LayerGeometry", "geometry"]


@dataclass(frozen=True, kw_only=True)
class LayerGeometry:
    """One windowed dense layer as hardware.

    Attributes:
        name: Name of the layer.
        fan_in: Input addresses.
        width: Neurons.
        lanes: Neurons integrated at a time.
        steps_in: T of the input window, the largest k that arrives.
        steps: T of its own window, the largest k that leaves.
        weight_bits: Width of one weight.
        membrane_bits: Width of one membrane.
        threshold_bits: Width of one threshold; 0 for a layer that only integrates.
        threshold_per_neuron: A threshold a neuron, or one for the layer.
        bias_bits: Width of one bias; 0 without biases.
    """

    name: str
    fan_in: int
    width: int
    lanes: int
    steps_in: int
    steps: int
    weight_bits: int
    membrane_bits: int
    threshold_bits: int
    threshold_per_neuron: bool
    bias_bits: int

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
        return 0 if self.groups == 1 else 1 << self.fan_in.bit_length()

    @property
    def event_bits(self) -> int:
        """Width of an event (address and k) in the replay buffer."""
        return address_bits(self.fan_in) + self.steps_in.bit_length()


def address_bits(count: int) -> int:
    """Bits of an address in 0..count-1, at least 1."""
    return max(1, (count - 1).bit_length())


def geometry(network: Network, config: HardwareConfig) -> tuple[LayerGeometry, ...]:
    """Sizes of every layer, in order.

    Raises:
        SpikeforgeError: If the network uses something without hardware so far.
    """
    check_supported(network)
    layers = []
    steps_in = network.input.steps
    for layer in network.layers:
        assert isinstance(layer, Dense)  # check_supported refuses the others
        neuron = layer.neuron
        made = LayerGeometry(
            name=layer.name, fan_in=layer.inputs, width=layer.outputs,
            lanes=min(config.lanes, layer.outputs), steps_in=steps_in, steps=neuron.steps,
            weight_bits=layer.weight_bits, membrane_bits=neuron.membrane_bits,
            threshold_bits=neuron.threshold_bits if neuron.fires else 0,
            threshold_per_neuron=neuron.threshold_per_neuron, bias_bits=neuron.bias_bits,
        )  # fmt: skip
        layers.append(made)
        steps_in = neuron.steps
    return tuple(layers)
