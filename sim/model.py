"""A Verilated accelerator in Python: ports for single steps, a batch call for whole test sets."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hw.interface import Interface
from hw.layer import PROBE_FIELDS
from sim.host import HostTrace, Stalls
from sim.items import pack_items, quiet_cycles, stream_capacity
from sim.recording import Recording
from sim.shim import tap_names
from spikeforge.errors import SpikeforgeError

__all__ = ["Batch", "Model", "Stalls", "inside_folder"]

_POINTER = ctypes.c_void_p
_FOLDER = threading.Lock()
_CHUNK_CYCLES = 200_000  # between two looks at the progress


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What the RTL did with B images.

    Attributes:
        classes: The class, shape (B,).
        membranes: Final output membranes in LSBs, shape (B, outputs).
        scores: What the class was sent with, shape (B,).
        first: Cycle in which each image's first item was accepted, shape (B,).
        result: Cycle in which its class was valid, shape (B,).
        counts: Work done, shape (layers, len(PROBE_FIELDS)), summed over the images.
        streams: What moved over the streams between the layers, by layer name: the tap's values in
            order (a recorded run only).
        accepted: Cycle in which each input item was accepted, shape (items,) (with a host's trace
            only).
        taken: Cycle in which each beat of the result was taken, shape (beats,) (likewise).
    """

    classes: NDArray[np.int64]
    membranes: NDArray[np.int64]
    scores: NDArray[np.int64]
    first: NDArray[np.int64]
    result: NDArray[np.int64]
    counts: NDArray[np.uint64]
    streams: dict[str, NDArray[np.uint64]] = field(default_factory=dict)
    accepted: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    taken: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


class _Ports:
    """Ports by name: ``model.io.result__ready = 1``; reading gives the settled value."""

    _model: Model
    _numbers: dict[str, int]

    def __init__(self, model: Model, numbers: dict[str, int]):
        object.__setattr__(self, "_model", model)
        object.__setattr__(self, "_numbers", numbers)

    def __dir__(self) -> list[str]:
        return list(self._numbers)

    def _number(self, name: str) -> int:
        try:
            return self._numbers[name]
        except KeyError:
            known = ", ".join(self._numbers)
            raise AttributeError(f"no port {name!r}; there are {known}") from None

    def __getattr__(self, name: str) -> int:
        return int(self._model._call("sf_get", self._number(name)))

    def __setattr__(self, name: str, value: int) -> None:
        self._model._call("sf_set", self._number(name), ctypes.c_uint64(value))
        self._model._call("sf_eval")


class _Clock:
    """The clock: ``model.clock.tick()`` is one rising edge."""

    def __init__(self, model: Model):
        self._model = model

    def tick(self, cycles: int = 1) -> None:
        """Advance by some cycles; outputs are settled afterwards."""
        for _ in range(cycles):
            self._model._call("sf_tick")


class Model:
    """One instance of a compiled accelerator.

    Attributes:
        io: Ports by name, as integers.
        clock: ``tick()`` advances it.

    ``rst``, the load stream and ``result__ready`` act one cycle later than they are set, and
    probes are seen one cycle later (:mod:`sim.wrapper`).

    Several instances may run at once, each in a thread of its own: a call into the model does not
    hold Python's global lock.
    """

    def __init__(self, library: Path, interface: Interface, folder: Path | None = None):
        self.interface = interface
        self._library = ctypes.CDLL(str(library))
        for name in ("sf_new", "sf_get", "sf_run", "sf_cycle", "sf_strays"):
            getattr(self._library, name).restype = ctypes.c_uint64
        self._library.sf_new.restype = _POINTER
        with inside_folder(folder):  # hex files are named relative to it
            self._handle = _POINTER(self._library.sf_new())
            self.io = _Ports(self, {port.name: n for n, port in enumerate(interface.ports)})
            self.clock = _Clock(self)
            self.reset()

    def _call(self, name: str, *arguments: object) -> int:
        return getattr(self._library, name)(self._handle, *arguments) or 0

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the instance."""
        if self._handle:
            self._call("sf_free")
            self._handle = _POINTER()

    def reset(self) -> None:
        """Hold reset for two cycles, inputs idle, then let the accelerator start."""
        self.io.events__valid = 0
        self.io.rst = 1
        self.clock.tick(2)
        self.io.rst = 0
        self.clock.tick(4)
        while not self.interface.loadable and not self.io.loaded:
            self.clock.tick()  # memories of sums are cleared row by row

    def load(self, content: bytes) -> None:
        """Send content over the load stream.

        Raises:
            SpikeforgeError: If the accelerator does not take it (another architecture, or a
                wrong CRC).
        """
        if not self._call("sf_load", content, ctypes.c_int64(len(content))):
            reason = {1: "it is made for another architecture", 2: "its CRC is wrong"}
            why = reason.get(self.io.load_error, "it is incomplete")
            raise SpikeforgeError(f"the accelerator refuses the content: {why}")

    def run(
        self,
        inputs: NDArray[np.uint8],
        *,
        single: bool = False,
        stalls: Stalls | None = None,
        record: bool = False,
        host: HostTrace | None = None,
    ) -> Iterator[int | Batch]:
        """Run encoded images; yields how many are done, and at last the batch.

        Args:
            inputs: Encoded images, as the reference takes them.
            single: Offer each image only when the one before is through.
            stalls: Let the streams stall at random; none by default.
            record: Keep what moves over the streams between the layers.
            host: When items are offered and results taken, in place of chance; the batch then
                tells the cycle of each handshake.
        """
        outside = self.interface
        images = len(inputs)
        items, offsets = pack_items(
            outside.input, outside.fields["events__payload"], inputs, outside.marks_in
        )
        batch = self._begin(items, offsets, images, single)
        recording = self._watch(stalls, items, record, careful=host is not None)
        if host is not None:
            batch = self._follow(host, batch, len(items))
        done = quiet = 0
        while not self._call("sf_through"):
            before = done
            done = self._call("sf_run", ctypes.c_int64(_CHUNK_CYCLES))
            quiet = 0 if done > before else quiet + _CHUNK_CYCLES
            if quiet > self._patience_cycles(offsets, stalls) + (host.cycles if host else 0):
                raise SpikeforgeError(f"the RTL gives no result after image {done}: it hangs")
            yield done
        strays = self._call("sf_strays")
        if strays:
            raise SpikeforgeError(
                f"the RTL sends {strays} results that belong to no image or no output neuron"
            )
        if recording is not None and record:
            batch.streams.update(recording.streams())
        yield batch

    def _begin(
        self, items: NDArray[np.uint64], offsets: NDArray[np.int64], images: int, single: bool
    ) -> Batch:
        batch = Batch(
            classes=np.full(images, -1, np.int64),
            membranes=np.zeros((images, self.interface.outputs), np.int64),
            scores=np.zeros(images, np.int64),
            first=np.full(images, -1, np.int64),
            result=np.full(images, -1, np.int64),
            counts=np.zeros((len(self.interface.layers), len(PROBE_FIELDS)), np.uint64),
        )
        arrays = (batch.classes, batch.membranes, batch.first, batch.result, batch.counts)
        pointers = [array.ctypes.data_as(_POINTER) for array in (items, offsets)]
        # The model uses them.
        self._held: tuple[object, ...] = (items, offsets, batch.scores, *arrays)
        self._call("sf_start", *pointers, ctypes.c_int64(images),
                   ctypes.c_int(single), ctypes.c_int64(quiet_cycles(self.interface)),
                   *(array.ctypes.data_as(_POINTER) for array in arrays))  # fmt: skip
        self._call("sf_scores", batch.scores.ctypes.data_as(_POINTER))
        return batch

    def _watch(
        self, stalls: Stalls | None, items: NDArray[np.uint64], record: bool, *, careful: bool
    ) -> Recording | None:
        """Switch to the careful run, where stalls, recordings or a host are asked for."""
        if stalls is None and not record and not careful:
            return None
        names = tap_names(self.interface)
        capacity = stream_capacity(self.interface, len(items)) if record else 0
        recording = Recording(
            names=names, values=np.zeros((len(names), capacity), np.uint64),
            lengths=np.zeros(len(names), np.int64),
        )  # fmt: skip
        self._held += (recording,)
        pattern = stalls or Stalls(seed=0)
        chances = (pattern.offer, pattern.take, pattern.passing)
        self._call("sf_careful", ctypes.c_uint64(pattern.seed),
                   *(ctypes.c_int(round(256 * chance)) for chance in chances),
                   recording.values.ctypes.data_as(_POINTER), ctypes.c_int64(capacity),
                   recording.lengths.ctypes.data_as(_POINTER))  # fmt: skip
        return recording

    def _follow(self, host: HostTrace, batch: Batch, items: int) -> Batch:
        """Let the careful run follow a host's trace; returns the batch with room for handshakes."""
        offers, ready = host.offers(items + 1), host.ready.astype(np.uint8)
        accepted = np.full(items, -1, np.int64)
        taken = np.full(len(batch.result) * (self.interface.outputs + 1), -1, np.int64)
        self._held += (offers, ready)
        self._call("sf_host", offers.ctypes.data_as(_POINTER), ready.ctypes.data_as(_POINTER),
                   ctypes.c_int64(len(ready)), accepted.ctypes.data_as(_POINTER),
                   taken.ctypes.data_as(_POINTER), ctypes.c_int64(len(taken)))  # fmt: skip
        return replace(batch, accepted=accepted, taken=taken)

    def _patience_cycles(self, offsets: NDArray[np.int64], stalls: Stalls | None) -> int:
        """No image takes longer than this, whatever it holds."""
        slowest = 64 if stalls is None else 1024
        return slowest * (sum(part.width + 64 for part in self.interface.layers)
                          + int(np.diff(offsets).max())) * 64  # fmt: skip

    @property
    def cycle(self) -> int:
        """Cycles since the instance was made."""
        return self._call("sf_cycle")


@contextlib.contextmanager
def inside_folder(folder: Path | None) -> Iterator[None]:
    """Work in a folder for a moment (one thread at a time: a process has one such folder)."""
    if folder is None:
        yield
        return
    with _FOLDER:
        before = Path.cwd()
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
