"""Random hardware for a random network: lanes, memories and whatever else may be chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw.config import GradedMode, HardwareConfig, MemoryMode, configure
from hw.memory.technology import Technology
from sim.fuzz.neurons import pick
from sim.model import Stalls
from spikeforge.network import Conv2d, Dense, Network

__all__ = ["Drawn", "draw_hardware", "hardware_choices"]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Hardware for one case, and how its streams stall."""

    config: HardwareConfig
    stalls: Stalls


def draw_hardware(network: Network, rng: np.random.Generator) -> Drawn:
    """Draw hardware that can be built for a network; every link of it can be held up."""
    widths = [
        layer.outputs if isinstance(layer, Dense) else layer.channels_out // layer.groups
        for layer in network.layers
        if isinstance(layer, Dense | Conv2d)
    ]
    lanes = int(rng.integers(1, max(widths) + 1)) if rng.random() < 0.7 else None
    memory = pick(rng, MemoryMode.LOAD, MemoryMode.INIT)
    technology = Technology.GENERIC
    if memory is MemoryMode.LOAD and rng.random() < 0.3:
        technology = pick(rng, Technology.SPRAM, Technology.SG13G2)
    config = configure(
        network, lanes, memory, technology=technology, graded=pick(rng, *GradedMode),
        skip_zero_rows=bool(rng.random() < 0.25), clock_gating=bool(rng.random() < 0.25),
        stall_links=True,
    )  # fmt: skip
    stalls = Stalls(
        seed=int(rng.integers(1, 1 << 62)), offer=float(rng.uniform(0.2, 1)),
        take=float(rng.uniform(0.1, 1)), passing=float(rng.uniform(0.3, 1)),
    )  # fmt: skip
    return Drawn(config=config, stalls=stalls)


def hardware_choices(config: HardwareConfig) -> set[str]:
    """The choices that a configuration makes, as ``field=value``."""
    found = {
        f"memory={config.memory.value}", f"technology={config.technology.value}",
        f"graded={config.graded.value}",
    }  # fmt: skip
    options = ("skip_zero_rows", "clock_gating")
    return found | {f"hardware={name}" for name in options if getattr(config, name)}
