"""What a cocotb bench is asked to check, and what it found: files between two processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hw.interface import Field, Interface
from sim.cycles import CycleCount
from sim.reference import Trace, event_order
from spikeforge.files import write_atomically

__all__ = ["JOB_VARIABLE", "Job", "Outcome", "make_job", "read_job", "write_job"]

JOB_VARIABLE = "SPIKEFORGE_BENCH"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One bench run.

    Attributes:
        seed: Seed of the stalls.
        events: Payloads to send, image after image, marks included.
        taps: By layer name, the payloads (valid and ready taken off) that must leave it, in order.
        results: Payloads of the result stream that must come, in order.
        first: Cycle of each image's first accepted item, without stalls, shape (B,).
        result: Cycle of each image's class, without stalls, shape (B,).
        fields: Where address, level and so on lie, by port.
        steps: T by layer name, to name a step in a message.
        content: Bytes for the load stream; empty with initialized memories.
    """

    seed: int
    events: list[int]
    taps: dict[str, list[int]]
    results: list[int]
    first: list[int]
    result: list[int]
    fields: dict[str, dict[str, Field]]
    steps: dict[str, int]
    content: bytes

    @property
    def images(self) -> int:
        """How many images are sent."""
        return len(self.result)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one bench found.

    Attributes:
        name: The bench.
        images: Images whose every event and result was compared.
        events: Events compared, all layers together, marks included.
        event_mismatches: Events and membranes that differed.
        class_mismatches: Images whose class differed.
        cycle_mismatches: Images whose cycles differed (or, under stalls, shrank).
        stalled: Whether the streams stalled at random.
        message: The first difference in words, or nothing.
    """

    name: str
    images: int
    events: int
    event_mismatches: int
    class_mismatches: int
    cycle_mismatches: int
    stalled: bool
    message: str


def make_job(
    interface: Interface, trace: Trace, count: CycleCount, content: bytes, seed: int
) -> Job:
    """Turn the reference's trace and the cycle model's count into what a bench compares."""
    fields = interface.fields
    inputs = _payloads(trace.inputs, len(trace.inputs[0]), 1, fields["events__payload"], "")
    taps = {}
    for layer, part in zip(interface.layers, trace.layers, strict=True):
        if part.levels is not None:
            tap = fields[f"tap_{layer.name}"]
            taps[layer.name] = _payloads(part.levels, layer.lanes, layer.steps, tap, "event.")
    return Job(
        seed=seed, events=inputs, taps=taps, results=_results(interface, trace),
        first=count.first.tolist(), result=count.result.tolist(), fields=fields,
        steps={layer.name: layer.steps for layer in interface.layers},
        content=content if interface.loadable else b"",
    )  # fmt: skip


def _payloads(
    levels: NDArray[np.integer], lanes: int, steps: int, fields: dict[str, Field], prefix: str
) -> list[int]:
    """Events in stream order with a mark after each image (``steps`` 1: by address alone)."""
    address, level = fields[f"{prefix}address"], fields[f"{prefix}level"]
    mark = fields[f"{prefix}last"].put(1)
    found = []
    for image in levels:
        order = event_order(image, lanes, steps) if steps > 1 else np.flatnonzero(image)
        found += [address.put(int(n)) | level.put(int(image[n])) for n in order]
        found.append(mark)
    return found


def _results(interface: Interface, trace: Trace) -> list[int]:
    fields = interface.fields["result__payload"]
    index, membrane = fields["index"], fields["membrane"]
    found = []
    for outputs, winner in zip(trace.outputs.tolist(), trace.classes.tolist(), strict=True):
        found += [index.put(n) | membrane.put(value) for n, value in enumerate(outputs)]
        found.append(fields["last"].put(1) | index.put(winner) | membrane.put(outputs[winner]))
    return found


def write_job(job: Job, path: Path) -> None:
    """Write a job as JSON."""
    record = {**asdict(job), "content": job.content.hex()}
    write_atomically(path, json.dumps(record))


def read_job(path: Path) -> Job:
    """Read what :func:`write_job` wrote."""
    record = json.loads(path.read_text())
    record["content"] = bytes.fromhex(record["content"])
    record["fields"] = {
        port: {name: Field(**field) for name, field in inner.items()}
        for port, inner in record["fields"].items()
    }
    return Job(**record)
