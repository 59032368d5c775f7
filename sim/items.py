"""Encoded images as the items that the input stream takes: events and marks, image after image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hw.interface import Field, Interface
from spikeforge.schema import InputCoding, InputSpec
from spikeforge.shapes import wire_order

__all__ = ["pack_items", "quiet_cycles", "stream_capacity"]

Ints = NDArray[np.int64]

# Longer than any pipeline of the accelerator, and the rests between the steps of its layers.
_QUIET_CYCLES = 64


def pack_items(
    spec: InputSpec, layout: dict[str, Field], inputs: NDArray[np.uint8], marks: int
) -> tuple[NDArray[np.uint64], Ints]:
    """Payloads of the input stream for B images, and where each image begins.

    Args:
        spec: The input of the network.
        layout: Fields of the stream's payload (``last``, ``address``, ``level``).
        inputs: Encoded images in contract order, as the reference takes them: (B, N), or (B, T, N)
            for ready-made spikes.
        marks: Marks an image: 1 for a windowed network, the input's steps for a stepped one.

    Returns:
        Payloads of all items, and offsets of shape (B + 1,): events of a step in ascending wire
        address, then the mark that closes the step (windowed: the image).
    """
    image, step, address, level = _events(spec, inputs, marks)
    counts = np.bincount(image * marks + step, minlength=len(inputs) * marks)
    ends = np.cumsum(counts + 1)
    items = np.zeros(ends[-1] if len(ends) else 0, np.uint64)
    items[ends - 1] = layout["last"].put(1)
    payload = (address << layout["address"].shift) | (level << layout["level"].shift)
    items[np.arange(len(payload)) + image * marks + step] = payload.astype(np.uint64)
    offsets = np.zeros(len(inputs) + 1, np.int64)
    offsets[1:] = ends[marks - 1 :: marks]
    return items, offsets


def _events(
    spec: InputSpec, inputs: NDArray[np.uint8], marks: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Image, step, wire address and level of every event, in stream order."""
    on_wire = inputs[..., wire_order(spec.shape)]
    if spec.coding is InputCoding.SPIKES:
        image, step, address = np.nonzero(on_wire)
        return image, step, address, np.ones(len(image), np.int64)
    image, address = np.nonzero(on_wire)
    level = on_wire[image, address].astype(np.int64)
    if spec.coding is InputCoding.GRADED:
        every = np.arange(marks)
        begin = np.repeat(image, marks), np.tile(every, len(image))
        events = (*begin, np.repeat(address, marks), np.repeat(level, marks))
    elif marks > 1:
        events = (image, spec.steps - level, address, np.ones(len(image), np.int64))
    else:  # windowed, or a single step, in which every level is 1
        return image, np.zeros(len(image), np.int64), address, level
    order = np.lexsort((events[2], events[1], events[0]))
    return tuple(part[order] for part in events)  # type: ignore[return-value]


def quiet_cycles(interface: Interface) -> int:
    """Cycles without any work after which nothing of an image is left in the accelerator.

    A windowed network's result is the last thing that happens (0). A stepped one may decide early;
    the rest of the image then still runs through its layers, which never rest that long.
    """
    return 0 if interface.windowed else _QUIET_CYCLES


def stream_capacity(interface: Interface, items: int) -> int:
    """More items than any stream between the layers can move in a run of so many input items."""
    images = -(-items // interface.marks_in)
    return 1 + images * max((part.most_items for part in interface.layers), default=0)
