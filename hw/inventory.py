"""What a design is made of, as far as its energy goes: memories, and flip-flops by block."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Block", "Inventory", "Memory", "MemoryKind"]


class MemoryKind(StrEnum):
    """What a memory holds."""

    WEIGHTS = "weights"
    EVENTS = "events"
    PARAMETERS = "parameters"
    STATE = "state"


@dataclass(frozen=True, kw_only=True)
class Memory:
    """One RAM of the design.

    Attributes:
        name: Its name in the hierarchy.
        block: The block that its energy is counted under.
        kind: Weights, events, parameters, or state (sums, membranes and what else neurons keep).
        width_bits: Bits of a word.
        depth: Number of words.
        ports: 1: one read/write port (weights, loaded before use); 2: one read and one write port
            usable in the same cycle (events, state).
    """

    name: str
    block: str
    kind: MemoryKind
    width_bits: int
    depth: int
    ports: int


@dataclass(frozen=True, kw_only=True)
class Block:
    """A part of the hierarchy (``hidden.integrate``, say) and the flip-flops it holds itself."""

    name: str
    flip_flops: int


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All blocks and all memories of a design."""

    blocks: tuple[Block, ...]
    memories: tuple[Memory, ...]
