"""What a node does in a cycle, one bit for each kind of work, for counting."""

from __future__ import annotations

from amaranth.lib import data

__all__ = ["PROBE_FIELDS", "probe_layout"]

PROBE_FIELDS = (
    "buffer_write", "buffer_read", "row_read", "row_added", "handover", "compared", "bias_read",
    "threshold_read",
)  # fmt: skip


def probe_layout() -> data.StructLayout:
    """One bit for each kind of work that a node does in a cycle."""
    return data.StructLayout(dict.fromkeys(PROBE_FIELDS, 1))
