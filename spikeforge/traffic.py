"""What can arrive at a layer: the largest level of a source, how often, over how many steps.

A neuron sends one event at most in an image (windowed) or a step (stepped). Behind average pooling
and residual ADD the events of several neurons arrive at one address, so one address may carry
several of them: its *multiplicity*. The most that one address can add up to in an image (windowed)
or a step (stepped) is its *total*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spikeforge.schema import (
    AfterSpike,
    AvgPool,
    Conv2d,
    Dense,
    FirstSpikePool,
    InputCoding,
    InputSpec,
    Layer,
    NeuronSpec,
    Residual,
    ResidualKind,
    Schedule,
)
from spikeforge.shapes import source_names

if TYPE_CHECKING:
    from spikeforge.network import Network

__all__ = ["Traffic", "input_traffic", "layer_traffic", "network_schedule", "source_traffic"]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What one source sends at most.

    Attributes:
        steps: Steps of its window: T (windowed), or the steps it is active in (stepped).
        level: Largest level of one event.
        multiplicity: Most events that one address sends in an image (windowed) or step (stepped).
        total: Most that one address adds up to in an image (windowed) or step (stepped).
        image_total: Most that one address adds up to in an image.
    """

    steps: int
    level: int
    multiplicity: int
    total: int
    image_total: int

    @property
    def is_binary(self) -> bool:
        """Whether an address sends 0 or 1, never more."""
        return self.total == 1


def network_schedule(network: Network) -> Schedule:
    """The schedule that all weighted layers of a network share; stepped if it has none."""
    for layer in network.layers:
        if isinstance(layer, Dense | Conv2d):
            return layer.neuron.schedule
    return Schedule.STEPPED


def source_traffic(network: Network) -> dict[str, Traffic]:
    """What the input (``input``) and every layer send at most, by name."""
    schedule = network_schedule(network)
    traffic = {"input": input_traffic(network.input, schedule)}
    sources = source_names(network)
    for layer in network.layers:
        before = [traffic[name] for name in sources[layer.name]]
        traffic[layer.name] = layer_traffic(layer, before, schedule)
    return traffic


def layer_traffic(layer: Layer, sources: Sequence[Traffic], schedule: Schedule) -> Traffic:
    """What a layer sends at most, given what each of its sources sends."""
    if isinstance(layer, Dense | Conv2d):
        return _neuron_traffic(layer.neuron)
    if isinstance(layer, AvgPool):
        return _times(sources[0], layer.kernel**2)  # a window holds each of its inputs once
    if isinstance(layer, FirstSpikePool) and schedule is Schedule.STEPPED:
        return _single(sources[0].steps, 1, 1)
    if isinstance(layer, Residual) and layer.function is ResidualKind.ADD:
        return _plus(*sources)
    if isinstance(layer, Residual) and layer.function is ResidualKind.IAND:
        return sources[1]  # it sends nothing that its second source does not
    return sources[0]


def input_traffic(spec: InputSpec, schedule: Schedule) -> Traffic:
    """What an input sends at most to layers of one schedule."""
    if schedule is Schedule.WINDOWED:
        return _single(spec.steps, spec.steps, 1)
    if spec.coding is InputCoding.GRADED:
        return _single(spec.steps, (1 << spec.bits) - 1, spec.steps)
    return _single(spec.steps, 1, 1 if spec.coding is InputCoding.TTFS_LEVELS else spec.steps)


def _neuron_traffic(neuron: NeuronSpec) -> Traffic:
    """What a weighted layer's neurons send at most."""
    if neuron.schedule is Schedule.WINDOWED:
        return _single(neuron.steps, neuron.steps, 1)
    return _single(neuron.steps, 1, 1 if neuron.after_spike is AfterSpike.SILENT else neuron.steps)


def _single(steps: int, level: int, times: int) -> Traffic:
    """One event at most in an image (windowed) or step, ``times`` of them in an image."""
    return Traffic(steps=steps, level=level, multiplicity=1, total=level, image_total=level * times)


def _times(one: Traffic, count: int) -> Traffic:
    return replace(
        one, multiplicity=one.multiplicity * count, total=one.total * count,
        image_total=one.image_total * count,
    )  # fmt: skip


def _plus(one: Traffic, other: Traffic) -> Traffic:
    return Traffic(
        steps=max(one.steps, other.steps), level=max(one.level, other.level),
        multiplicity=one.multiplicity + other.multiplicity, total=one.total + other.total,
        image_total=one.image_total + other.image_total,
    )  # fmt: skip
