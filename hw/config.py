"""What the user chooses about the hardware; everything else follows from the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from hw.memory.technology import BuildPlatform, Technology
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Conv2d, Dense, Network

__all__ = [
    "DEFAULT_LANES", "GradedMode", "HardwareConfig", "MemoryMode", "check_lanes", "configure",
]  # fmt: skip

DEFAULT_LANES = 64
_WORTH_AN_INDEX = 0.75


class MemoryMode(StrEnum):
    """How weights, thresholds and biases get into the accelerator.

    LOAD: written at run time through the load stream (ASIC RAM, SPRAM: no initial content).
    INIT: there from the start, from hex files (``$readmemh``), and for good.
    PRELOAD: there from the start like INIT, and replaced at run time like LOAD.
    """

    LOAD = "load"
    INIT = "init"
    PRELOAD = "preload"

    @property
    def initialized(self) -> bool:
        """Memories have content from the start."""
        return self is not MemoryMode.LOAD

    @property
    def loadable(self) -> bool:
        """Content comes in through the load stream."""
        return self is not MemoryMode.INIT


class GradedMode(StrEnum):
    """How stepped layers weight graded events.

    BITPLANE: a weight row is added once for each set bit, without multipliers.
    DSP: a weight row is multiplied by the level, once.
    """

    BITPLANE = "bitplane"
    DSP = "dsp"


@dataclass(frozen=True, kw_only=True)
class HardwareConfig:
    """Hardware choices that, with the network's architecture, fix the RTL.

    Attributes:
        lanes: Neurons that a layer updates in one cycle; a narrower layer uses its own width.
        layer_lanes: Lanes of single layers, by name, in place of ``lanes``.
        memory: How content gets in.
        technology: What memories are made of; SPRAM and macros can only be loaded.
        bank_words: Depth of the deepest memory macro (a power of two); None: whatever is smallest.
        clock_gating: A clock-gating cell for each layer and for the loader.
        row_register: Windowed dense layers hold a weight row for a cycle before they add it.
            Without it they save its energy and a cycle, and need memories that are fast enough.
        lane_gating: Windowed dense layers let a membrane rest whose weight is 0: an enable for each
            lane, which becomes a clock gate.
        event_pairs: Replay buffers of windowed dense layers hold two events in a word.
        state_in_memory: Windowed dense layers keep their membranes in memory and go through all
            neurons for each event, like other accelerators, instead of group by group: a baseline.
        skip_zero_rows: Dense layers store and visit only weight rows that are not all zero. Which
            rows these are is content; how many there are is part of the architecture.
        graded: How stepped layers weight graded events.
        stall_links: A port that can hold up every link between layers, for tests of the RTL.
    """

    lanes: int = DEFAULT_LANES
    layer_lanes: Mapping[str, int] = field(default_factory=dict, hash=False)
    memory: MemoryMode = MemoryMode.LOAD
    technology: Technology = Technology.GENERIC
    bank_words: int | None = None
    clock_gating: bool = False
    row_register: bool = True
    lane_gating: bool = False
    event_pairs: bool = False
    state_in_memory: bool = False
    skip_zero_rows: bool = False
    graded: GradedMode = GradedMode.BITPLANE
    stall_links: bool = False

    def __post_init__(self) -> None:
        if self.lanes < 1:
            raise SpikeforgeError(f"lanes must be a positive integer, not {self.lanes!r}")
        if self.memory.initialized and self.technology is not Technology.GENERIC:
            raise SpikeforgeError(
                f"technology {self.technology.value} has no initial content, so memory must be "
                f"load, not {self.memory.value}"
            )
        if self.bank_words is not None and self.bank_words < 1:
            raise SpikeforgeError(f"bank_words must be at least 1, not {self.bank_words!r}")
        for name, lanes in self.layer_lanes.items():
            if lanes < 1:
                raise SpikeforgeError(f"lanes of {name} must be a positive integer, not {lanes!r}")

    def lanes_of(self, layer: str) -> int:
        """Lanes that a layer gets, before its width limits them."""
        return self.layer_lanes.get(layer, self.lanes)

    def of_layer(self, layer: str) -> HardwareConfig:
        """The same choices, with this layer's lanes as everyone's."""
        return replace(self, lanes=self.lanes_of(layer), layer_lanes={})

    @property
    def platform(self) -> BuildPlatform:
        """What memories are made of, for ``elaborate``."""
        return BuildPlatform(
            memory_technology=self.technology, bank_words=self.bank_words,
            clock_gating=self.clock_gating,
        )  # fmt: skip

    def identity(self) -> dict[str, object]:
        """The part of the configuration that is baked into the RTL, for its hash."""
        found: dict[str, object] = {"lanes": self.lanes}
        if self.layer_lanes:
            found["layer_lanes"] = dict(self.layer_lanes)
        if self.skip_zero_rows:
            found["skip_zero_rows"] = True
        if not self.row_register:
            found["row_register"] = False
        for name in ("lane_gating", "event_pairs", "state_in_memory"):
            if getattr(self, name):
                found[name] = True
        if self.graded is not GradedMode.BITPLANE:
            found["graded"] = self.graded.value
        return found


def configure(
    network: Network,
    lanes: int | Mapping[str, int] | None = None,
    memory: MemoryMode = MemoryMode.LOAD,
    *,
    skip_zero_rows: bool | None = None,
    **options: object,
) -> HardwareConfig:
    """Make a configuration that fits a network (``lanes`` None: 64, or the widest layer).

    Args:
        network: The network.
        lanes: For all layers, or by layer name; layers without an entry get the default.
        memory: How content gets in.
        skip_zero_rows: None: where that saves a quarter of the dense layers' rows or more.
        options: Other fields of :class:`HardwareConfig`.

    Raises:
        SpikeforgeError: If ``lanes`` is below 1 or beyond the widest layer (or the layer named).
    """
    widths = _widths(network)
    widest = max(widths.values(), default=1)
    single: Mapping[str, int] = {}
    if isinstance(lanes, Mapping):
        single, lanes = lanes, None
    for name, count in single.items():
        if name not in widths:
            raise SpikeforgeError(
                f"lanes must be given for layers with weights ({', '.join(widths)}), not {name!r}"
            )
        if not 1 <= count <= widths[name]:
            raise SpikeforgeError(
                f"lanes of {name} must be in 1..{widths[name]}, its width, not {count}"
            )
    if lanes is None:
        lanes = min(DEFAULT_LANES, widest)
    check_lanes(lanes, widest, network.name)
    chosen = HardwareConfig(lanes=lanes, layer_lanes=single, memory=memory, **options)  # type: ignore[arg-type]
    if skip_zero_rows is None:
        skip_zero_rows = _stored_share(network, chosen) <= _WORTH_AN_INDEX
    return replace(chosen, skip_zero_rows=skip_zero_rows)


def _stored_share(network: Network, config: HardwareConfig) -> float:
    """Share of the dense layers' weight rows (one input, ``lanes`` neurons) that are not zero."""
    stored = rows = 0
    for layer in network.layers:
        if isinstance(layer, Dense) and layer.weight_bits > 1:  # 1 bit: no weight is zero
            lanes = min(config.lanes_of(layer.name), layer.outputs)
            begins = list(range(0, layer.outputs, lanes))
            found = np.logical_or.reduceat(network.weight(layer.name) != 0, begins, axis=0)
            stored, rows = stored + int(np.count_nonzero(found)), rows + found.size
    return stored / rows if rows else 1.0


def _widths(network: Network) -> dict[str, int]:
    """What lanes of each weighted layer share: its neurons, or a group's channels of a map."""
    return {
        layer.name: layer.outputs if isinstance(layer, Dense) else _channels(layer)
        for layer in network.layers
        if isinstance(layer, Dense | Conv2d)
    }


def _channels(layer: Conv2d) -> int:
    return layer.channels_out // layer.groups


def check_lanes(lanes: int | None, widest: int, name: str) -> None:
    """Refuse lanes below 1 or beyond the widest layer (None, the default, always fits).

    Raises:
        SpikeforgeError: Names the value and the range.
    """
    if lanes is not None and not 1 <= lanes <= widest:
        raise SpikeforgeError(
            f"lanes must be in 1..{widest}, the width of the widest layer of {name}, not {lanes}"
        )
