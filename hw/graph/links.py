"""Who reads whom: the streams between the nodes of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hw.node import Node

__all__ = ["Link", "links"]


@dataclass(frozen=True)
class Link:
    """One stream into a node.

    Attributes:
        source: Name of the node that sends, or ``input``.
        reader: Name of the node that takes.
        side: Which of the reader's sources this is.
    """

    source: str
    reader: str
    side: int


def links(nodes: Sequence[Node]) -> tuple[Link, ...]:
    """All streams, in the order of their readers."""
    return tuple(
        Link(source, node.name, side) for node in nodes for side, source in enumerate(node.sources)
    )
