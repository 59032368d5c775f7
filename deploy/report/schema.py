"""The structure of ``report.json``: every figure of a run, and what its plots need.

A part that was not measured is None (null in the file); nothing is ever filled in with a zero.
The page and the screen table are made from this record alone.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from deploy.report.detail import Detail
from spikeforge.validation import StrictModel

__all__ = [
    "SCHEMA_VERSION", "Accuracy", "Cycles", "CyclesInterval", "CyclesLatency", "DatasetInfo",
    "Exact", "LatencyMs", "Memory", "NetworkInfo", "PowerMw", "Report", "Technology", "Workload",
]  # fmt: skip

SCHEMA_VERSION = 1

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Operations = Amount | dict[str, Amount]


class NetworkInfo(StrictModel):
    """Which network: its name and the SHA-256 (hex) of architecture and content."""

    name: str = Field(min_length=1, max_length=64)
    architecture: str | None = None
    content: str | None = None


class DatasetInfo(StrictModel):
    """What was run: the data set, the split of it, and how many images it holds."""

    name: str
    split: str
    images: Count | None = None


class Accuracy(StrictModel):
    """Accuracies, 0..1.

    Attributes:
        without_rounding: ``float`` in the file: the same network in real numbers.
        quantized: The integer reference.
        rtl: The compiled RTL.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    without_rounding: Share | None = Field(default=None, alias="float")
    quantized: Share | None = None
    rtl: Share | None = None


class Exact(StrictModel):
    """Images compared and images (or events) that differed.

    Attributes:
        images: Images that the compiled RTL ran.
        class_mismatches: Of these, images whose class differs from the integer reference.
        cycle_mismatches: Of these, images whose cycles differ from the cycle model.
        event_images: Images that went through the cocotb bench.
        event_mismatches: Events (or results) that differed there.
    """

    images: Count | None = None
    class_mismatches: Count | None = None
    cycle_mismatches: Count | None = None
    event_images: Count | None = None
    event_mismatches: Count | None = None


class CyclesLatency(StrictModel):
    """Clock cycles from the first input event accepted to the result valid."""

    mean: Amount | None = None
    p50: Amount | None = None
    p99: Amount | None = None
    max: Amount | None = None


class CyclesInterval(StrictModel):
    """Clock cycles between results, images back to back."""

    mean: Amount | None = None


class Cycles(StrictModel):
    """Clock cycles per image, and the efficiency against the memory bound."""

    latency: CyclesLatency = CyclesLatency()
    interval: CyclesInterval = CyclesInterval()
    bound: Amount | None = None
    efficiency: Amount | None = None
    efficiency_read: Amount | None = None
    encode: Amount | None = None


class LatencyMs(StrictModel):
    """Latency in milliseconds at ``clock_mhz``."""

    mean: Amount | None = None
    p99: Amount | None = None


class PowerMw(StrictModel):
    """Power in mW, images back to back; ``blocks`` holds None for a block without a figure."""

    total: Amount | None = None
    dynamic: Amount | None = None
    static: Amount | None = None
    blocks: dict[str, Amount | None] | None = None


class Memory(StrictModel):
    """What each memory is assumed to be built of, by its name, and their area together in mm2."""

    macros: dict[str, str] | None = None
    area_mm2: Amount | None = None


class Technology(StrictModel):
    """What the estimate stands on.

    Attributes:
        name: Technology profile, ``ihp-sg13g2`` say.
        method: ``event``, ``gate`` or ``fpga``.
        sources: Where its numbers come from.
        error: How far the method is known to be off, in words; None if not measured.
    """

    name: str | None = None
    method: str | None = None
    sources: list[str] | None = None
    error: str | None = None


class Workload(StrictModel):
    """NeuroBench's terms, per image (operations, updates), as shares (sparsity), in bytes."""

    SynapticOperations: Operations | None = None
    ActivationSparsity: Share | None = None
    MembraneUpdates: Amount | None = None
    ConnectionSparsity: Share | None = None
    Footprint: Amount | None = None


class Report(StrictModel):
    """One run of the flow, as stored in ``report.json``."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    version: int = Field(default=SCHEMA_VERSION, alias="schema")
    network: NetworkInfo
    dataset: DatasetInfo
    accuracy: Accuracy = Accuracy()
    exact: Exact = Exact()
    cycles: Cycles = Cycles()
    clock_mhz: Annotated[float, Field(gt=0)] | None = None
    latency_ms: LatencyMs = LatencyMs()
    images_per_second: Amount | None = None
    power_mw: PowerMw = PowerMw()
    energy_uj: Amount | None = None
    energy_uj_single: Amount | None = None
    memory: Memory = Memory()
    technology: Technology = Technology()
    workload: Workload = Workload()
    versions: dict[str, str] = Field(default_factory=dict)
    detail: Detail = Detail()

    @property
    def interval_ms(self) -> float | None:
        """Time between two results in ms, images back to back; None if not measured."""
        if self.cycles.interval.mean is None or self.clock_mhz is None:
            return None
        return self.cycles.interval.mean / self.clock_mhz / 1000
