"""What a cocotb bench is asked to check, and what it found: files between two processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hw.interface import Field, Interface
from sim.cycles import CycleCount
from sim.equality import expected_items
from sim.items import pack_items
from sim.reference import Trace
from spikeforge.files import write_atomically
from spikeforge.network import Network

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
        marks_in: Marks of the input stream an image.
        windows: T by name of the windowed layers, to name a spike's step in a message.
        marks: Marks an image that a layer sends, by its name.
        content: Bytes for the load stream; empty with initialized memories.
    """

    seed: int
    events: list[int]
    taps: dict[str, list[int]]
    results: list[int]
    first: list[int]
    result: list[int]
    fields: dict[str, dict[str, Field]]
    marks_in: int
    windows: dict[str, int]
    marks: dict[str, int]
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
    network: Network, interface: Interface, trace: Trace, count: CycleCount, content: bytes,
    seed: int,
) -> Job:  # fmt: skip
    """Turn the reference's trace and the cycle model's count into what a bench compares."""
    fields = interface.fields
    items, _ = pack_items(
        network.input, fields["events__payload"], trace.inputs, interface.marks_in
    )
    taps = {
        name: [value << fields[f"tap_{name}"]["event.last"].shift for value in values.tolist()]
        for name, values in expected_items(network, interface, trace).items()
    }
    return Job(
        seed=seed, events=items.tolist(), taps=taps, results=_results(interface, trace),
        first=count.first.tolist(), result=count.result.tolist(), fields=fields,
        marks_in=interface.marks_in,
        windows={part.name: part.levels_out for part in interface.layers if part.marks_out == 1},
        marks={part.name: part.marks_out for part in interface.layers},
        content=content if interface.loadable else b"",
    )  # fmt: skip


def _results(interface: Interface, trace: Trace) -> list[int]:
    fields = interface.fields["result__payload"]
    index, membrane = fields["index"], fields["membrane"]
    found = []
    images = zip(trace.outputs.tolist(), trace.classes.tolist(), trace.scores.tolist(), strict=True)
    for outputs, winner, score in images:
        found += [index.put(n) | membrane.put(value) for n, value in enumerate(outputs)]
        found.append(fields["last"].put(1) | index.put(winner) | membrane.put(score))
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
