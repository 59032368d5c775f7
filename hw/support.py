"""Which networks of the contract the generator can build today; the others get one line."""

from __future__ import annotations

from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network
from spikeforge.schema import Dense, InputCoding, Layer, ReadoutKind, Schedule

__all__ = ["check_supported"]


def check_supported(network: Network) -> None:
    """Refuse a valid network that uses features without hardware so far.

    Raises:
        SpikeforgeError: Names the first such field and its value.
    """
    if network.input.coding is not InputCoding.TTFS_LEVELS:
        _refuse("input.coding", network.input.coding.value, "ttfs_levels")
    if network.readout.kind is not ReadoutKind.MAX_MEMBRANE:
        _refuse("readout.kind", network.readout.kind.value, "max_membrane")
    if network.readout.votes != 1:
        _refuse("readout.votes", network.readout.votes, "1")
    before = None
    for layer in network.layers:
        _check_layer(layer, before, last=layer is network.layers[-1])
        before = layer.name


def _check_layer(layer: Layer, before: str | None, *, last: bool) -> None:
    if not isinstance(layer, Dense):
        _refuse(f"{layer.name}.kind", layer.kind, "dense")
        return
    if layer.source not in (None, before):
        _refuse(f"{layer.name}.source", layer.source, "the layer before")
    if layer.recurrent is not None:
        _refuse(f"{layer.name}.recurrent", "a recurrent connection", "none")
    if layer.delay:
        _refuse(f"{layer.name}.delay", layer.delay, "0")
    if layer.neuron.schedule is not Schedule.WINDOWED:
        _refuse(f"{layer.name}.neuron.schedule", layer.neuron.schedule.value, "windowed")
    if layer.neuron.fires == last:
        wanted = "false in the last layer, true in all others"
        _refuse(f"{layer.name}.neuron.fires", layer.neuron.fires, wanted)


def _refuse(field: str, value: object, supported: str) -> None:
    raise SpikeforgeError(
        f"{field} = {value} has no hardware yet; the generator builds {supported} "
        f"(the network file itself is valid)"
    )
