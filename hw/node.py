"""What every node of the graph of layers says about itself to its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spikeforge.shapes import Shape

__all__ = ["INPUT", "Node"]

INPUT = "input"
"""Name of the accelerator's own input stream among the sources of nodes."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node: takes events from its sources, sends its own.

    Attributes:
        name: Name of the layer.
        sources: Nodes whose events it takes (``input``: the accelerator's own).
    """

    name: str
    sources: tuple[str, ...] = (INPUT,)

    if TYPE_CHECKING:  # a field of some nodes, a property of others

        @property
        def fan_in(self) -> int:
            """Addresses that arrive."""

        @property
        def width(self) -> int:
            """Neurons, addresses that leave."""

        @property
        def out_shape(self) -> Shape:
            """(C, H, W) of what leaves; addresses are ``(h * W + w) * C + c``."""

        @property
        def levels_out(self) -> int:
            """Largest level that leaves."""

    @property
    def marks_out(self) -> int:
        """Marks that leave with an image: 1 if windowed, one a step if stepped."""
        raise NotImplementedError

    @property
    def multiplicity_out(self) -> int:
        """Most events of one address that leave before a mark."""
        return 1

    @property
    def summary(self) -> str:
        """What it is, in a few words."""
        raise NotImplementedError

    @property
    def emits(self) -> bool:
        """Sends events; False for the layer that is read out."""
        return True

    @property
    def most_events(self) -> int:
        """Most events that leave before a mark."""
        return self.width * self.multiplicity_out

    @property
    def most_items(self) -> int:
        """Most events and marks that leave with an image."""
        return self.marks_out * (self.most_events + 1)
