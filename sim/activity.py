"""What a design did in a run, counted: memory accesses and operations an image, by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Activity", "Operation", "OperationKind"]


class OperationKind(StrEnum):
    """Kinds of counted operations."""

    ADD = "add"
    MULTIPLY = "multiply"
    COMPARE = "compare"
    REGISTER = "register"
    TRANSFER = "transfer"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One kind of operation in one block, as a mean over the images of a run.

    Attributes:
        block: The block that does it.
        kind: What is done.
        bits: Width of the operands; for MULTIPLY width_a * width_b (partial products), for
            REGISTER flip-flop bits written, for TRANSFER payload bits moved over a stream.
        count_per_image: How often, a mean.
    """

    block: str
    kind: OperationKind
    bits: int
    count_per_image: float


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Counters of a run.

    Attributes:
        images: Number of images in the run.
        interval_cycles: Mean cycles between results, back to back.
        latency_cycles: Mean cycles from an image's first event to its result.
        reads_per_image: Words read, by memory name, a mean.
        writes_per_image: Words written, by memory name, a mean.
        operations: All counted operations.
    """

    images: int
    interval_cycles: float
    latency_cycles: float
    reads_per_image: Mapping[str, float]
    writes_per_image: Mapping[str, float]
    operations: tuple[Operation, ...]
