"""The accelerator from outside: its ports, their widths, and the fields inside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.config import HardwareConfig, MemoryMode
from hw.geometry import LayerGeometry, geometry
from hw.layer import probe_layout
from hw.loader import LoadError
from hw.streams import event_stream, load_stream, result_stream
from spikeforge.network import Network

__all__ = ["Field", "Interface", "Port", "accelerator_members", "interface"]


@dataclass(frozen=True)
class Port:
    """One Verilog port.

    Attributes:
        name: As in the Verilog text, such as ``events__payload``.
        width: In bits.
        is_input: Driven from outside.
    """

    name: str
    width: int
    is_input: bool


@dataclass(frozen=True)
class Field:
    """Where a field lies within a port.

    Attributes:
        shift: Its lowest bit.
        width: In bits.
        signed: Two's complement.
    """

    shift: int
    width: int
    signed: bool = False

    def take(self, value: int) -> int:
        """The field's number in a port's value."""
        number = value >> self.shift & ((1 << self.width) - 1)
        return number - (1 << self.width) if self.signed and number >> (self.width - 1) else number

    def put(self, number: int) -> int:
        """A port's value with this field set and all else 0."""
        return (number & ((1 << self.width) - 1)) << self.shift


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What a program needs to know to drive the generated Verilog.

    Attributes:
        layers: Sizes of the layers.
        ports: Every port, clock and reset first.
        fields: Fields by port name and field name; inner ones are called ``event.address``.
    """

    layers: tuple[LayerGeometry, ...]
    ports: tuple[Port, ...]
    fields: dict[str, dict[str, Field]]

    @property
    def loadable(self) -> bool:
        """Content comes in through the load stream."""
        return "load__payload" in self.fields


def accelerator_members(
    layers: tuple[LayerGeometry, ...], memory: MemoryMode
) -> dict[str, wiring.Member]:
    """Ports of the accelerator, as the members of its signature."""
    first, last = layers[0], layers[-1]
    members = {
        "events": In(event_stream(first.fan_in, first.steps_in)),
        "result": Out(result_stream(last.width, last.membrane_bits)),
        "loaded": Out(1),
        "load_error": Out(LoadError),
        "identity": Out(64),
    }
    if memory is MemoryMode.LOAD:
        members["load"] = In(load_stream())
    for layer in layers:
        members[f"probe_{layer.name}"] = Out(probe_layout())
        if layer.fires:
            members[f"tap_{layer.name}"] = Out(_tap_layout(layer))
    return members


def _tap_layout(layer: LayerGeometry) -> data.StructLayout:
    """A layer's output stream as seen from outside: valid, ready and the event."""
    event = event_stream(layer.width, layer.steps).members["payload"].shape
    return data.StructLayout({"valid": 1, "ready": 1, "event": event})


def interface(network: Network, config: HardwareConfig) -> Interface:
    """Describe the accelerator of a network.

    Raises:
        SpikeforgeError: If the network uses something without hardware so far.
    """
    layers = geometry(network, config)
    signature = wiring.Signature(accelerator_members(layers, config.memory))
    found = [Port("clk", 1, True), Port("rst", 1, True)]
    fields = {}
    for path, member, value in signature.flatten(signature.create()):
        name = "__".join(str(part) for part in path)
        found.append(Port(name, len(Value.cast(value)), member.flow is In))
        if isinstance(member.shape, data.Layout):
            fields[name] = _flatten(member.shape, 0)
    return Interface(layers=layers, ports=tuple(found), fields=fields)


def _flatten(layout: Any, shift: int) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for name, field in layout:
        if isinstance(field.shape, data.Layout):
            inner = _flatten(field.shape, shift + field.offset)
            found |= {f"{name}.{key}": value for key, value in inner.items()}
        else:
            signed = getattr(field.shape, "signed", False)
            found[str(name)] = Field(shift + field.offset, field.width, signed)
    return found
