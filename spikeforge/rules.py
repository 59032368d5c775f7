"""What layers, codings and read-outs allow of each other: choices that must go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeforge.errors import SpikeforgeError
from spikeforge.schema import (
    AfterSpike,
    Conv2d,
    Dense,
    FirstSpikePool,
    InputCoding,
    ReadoutKind,
    Residual,
    ResidualKind,
    Schedule,
)
from spikeforge.shapes import Shape, source_names
from spikeforge.traffic import network_schedule, source_traffic

if TYPE_CHECKING:
    from spikeforge.network import Network

__all__ = ["check_rules"]


def check_rules(network: Network, shapes: dict[str, Shape]) -> None:
    """Refuse choices that do not go together.

    Args:
        network: A network whose shapes chain.
        shapes: (C, H, W) of what the input and every layer give, by name.

    Raises:
        SpikeforgeError: Names the field, its value and what is allowed.
    """
    schedule = network_schedule(network)
    _check_input(network, schedule)
    _check_output(network, schedule, shapes)
    _check_uses(network)
    for layer in network.layers:
        if isinstance(layer, Dense | Conv2d):
            _check_neuron(network, layer, schedule)
        elif isinstance(layer, Residual):
            _check_residual(network, layer, schedule, shapes)
        elif isinstance(layer, FirstSpikePool):
            _check_pool(network, layer, schedule)


def _check_input(network: Network, schedule: Schedule) -> None:
    spec = network.input
    if schedule is Schedule.WINDOWED and spec.coding is not InputCoding.TTFS_LEVELS:
        raise SpikeforgeError(
            f"input.coding must be ttfs_levels for windowed layers, not {spec.coding.value}"
        )
    if spec.bits and spec.coding is not InputCoding.GRADED:
        raise SpikeforgeError(
            f"input.bits must be 0 for the coding {spec.coding.value}, not {spec.bits}"
        )
    if spec.threshold and spec.coding is not InputCoding.TTFS_LEVELS:
        raise SpikeforgeError(
            f"input.threshold must be 0 for the coding {spec.coding.value}, not {spec.threshold}"
        )


def _check_output(network: Network, schedule: Schedule, shapes: dict[str, Shape]) -> None:
    last, kind = network.layers[-1], network.readout.kind
    if not isinstance(last, Dense | Conv2d):
        raise SpikeforgeError(
            f"the last layer must be dense or conv2d, to be read out, not {last.name} ({last.kind})"
        )
    if shapes[last.name][1:] != (1, 1):
        raise SpikeforgeError(
            f"{last.name} must give a single position (height and width 1) as the last layer, not "
            f"{shapes[last.name]}; cover the map with its kernel, or add a dense layer"
        )
    if schedule is Schedule.WINDOWED:
        if kind is not ReadoutKind.MAX_MEMBRANE:
            raise SpikeforgeError(
                f"readout.kind must be max_membrane for windowed layers, not {kind.value}"
            )
        if last.neuron.fires:
            raise SpikeforgeError(
                f"{last.name}.neuron.fires must be false for the last of windowed layers, not true"
            )
    elif kind is not ReadoutKind.MAX_MEMBRANE and not last.neuron.fires:
        raise SpikeforgeError(
            f"{last.name}.neuron.fires must be true for the readout {kind.value}, not false"
        )


def _check_uses(network: Network) -> None:
    """Everything that is sent is read, and nothing is read that sends nothing."""
    sources = source_names(network)
    read = {name for names in sources.values() for name in names}
    for layer in network.layers[:-1]:
        if layer.name not in read:
            raise SpikeforgeError(
                f"{layer.name} is read by no layer; name it as a source, or leave it out"
            )
        if isinstance(layer, Dense | Conv2d) and not layer.neuron.fires:
            raise SpikeforgeError(
                f"{layer.name}.neuron.fires must be true for a layer that others read, not false"
            )


def _check_neuron(network: Network, layer: Dense | Conv2d, schedule: Schedule) -> None:
    neuron = layer.neuron
    if neuron.schedule is not schedule:
        raise SpikeforgeError(
            f"{layer.name}.neuron.schedule must be {schedule.value} as in the layers before it, "
            f"not {neuron.schedule.value}: a network is all windowed or all stepped"
        )
    if schedule is Schedule.WINDOWED:
        if layer.delay:
            raise SpikeforgeError(f"{layer.name}.delay must be 0 in a windowed layer, not 1")
        return
    source = source_names(network)[layer.name][0]
    steps = source_traffic(network)[source].steps
    if neuron.steps < steps:
        raise SpikeforgeError(
            f"{layer.name}.neuron.steps must be at least {steps}, the steps of {source}, not "
            f"{neuron.steps}"
        )
    if neuron.refractory and neuron.after_spike is AfterSpike.SILENT:
        raise SpikeforgeError(
            f"{layer.name}.neuron.refractory must be 0 where after_spike is silent, not "
            f"{neuron.refractory}"
        )
    if isinstance(layer, Dense) and layer.recurrent is not None and not neuron.fires:
        raise SpikeforgeError(
            f"{layer.name}.recurrent needs neurons that fire, but {layer.name}.neuron.fires is "
            f"false"
        )


def _check_residual(
    network: Network, layer: Residual, schedule: Schedule, shapes: dict[str, Shape]
) -> None:
    one, other = layer.sources
    traffic = source_traffic(network)
    if shapes[one] != shapes[other]:
        raise SpikeforgeError(
            f"{layer.name}.sources must have the same (channels, height, width), not "
            f"{shapes[one]} ({one}) and {shapes[other]} ({other})"
        )
    if traffic[one].steps != traffic[other].steps:
        raise SpikeforgeError(
            f"{layer.name}.sources must have the same number of steps, not {traffic[one].steps} "
            f"({one}) and {traffic[other].steps} ({other})"
        )
    if layer.function is ResidualKind.ADD:
        return
    if schedule is Schedule.WINDOWED:
        raise SpikeforgeError(
            f"{layer.name}.function must be add between windowed layers, not {layer.function.value}"
        )
    for source in layer.sources:
        if not traffic[source].is_binary:
            raise SpikeforgeError(
                f"{layer.name}.function {layer.function.value} needs sources that send 0 or 1, but "
                f"{source} may send {traffic[source].total}; put a spiking layer between them"
            )


def _check_pool(network: Network, layer: FirstSpikePool, schedule: Schedule) -> None:
    source = source_names(network)[layer.name][0]
    multiplicity = source_traffic(network)[source].multiplicity
    if schedule is Schedule.WINDOWED and multiplicity > 1:
        raise SpikeforgeError(
            f"{layer.name}.source must send one event a neuron in a windowed network, but {source} "
            f"may send {multiplicity}; put a spiking layer between them"
        )
