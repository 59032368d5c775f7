"""The accelerator from outside: its ports, their widths, and the fields inside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.config import HardwareConfig
from hw.geometry import NodeGeometry, WindowedGeometry, geometry
from hw.graph.links import links
from hw.loader import LoadError
from hw.node import INPUT
from hw.probe import probe_layout
from hw.readout_steps import score_bits
from hw.scatter.geometry import ScatterGeometry
from hw.streams import event_stream, load_stream, result_stream
from spikeforge.network import Network
from spikeforge.schema import InputSpec, Readout, Schedule
from spikeforge.traffic import network_schedule, source_traffic

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
        layers: Sizes of the nodes.
        input: How images become events.
        readout: How the class is read.
        windowed: Of the windowed schedule; else stepped.
        ports: Every port, clock and reset first.
        fields: Fields by port name and field name; inner ones are called ``event.address``.
    """

    layers: tuple[NodeGeometry, ...]
    input: InputSpec
    readout: Readout
    windowed: bool
    ports: tuple[Port, ...]
    fields: dict[str, dict[str, Field]]

    @property
    def loadable(self) -> bool:
        """Content comes in through the load stream."""
        return "load__payload" in self.fields

    @property
    def marks_in(self) -> int:
        """Marks of the input stream with an image: one, or one a step."""
        return 1 if self.windowed else self.input.steps

    @property
    def outputs(self) -> int:
        """Output neurons, each with a beat in the result."""
        return self.layers[-1].width

    @property
    def classes(self) -> int:
        """Classes that a result may name."""
        return self.readout.classes

    @property
    def settles(self) -> bool:
        """Logic lies between the input and the first registers: ready may follow the payload."""
        readers = [layer for layer in self.layers if INPUT in layer.sources]
        return len(readers) > 1 or not isinstance(readers[0], WindowedGeometry)


def accelerator_members(
    network: Network, layers: tuple[NodeGeometry, ...], config: HardwareConfig
) -> dict[str, wiring.Member]:
    """Ports of the accelerator, as the members of its signature."""
    members = {
        "events": In(event_stream(network.input.size, source_traffic(network)[INPUT].level)),
        "result": Out(_result_signature(network, layers[-1])),
        "loaded": Out(1),
        "load_error": Out(LoadError),
        "identity": Out(64),
    }
    if config.memory.loadable:
        members["load"] = In(load_stream())
    if config.stall_links:
        members["stalls"] = In(len(links(layers)))
    for layer in layers:
        members[f"probe_{layer.name}"] = Out(probe_layout())
        if layer.emits:
            members[f"tap_{layer.name}"] = Out(_tap_layout(layer))
    return members


def _result_signature(network: Network, last: NodeGeometry) -> Any:
    if isinstance(last, WindowedGeometry):
        return result_stream(last.width, last.membrane_bits)
    assert isinstance(last, ScatterGeometry)
    return result_stream(last.width, score_bits(last, network.readout))


def _tap_layout(layer: NodeGeometry) -> data.StructLayout:
    """A layer's output stream as seen from outside: valid, ready and the event."""
    event = event_stream(layer.width, layer.levels_out).members["payload"].shape
    return data.StructLayout({"valid": 1, "ready": 1, "event": event})


def interface(network: Network, config: HardwareConfig) -> Interface:
    """Describe the accelerator of a network."""
    layers = geometry(network, config)
    signature = wiring.Signature(accelerator_members(network, layers, config))
    found = [Port("clk", 1, True), Port("rst", 1, True)]
    fields = {}
    for path, member, value in signature.flatten(signature.create()):
        name = "__".join(str(part) for part in path)
        found.append(Port(name, len(Value.cast(value)), member.flow is In))
        if isinstance(member.shape, data.Layout):
            fields[name] = _flatten(member.shape, 0)
    return Interface(
        layers=layers, input=network.input, readout=network.readout,
        windowed=network_schedule(network) is Schedule.WINDOWED, ports=tuple(found), fields=fields,
    )  # fmt: skip


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
