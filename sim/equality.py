"""Holds one compiled accelerator against the reference, stream by stream, and the cycle model.

The thorough check of random networks: every item that moves between two layers, every output
membrane, the class, and (where nothing stalls) every image's cycles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.geometry import WindowedGeometry
from hw.interface import Field, Interface, interface
from sim.build import build_model, prepare_rtl
from sim.cycles import count_cycles
from sim.differences import first_difference
from sim.model import Batch, Model, Stalls
from sim.reference import Trace, run_reference
from sim.streams import Stream, Streams
from spikeforge.network import Network

__all__ = ["Verdict", "check", "expected_items", "streams_of"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a check found.

    Attributes:
        images: Images compared, in every run.
        items: Events and marks on the streams between layers, and output membranes, that were
            compared, all runs together.
        differences: The first difference of each run that has one, in words.
    """

    images: int
    items: int
    differences: tuple[str, ...]


def check(
    network: Network, config: HardwareConfig, inputs: NDArray[np.uint8], stalls: Stalls | None
) -> Verdict:
    """Run images back to back, one by one and under stalls, and compare everything.

    Args:
        network: The network.
        config: The hardware.
        inputs: Encoded images, as the reference takes them.
        stalls: How streams stall in the third run; None leaves it out.

    Raises:
        SpikeforgeError: If the model cannot be built, refuses its content, or hangs.
    """
    rtl = prepare_rtl(network, config)
    library = build_model(rtl, network, config, brief=True)
    rtl.write_hex(rtl.folder)
    outside = interface(network, config)
    trace = run_reference(network, inputs)
    wanted = expected_items(network, outside, trace)
    with Model(library, outside, rtl.folder) as model:
        if outside.loadable:
            model.load(load_bytes(network, config))
        found = []
        for name, single, pattern in (
            ("back to back", False, None), ("one by one", True, None), ("stalled", False, stalls),
        ):  # fmt: skip
            if name == "stalled" and stalls is None:
                continue
            *_, batch = model.run(inputs, single=single, stalls=pattern, record=True)
            assert isinstance(batch, Batch)
            text = _first_on_streams(outside, wanted, batch)
            if not text:
                count = None
                if pattern is None:
                    count = count_cycles(outside.layers, trace, single=single)
                images = np.arange(len(inputs))
                text = "".join(first_difference(images, trace, count, batch, single))
            if text:
                found.append(f"{name}: {text}")
    runs = 2 + (stalls is not None)
    items = runs * (trace.outputs.size + sum(len(values) for values in wanted.values()))
    return Verdict(images=len(inputs), items=items, differences=tuple(found))


def streams_of(network: Network, outside: Interface) -> Streams:
    """The reference's streams in the order in which this hardware sends."""
    lanes = {
        part.name: part.lanes
        for part in outside.layers
        if isinstance(part, WindowedGeometry) and part.emits
    }
    return Streams(network, lanes)


def expected_items(
    network: Network, outside: Interface, trace: Trace
) -> dict[str, NDArray[np.uint64]]:
    """Payloads that must move over the stream behind every layer, images in order, by name."""
    streams = streams_of(network, outside)
    images = [streams.of(trace, image) for image in range(len(trace.classes))]
    found = {}
    for part in outside.layers:
        if part.emits:
            fields = outside.fields[f"tap_{part.name}"]
            packed = [_packed(image[part.name], fields) for image in images]
            found[part.name] = np.concatenate(packed)
    return found


def _packed(stream: Stream, fields: dict[str, Field]) -> NDArray[np.uint64]:
    """One image's items as payloads without valid and ready."""
    base = fields["event.last"].shift
    address, level = fields["event.address"].shift - base, fields["event.level"].shift - base
    items = np.zeros(len(stream.address) + stream.steps, np.uint64)
    ends = np.searchsorted(stream.step, np.arange(stream.steps), side="right")
    items[ends + np.arange(stream.steps)] = 1  # ``last`` is the lowest bit
    events = (stream.address << address) | (stream.level << level)
    items[np.arange(len(events)) + stream.step] = events.astype(np.uint64)
    return items


def _first_on_streams(
    outside: Interface, wanted: dict[str, NDArray[np.uint64]], batch: Batch
) -> str:
    """The first item that differs on a stream between layers, or nothing."""
    for name, expected in wanted.items():
        fields = outside.fields[f"tap_{name}"]
        got = batch.streams[name] >> np.uint64(fields["event.last"].shift)
        text = _first_item(name, fields, got, expected)
        if text:
            return text
    return ""


def _first_item(
    name: str, fields: dict[str, Field], got: NDArray[np.uint64], expected: NDArray[np.uint64]
) -> str:
    common = min(len(got), len(expected))
    differing = np.flatnonzero(got[:common] != expected[:common])
    if not len(differing) and len(got) == len(expected):
        return ""
    place = int(differing[0]) if len(differing) else common
    marks = int(np.count_nonzero(expected[:place] & np.uint64(1)))
    sent, wanted = _item(fields, got, place), _item(fields, expected, place)
    where = f"layer {name}, item {place} (after {marks} marks)"
    return f"{where}: the RTL sends {sent}, the reference {wanted}"


def _item(fields: dict[str, Field], items: NDArray[np.uint64], place: int) -> str:
    if place >= len(items):
        return "nothing more"
    value = int(items[place]) << fields["event.last"].shift
    if fields["event.last"].take(value):
        return "a mark"
    return (f"neuron {fields['event.address'].take(value)} (wire address), "
            f"level {fields['event.level'].take(value)}")  # fmt: skip
