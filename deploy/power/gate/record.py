"""Runs images on the netlist and on the RTL, and keeps what every net did."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deploy.power.gate.library import CellLibrary
from deploy.power.gate.netlist import Netlist
from deploy.power.gate.simulation import SIMULATED_TOP, harness_source, simulated_verilog
from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.interface import interface
from sim.items import pack_items
from sim.verilator import build_shared_library
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["CHUNK_CYCLES", "NetlistRun", "build_netlist_model", "run_images", "with_neighbours"]

CHUNK_CYCLES = 8192
"""Cycles whose nets are kept at once; the change between two chunks is not seen (1 in 8,192)."""
_POINTER = ctypes.c_void_p
_PATIENCE = 10_000_000  # cycles without a result

Rows = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class NetlistRun:
    """What the netlist did with B images, back to back.

    Attributes:
        classes: Shape (B,).
        result_cycles: Cycle of each class, counted from the first event of all, shape (B,).
        interval_cycles: Cycles that were kept, over images.
    """

    classes: NDArray[np.int64]
    result_cycles: NDArray[np.int64]
    interval_cycles: float


def build_netlist_model(
    netlist: Netlist, library: CellLibrary, models: str, network: Network, config: HardwareConfig,
    folder: Path,
) -> Path:  # fmt: skip
    """Compile the netlist; returns the library, which stays in the folder.

    Raises:
        SpikeforgeError: If a tool fails.
    """
    text = simulated_verilog(netlist, library, models)
    source = harness_source(netlist, interface(network, config))
    name = hashlib.sha256(f"{text}{source}".encode()).hexdigest()[:16]
    built = folder / f"model-{name}"
    made = built / "libmodel.so"
    if made.exists():
        return made
    built.mkdir(parents=True, exist_ok=True)
    verilog, harness = built / "simulated.v", built / "harness_main.cpp"
    verilog.write_text(text)
    harness.write_text(source)
    with progress("Build the netlist's model", None):
        return build_shared_library(verilog, SIMULATED_TOP, harness, built, folder / "model.log",
                                    brief=True)  # fmt: skip


def run_images(
    model: Path, netlist: Netlist, network: Network, config: HardwareConfig,
    levels: NDArray[np.uint8], keep: Callable[[Rows, int], None],
) -> NetlistRun:  # fmt: skip
    """Run encoded images back to back, and hand over all nets of all cycles.

    What is kept begins with the result of an image before the first one, and ends with the result
    of the last: whole intervals, with the next images already in the pipeline.

    Args:
        model: The compiled netlist.
        netlist: The netlist.
        network: The network.
        config: Its hardware.
        levels: Encoded images, shape (B, inputs).
        keep: Gets rows of nets (shape (nets, words), cycle n in bit n % 64 of word n // 64) and
            how many cycles they hold.

    Raises:
        SpikeforgeError: If the netlist refuses its content, or hangs.
    """
    outside = interface(network, config)
    around = with_neighbours(levels)
    items, offsets = pack_items(
        outside.input, outside.fields["events__payload"], around, outside.marks_in
    )
    classes, first, result = (np.full(len(around), -1, np.int64) for _ in range(3))
    library = ctypes.CDLL(str(model))
    library.sf_new.restype = _POINTER
    for name in ("sf_run", "sf_done"):
        getattr(library, name).restype = ctypes.c_int64
    handle = _POINTER(library.sf_new())
    try:
        content = load_bytes(network, config)
        if not library.sf_load(handle, content, ctypes.c_int64(len(content)),
                               ctypes.c_int64(100_000)):  # fmt: skip
            raise SpikeforgeError("the netlist does not take its content; synthesis went wrong")
        pointers = [array.ctypes.data_as(_POINTER) for array in (items, offsets)]
        found = [array.ctypes.data_as(_POINTER) for array in (classes, first, result)]
        library.sf_start(handle, *pointers, ctypes.c_int64(len(around)), *found)
        _run(library, handle, 1, None)
        kept = _record(library, handle, netlist, len(levels), keep)
    finally:
        library.sf_free(handle)
    inside = slice(1, 1 + len(levels))
    return NetlistRun(
        classes=classes[inside], result_cycles=result[inside] - first[0],
        interval_cycles=kept / len(levels),
    )  # fmt: skip


def with_neighbours(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images with one before them and two behind, so that the pipeline is full all the time."""
    return np.concatenate([levels[-1:], levels, levels[:1], levels[:1]])


def _run(library: ctypes.CDLL, handle: _POINTER, until: int, rows: Rows | None) -> int:
    cycles = _PATIENCE if rows is None else CHUNK_CYCLES
    place = _POINTER() if rows is None else rows.ctypes.data_as(_POINTER)
    ran = int(library.sf_run(handle, ctypes.c_int64(until), ctypes.c_int64(cycles), place))
    if ran == _PATIENCE:
        raise SpikeforgeError("the netlist gives no result: it hangs")
    return ran


def _record(
    library: ctypes.CDLL, handle: _POINTER, netlist: Netlist, images: int,
    keep: Callable[[Rows, int], None],
) -> int:  # fmt: skip
    words = -(-netlist.net_count // 64)
    rows = np.zeros((words * 64, CHUNK_CYCLES // 64), np.uint64)
    kept = quiet = done = 0
    with progress("Run the netlist", images) as bar:
        while done < images:
            ran = _run(library, handle, images + 1, rows)
            keep(rows[: netlist.net_count], ran)
            kept += ran
            before, done = done, int(library.sf_done(handle)) - 1
            quiet = 0 if done > before else quiet + ran
            if quiet > _PATIENCE:
                raise SpikeforgeError(f"the netlist gives no result after image {done}: it hangs")
            bar.advance(done - before)
    return kept
