"""The technologies that memories are built in, and how a choice reaches every memory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["BuildPlatform", "Technology", "bank_words_of", "technology_of"]


class Technology(StrEnum):
    """What a memory consists of.

    GENERIC: plain Verilog (``ram.v``), from which synthesis infers block RAM or registers.
    SPRAM: iCE40UP5K single-port RAM for large memories that are written only while loading; all
        others stay generic, that is, block RAM.
    SG13G2: macros of the IHP SG13G2 process, with one or two ports; what is smaller as registers
        stays generic, and ASIC synthesis makes registers of it.
    """

    GENERIC = "generic"
    SPRAM = "spram"
    SG13G2 = "sg13g2"


@dataclass(frozen=True, kw_only=True)
class BuildPlatform:
    """What ``elaborate`` gets as its platform when the generator writes Verilog.

    Attributes:
        memory_technology: Technology of all memories. A board's platform may carry the same
            attribute; without one, memories are generic.
        bank_words: Words of the deepest macro to use; None: whatever is smallest.
        clock_gating: Memories of parameters get a clock gate of their own: they are flip-flops in
            an ASIC, and used once a group.
    """

    memory_technology: Technology = Technology.GENERIC
    bank_words: int | None = None
    clock_gating: bool = False


def technology_of(platform: Any) -> Technology:
    """The technology that a platform asks for."""
    return Technology(getattr(platform, "memory_technology", Technology.GENERIC))


def bank_words_of(platform: Any) -> int | None:
    """The deepest macro that a platform asks for."""
    found = getattr(platform, "bank_words", None)
    return None if found is None else int(found)
