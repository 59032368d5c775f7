"""Runs a network on an accelerator that counts what it covers, against the reference as always.

Beyond images back to back, one by one and under stalls, a run does to the accelerator what a host
may do: a reset amid an image, and, where content is loaded, loads that must be refused and a load
amid an image.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hw.config import HardwareConfig
from hw.content import IDENTITY_BYTES, hex_files, load_bytes
from hw.interface import interface
from hw.marked import marked_verilog
from hw.verilog import TOP
from sim.build import Rtl, build_model
from sim.coverage.points import Point, points_of
from sim.coverage.verilog import without_uncounted
from sim.differences import first_difference
from sim.items import pack_items
from sim.model import Batch, Model, Stalls
from sim.reference import Trace, run_reference
from sim.wrapper import WRAPPER_TOP
from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.network import Network

__all__ = ["cover"]

_CUTS = (9, 31, 83)  # cycles after which images are cut off


def cover(
    network: Network, config: HardwareConfig, inputs: NDArray[np.uint8], stalls: Stalls | None,
    folder: Path, *, disturb: bool = True,
) -> dict[Point, int]:  # fmt: skip
    """How often each point of the RTL was passed.

    Args:
        network: The network.
        config: The hardware.
        inputs: Encoded images, as the reference takes them.
        stalls: How streams stall in the third run; None leaves it out.
        folder: Where the model is built; what lies there already is used again.
        disturb: Resets, refused loads and loads amid an image, too.

    Raises:
        SpikeforgeError: If the model cannot be built, hangs, or disagrees with the reference.
    """
    rtl = _marked_rtl(network, config, folder)
    library = build_model(rtl, network, config, covered=True)
    rtl.write_hex(rtl.folder)
    outside = interface(network, config)
    trace = run_reference(network, inputs)
    content = load_bytes(network, config) if outside.loadable else b""
    with Model(library, outside, rtl.folder) as model:
        if content:
            if disturb:
                _refused(model, content)
            model.load(content)
        _compare(model, inputs, trace, False, None)
        _compare(model, inputs, trace, True, None)
        if stalls is not None:
            _compare(model, inputs, trace, False, stalls)
        if disturb:
            _cut_off(model, inputs, content)
            _compare(model, inputs, trace, False, None)
        counts = folder / "coverage.dat"
        model._call("sf_coverage", str(counts).encode())
        verilog = library.parent / f"{WRAPPER_TOP}.v"
        return points_of(counts.read_text(), verilog.read_text())


def _marked_rtl(network: Network, config: HardwareConfig, folder: Path) -> Rtl:
    text = without_uncounted(marked_verilog(network, config))
    verilog = folder / f"{TOP}.v"
    write_atomically(verilog, text)
    return Rtl(folder=folder, verilog=verilog, hex_text=hex_files(network, config))


def _compare(
    model: Model, inputs: NDArray[np.uint8], trace: Trace, single: bool, stalls: Stalls | None
) -> None:
    *_, batch = model.run(inputs, single=single, stalls=stalls)
    assert isinstance(batch, Batch)
    if stalls is not None and "stalls" in dir(model.io):
        model.io.stalls = 0  # the last pattern stays otherwise
    for text in first_difference(np.arange(len(inputs)), trace, None, batch, single):
        raise SpikeforgeError(f"coverage of RTL that is wrong says nothing: {text}")


def _refused(model: Model, content: bytes) -> None:
    """Loads that do not count: another architecture in its first or last byte, a wrong CRC."""
    for wrong in (0, IDENTITY_BYTES - 1, len(content) - 1):
        changed = bytearray(content)
        changed[wrong] ^= 0x81
        try:
            model.load(bytes(changed))
        except SpikeforgeError:
            continue
        raise SpikeforgeError(f"the accelerator takes content whose byte {wrong} is wrong")


def _cut_off(model: Model, inputs: NDArray[np.uint8], content: bytes) -> None:
    """A reset, and a load, while images are under way; the accelerator is empty afterwards."""
    outside = model.interface
    layout = outside.fields["events__payload"]
    items, offsets = pack_items(outside.input, layout, inputs, outside.marks_in)
    for cycles in _CUTS:
        for reset in (True, False)[: 1 + bool(content)]:
            model._begin(items, offsets, len(inputs), False)
            model._call("sf_run", ctypes.c_int64(cycles))
            model.io.events__valid = 0
            if reset:
                model._call("sf_load", content, ctypes.c_int64(len(content) // 2))
                model.reset()
            if content:
                model.load(content)
