"""Runs whole test sets through the compiled RTL and holds the result against the models."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.interface import Interface, interface
from hw.layer import PROBE_FIELDS
from sim.activity import Activity
from sim.build import build_model, prepare_rtl
from sim.counting import activity_of
from sim.cycles import bound_cycles, count_cycles
from sim.differences import first_difference, wrong_answers, wrong_cycles
from sim.model import Batch, Model
from sim.reference import LayerTrace, Trace, run_reference
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["Simulation", "simulate"]

Ints = NDArray[np.int64]
_Record = TypeVar("_Record", Trace, LayerTrace)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A test set on the compiled RTL, beside what the models say.

    Attributes:
        trace: The integer reference.
        classes: The RTL's classes, shape (B,).
        latency_cycles: From an image's first event accepted to its class valid, counting both
            cycles, with the accelerator to itself, shape (B,).
        interval_cycles: Between results, images back to back, (fewer than B,): none for the first
            image of each process.
        bound_cycles: Memory bound, shape (B,).
        class_mismatches: Images whose class or output membranes differ from the reference.
        cycle_mismatches: Images with a cycle that differs from the cycle model.
        message: The first difference in words, or nothing.
        activity: Counted on the RTL, back to back.
        rows_read: Weight rows read by the layer that reads most, mean an image.
        cycles_per_second: RTL cycles a second, per process.
        build_seconds: Time of the model's build (0 if it came from the cache).
    """

    trace: Trace
    classes: Ints
    latency_cycles: Ints
    interval_cycles: Ints
    bound_cycles: Ints
    class_mismatches: int
    cycle_mismatches: int
    message: str
    activity: Activity
    rows_read: float
    cycles_per_second: float
    build_seconds: float

    @property
    def efficiency(self) -> float:
        """Mean bound over mean interval, 0..1."""
        return float(self.bound_cycles.mean() / self.interval_mean)

    @property
    def efficiency_read(self) -> float:
        """The same with the weight rows that were really read."""
        return self.rows_read / self.interval_mean

    @property
    def interval_mean(self) -> float:
        """Mean cycles between results, back to back (the latency, if there was one image)."""
        cycles = self.interval_cycles if len(self.interval_cycles) else self.latency_cycles
        return float(cycles.mean())


def simulate(
    network: Network,
    config: HardwareConfig,
    levels: NDArray[np.uint8],
    *,
    workers: int | None = None,
) -> Simulation:
    """Run encoded images twice, back to back (interval) and one by one (latency).

    Each worker has an accelerator and a share of the images; both runs are compared with the
    integer reference and the cycle model, image by image.

    Args:
        network: The network.
        config: The hardware.
        levels: Encoded images, shape (B, inputs).
        workers: Models that run at once; one a core by default.

    Raises:
        SpikeforgeError: If the model cannot be built or the RTL hangs.
    """
    outside = interface(network, config)
    trace = run_reference(network, levels)
    rtl = prepare_rtl(network, config)
    begun = perf_counter()
    library = build_model(rtl, network, config)
    build_seconds = perf_counter() - begun
    content = load_bytes(network, config) if outside.loadable else b""
    rtl.write_hex(rtl.folder)
    count = max(1, min(workers or os.cpu_count() or 1, len(levels)))
    shares = [share for share in np.array_split(np.arange(len(levels)), count) if len(share)]
    job = _Job(outside, library, rtl.folder, content, trace)
    with progress("Run the compiled RTL", 2 * len(levels)) as bar:
        runs = _run_all(job, shares, bar.advance)
    return _compare(job, shares, runs, build_seconds)


@dataclass(frozen=True)
class _Job:
    outside: Interface
    library: Path
    folder: Path
    content: bytes
    trace: Trace


@dataclass(frozen=True)
class _Run:
    """One worker's two batches, and how long the first took."""

    together: Batch
    alone: Batch
    seconds: float


def _run_all(job: _Job, shares: list[Ints], advance: Callable[[int], object]) -> list[_Run]:
    """Run every share in a thread of its own; the calls into the models run side by side."""
    moved: queue.SimpleQueue[int] = queue.SimpleQueue()
    stop = threading.Event()

    def tell(images: int) -> None:
        if stop.is_set():
            raise InterruptedError("another worker failed, or the user interrupted")
        moved.put(images)

    with ThreadPoolExecutor(len(shares)) as pool:
        jobs = [pool.submit(_run_share, job, share, tell) for share in shares]
        try:
            while not all(task.done() for task in jobs):
                with contextlib.suppress(queue.Empty):
                    advance(moved.get(timeout=0.1))
        except BaseException:
            stop.set()  # or leaving the pool would wait for every image
            raise
        return [task.result() for task in jobs]


def _run_share(job: _Job, share: Ints, moved: Callable[[int], object]) -> _Run:
    levels = job.trace.inputs[share]
    with Model(job.library, job.outside, job.folder) as model:
        if job.content:
            model.load(job.content)
        begun = perf_counter()
        together = _last(model.run(levels), moved)
        seconds = perf_counter() - begun
        alone = _last(model.run(levels, single=True), moved)
    return _Run(together, alone, seconds)


def _last(steps: Iterator[int | Batch], moved: Callable[[int], object]) -> Batch:
    before = 0
    for step in steps:
        if isinstance(step, Batch):
            return step
        moved(step - before)
        before = step
    raise AssertionError("a run ends with its batch")


def _part(trace: Trace, share: Ints) -> Trace:
    """The same trace for some of its images."""
    layers = tuple(_sliced(part, share) for part in trace.layers)
    return _sliced(replace(trace, layers=layers), share)


def _sliced(record: _Record, share: Ints) -> _Record:
    arrays: dict[str, Any] = {
        item.name: value[share]
        for item in fields(record)
        if isinstance(value := getattr(record, item.name), np.ndarray)
    }
    return replace(record, **arrays)


def _compare(job: _Job, shares: list[Ints], runs: list[_Run], build_seconds: float) -> Simulation:
    layers, trace = job.outside.layers, job.trace
    images = len(trace.classes)
    classes, latency = np.empty(images, np.int64), np.empty(images, np.int64)
    wrong_class, wrong_cycle = np.zeros(images, bool), np.zeros(images, bool)
    intervals, messages = [], []
    with progress("Compare with the cycle model", 2 * images) as bar:
        for share, run in zip(shares, runs, strict=True):
            part = _part(trace, share)
            for batch, single in ((run.together, False), (run.alone, True)):
                model = count_cycles(layers, part, single=single, advance=bar.advance)
                wrong_class[share] |= wrong_answers(part, batch)
                wrong_cycle[share] |= wrong_cycles(model, batch, single)
                messages += first_difference(share, part, model, batch, single)
            classes[share] = run.together.classes
            latency[share] = run.alone.result - run.alone.first + 1
            intervals.append(np.diff(run.together.result))
    interval = np.concatenate(intervals)
    counts = np.stack([run.together.counts for run in runs]).sum(axis=0)
    mean_interval = float(interval.mean() if len(interval) else latency.mean())
    cycles = sum(float(run.together.result[-1]) for run in runs)
    return Simulation(
        trace=trace, classes=classes, latency_cycles=latency, interval_cycles=interval,
        bound_cycles=bound_cycles(layers, trace), class_mismatches=int(wrong_class.sum()),
        cycle_mismatches=int(wrong_cycle.sum()), message=messages[0] if messages else "",
        activity=activity_of(
            layers, counts, images, mean_interval, float(latency.mean()), trace.readout
        ),
        rows_read=float(counts[:, PROBE_FIELDS.index("row_read")].max() / images),
        cycles_per_second=cycles / sum(run.seconds for run in runs), build_seconds=build_seconds,
    )  # fmt: skip
