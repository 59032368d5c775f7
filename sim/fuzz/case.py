"""One random network, the inputs it was fitted on, and how much it fires on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sim.fuzz.graph import Draft, add_block, add_readout
from sim.fuzz.neurons import pick
from sim.reference import stepped_input
from spikeforge.network import Network
from spikeforge.schema import InputCoding, InputSpec, Readout, ReadoutKind, Schedule

__all__ = ["FuzzCase", "random_case"]


@dataclass(frozen=True, kw_only=True)
class FuzzCase:
    """A network and encoded images.

    Attributes:
        seed: What it was drawn from.
        network: The network.
        inputs: Encoded images, as :func:`sim.reference.run_reference` takes them.
        shares: Share of neurons (times images) that fire, by layer that others read.
        hardware: What the caller's hook drew, or None.
    """

    seed: int
    network: Network
    inputs: NDArray[np.uint8]
    shares: Mapping[str, float]
    hardware: object = None


def random_case(
    seed: int,
    *,
    images: int = 6,
    deepest: int = 4,
    widest: int = 20,
    schedule: Schedule | None = None,
    readout: ReadoutKind | None = None,
    draw_hardware: Callable[[Network, np.random.Generator], object] = lambda network, rng: None,
) -> FuzzCase:
    """Draw a network over the whole contract.

    Args:
        seed: Equal seeds (and options) give equal cases.
        images: Number of encoded images; the first is blank, the second full.
        deepest: Most blocks (a layer, or a fork with its join) before the last layer.
        widest: Most neurons of a dense layer.
        schedule: Windowed or stepped; drawn if None.
        readout: How the class is read; drawn if None.
        draw_hardware: Hook that draws hardware choices for the network, from the same chance.
    """
    rng = np.random.default_rng(seed)
    chosen = schedule or pick(rng, *Schedule)
    spec = _draw_input(rng, chosen)
    inputs = _draw_images(rng, spec, images)
    arriving = stepped_input(spec, inputs) if chosen is Schedule.STEPPED else inputs
    draft = Draft(rng, spec, chosen, arriving)
    for _ in range(int(rng.integers(0, deepest + 1))):
        add_block(draft, widest)
    kind = ReadoutKind.MAX_MEMBRANE
    if chosen is Schedule.STEPPED:
        kind = readout or pick(rng, *ReadoutKind)
    read = Readout(
        kind=kind, classes=int(rng.integers(2, 6)), votes=pick(rng, 1, 1, int(rng.integers(2, 4)))
    )
    fires = kind is not ReadoutKind.MAX_MEMBRANE
    fires = fires or (chosen is Schedule.STEPPED and bool(rng.integers(2)))
    add_readout(draft, read.classes * read.votes, fires=fires)
    network = Network(
        name=f"fuzz{seed}", input=spec, layers=tuple(draft.layers), readout=read,
        tensors=draft.tensors,
    )  # fmt: skip
    return FuzzCase(
        seed=seed, network=network, inputs=inputs, shares=MappingProxyType(draft.shares),
        hardware=draw_hardware(network, rng),
    )  # fmt: skip


def _draw_input(rng: np.random.Generator, schedule: Schedule) -> InputSpec:
    shape = (int(rng.integers(2, 25)), 1, 1)
    if rng.random() < 0.3:
        shape = (1, 1, int(rng.integers(2, 25)))
    elif rng.random() < 0.7:
        shape = (int(rng.integers(1, 4)), int(rng.integers(2, 8)), int(rng.integers(2, 8)))
    coding = InputCoding.TTFS_LEVELS
    if schedule is Schedule.STEPPED:
        coding = pick(rng, *InputCoding)
    steps = int(rng.integers(1, 17 if schedule is Schedule.WINDOWED else 8))
    bits = int(rng.integers(1, 9)) if coding is InputCoding.GRADED else 0
    return InputSpec(coding=coding, shape=shape, steps=steps, bits=bits)


def _draw_images(rng: np.random.Generator, spec: InputSpec, count: int) -> NDArray[np.uint8]:
    """Images of all densities; the first is blank, the second full."""
    largest = {InputCoding.SPIKES: 1, InputCoding.GRADED: (1 << spec.bits) - 1}
    top = largest.get(spec.coding, spec.steps)
    shape: tuple[int, ...] = (count, spec.size)
    if spec.coding is InputCoding.SPIKES:
        shape = (count, spec.steps, spec.size)
    density = rng.choice([0.1, 0.3, 0.7, 1.0], (count, *(1 for _ in shape[1:])))
    values = rng.integers(1, top + 1, shape) * (rng.random(shape) < density)
    values[0] = 0
    values[1:2] = top
    return values.astype(np.uint8)
