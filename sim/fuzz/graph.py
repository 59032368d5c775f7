"""Random layer graphs: what follows what, before any neuron has numbers.

A :class:`Draft` grows layer by layer. Each new layer is fitted at once on what arrives, so later
layers see events as they will be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.fuzz.fit import fit_layer
from sim.fuzz.neurons import draw_neuron, pick
from sim.linear import merged, pool_max
from sim.stepped import run_stepped_merge
from spikeforge.schema import (
    AvgPool,
    Conv2d,
    Dense,
    FirstSpikePool,
    Flatten,
    InputSpec,
    Layer,
    Recurrent,
    Residual,
    ResidualKind,
    Schedule,
)
from spikeforge.shapes import Shape, output_shape
from spikeforge.traffic import Traffic, input_traffic, layer_traffic

__all__ = ["Draft", "add_block", "add_readout"]

Numbers = NDArray[np.integer]


class Draft:
    """A network that is being drawn.

    Args:
        rng: Source of chance.
        spec: Input of the network.
        schedule: Schedule of all its layers.
        arriving: What the input sends, k (B, inputs) or sums by step (B, steps, inputs).
    """

    def __init__(
        self, rng: np.random.Generator, spec: InputSpec, schedule: Schedule, arriving: Numbers
    ):
        self.rng = rng
        self.schedule = schedule
        self.layers: list[Layer] = []
        self.tensors: dict[str, Numbers] = {}
        self.shares: dict[str, float] = {}
        self.shapes: dict[str, Shape] = {"input": spec.shape}
        self.traffic: dict[str, Traffic] = {"input": input_traffic(spec, schedule)}
        self._sent: dict[str, Numbers] = {"input": arriving}
        self.last = "input"

    def name(self, kind: str) -> str:
        """A name for the next layer."""
        return f"{kind}{len(self.layers)}"

    def source(self, name: str) -> str | None:
        """What to give as a layer's source: sometimes nothing, where it is the layer before."""
        return None if name == self.last and self.rng.random() < 0.7 else name

    def add_neurons(self, layer: Dense | Conv2d, source: str) -> str:
        """Fit a layer of neurons on what its source sends, and add it."""
        fitted = fit_layer(self.rng, layer, self._sent[source], self.traffic[source])
        self.tensors.update(fitted.tensors)
        if fitted.share is not None and fitted.sent is not None:
            self.shares[layer.name] = fitted.share
            self._sent[layer.name] = fitted.sent
        return self._added(fitted.layer, [source])

    def add_merge(self, layer: Layer, sources: list[str]) -> str:
        """Add a layer without neurons."""
        arriving = [self._sent[name] for name in sources]
        traffic = layer_traffic(layer, [self.traffic[name] for name in sources], self.schedule)
        if self.schedule is Schedule.STEPPED:
            self._sent[layer.name] = run_stepped_merge(layer, arriving, traffic.total)
        elif isinstance(layer, FirstSpikePool):
            self._sent[layer.name] = pool_max(layer, arriving[0])
        else:
            self._sent[layer.name] = merged(layer, arriving)
        return self._added(layer, sources)

    def _added(self, layer: Layer, sources: list[str]) -> str:
        self.layers.append(layer)
        self.shapes[layer.name] = output_shape(layer, self.shapes[sources[0]])
        before = [self.traffic[name] for name in sources]
        self.traffic[layer.name] = layer_traffic(layer, before, self.schedule)
        self.last = layer.name
        return layer.name


def add_block(draft: Draft, widest: int) -> None:
    """Add one layer, or a fork that is joined again, after the last one."""
    channels, height, width = draft.shapes[draft.last]
    options: list[Callable[[Draft, int], object]] = [_add_fork, _add_dense]
    if min(height, width) > 1:
        options = [_add_conv, _add_conv, _add_pool, _add_fork, _add_flatten]
    elif channels <= 6:
        options.append(_add_conv)
    pick(draft.rng, *options)(draft, widest)


def add_readout(draft: Draft, neurons: int, *, fires: bool) -> None:
    """Add the last layer: dense, or now and then a convolution over the whole map."""
    rng, source = draft.rng, draft.last
    channels, height, width = draft.shapes[source]
    name = draft.name("out")
    shared = _shared(draft, source, fires=fires)
    if rng.random() < 0.2:
        layer: Dense | Conv2d = Conv2d(
            name=name, channels_in=channels, height=height, width=width, channels_out=neurons,
            kernel=(height, width), **shared,
        )  # fmt: skip
    else:
        layer = _dense(draft, name, source, neurons, shared)
    draft.add_neurons(layer, source)


def _add_dense(draft: Draft, widest: int) -> None:
    source = draft.last
    outputs = int(draft.rng.integers(1, widest + 1))
    layer = _dense(draft, draft.name("dense"), source, outputs, _shared(draft, source))
    draft.add_neurons(layer, source)


def _dense(draft: Draft, name: str, source: str, outputs: int, shared: dict[str, Any]) -> Dense:
    stepped = draft.schedule is Schedule.STEPPED
    recurrent = None
    if stepped and shared["neuron"].fires and draft.rng.random() < 0.3:
        recurrent = Recurrent(weight_bits=int(draft.rng.integers(1, 9)))
    channels, height, width = draft.shapes[source]
    inputs = channels * height * width
    return Dense(name=name, inputs=inputs, outputs=outputs, recurrent=recurrent, **shared)


def _add_conv(draft: Draft, widest: int) -> None:
    rng, source = draft.rng, draft.last
    channels, height, width = draft.shapes[source]
    kernel = tuple(int(rng.integers(1, min(4, extent + 1) + 1)) for extent in (height, width))
    padding = tuple(
        int(rng.integers(max(0, -(-(k - extent) // 2)), k + (rng.random() < 0.05)))
        for k, extent in zip(kernel, (height, width), strict=True)
    )
    stride = tuple(int(rng.integers(1, 4)) for _ in range(2))
    groups = pick(rng, 1, *(n for n in range(1, channels + 1) if channels % n == 0))
    layer = Conv2d(
        name=draft.name("conv"), channels_in=channels, height=height, width=width,
        channels_out=groups * int(rng.integers(1, max(1, 6 // groups) + 1)), kernel=kernel,
        stride=stride, padding=padding, groups=groups, **_shared(draft, source),
    )  # fmt: skip
    draft.add_neurons(layer, source)


def _add_pool(draft: Draft, widest: int) -> None:
    rng, source = draft.rng, draft.last
    channels, height, width = draft.shapes[source]
    several = draft.schedule is Schedule.WINDOWED and draft.traffic[source].multiplicity > 1
    kind = AvgPool if several or rng.random() < 0.5 else FirstSpikePool
    layer = kind(
        name=draft.name("pool"), source=draft.source(source), channels=channels, height=height,
        width=width, kernel=int(rng.integers(1, min(3, height, width) + 1)),
        stride=int(rng.integers(1, 4)),
    )  # fmt: skip
    draft.add_merge(layer, [source])


def _add_flatten(draft: Draft, widest: int) -> None:
    source = draft.last
    size = int(np.prod(draft.shapes[source]))
    layer = Flatten(name=draft.name("flat"), source=draft.source(source), size=size)
    draft.add_merge(layer, [source])
    _add_dense(draft, widest)


def _add_fork(draft: Draft, widest: int) -> None:
    """Two paths from one place, joined: a layer and the way around it, or two layers."""
    begin = draft.last
    size = int(np.prod(draft.shapes[begin]))
    one = draft.add_neurons(_alike(draft, begin), begin)
    other = begin
    if draft.traffic[one].steps != draft.traffic[begin].steps or draft.rng.random() < 0.4:
        steps = draft.traffic[one].steps
        other = draft.add_neurons(_alike(draft, begin, steps), begin)
    sources = [one, other] if draft.rng.integers(2) else [other, one]
    binary = all(draft.traffic[name].is_binary for name in sources)
    kinds = [ResidualKind.ADD]
    if draft.schedule is Schedule.STEPPED and binary:
        kinds = list(ResidualKind)
    layer = Residual(name=draft.name("join"), sources=(sources[0], sources[1]),
                     function=pick(draft.rng, *kinds), size=size)  # fmt: skip
    draft.add_merge(layer, sources)


def _alike(draft: Draft, source: str, steps: int = 0) -> Dense | Conv2d:
    """A layer that gives maps of its source's shape, over ``steps`` steps if given."""
    rng = draft.rng
    channels, height, width = draft.shapes[source]
    shared = _shared(draft, source)
    if steps or rng.random() < 0.6:
        own = steps or draft.traffic[source].steps
        shared["neuron"] = shared["neuron"].model_copy(update={"steps": own})
    if height == width == 1:
        return _dense(draft, draft.name("dense"), source, channels, shared)
    half = tuple(min(int(rng.integers(0, 2)), extent - 1) for extent in (height, width))
    return Conv2d(
        name=draft.name("conv"), channels_in=channels, height=height, width=width,
        channels_out=channels, kernel=tuple(2 * n + 1 for n in half), padding=half,
        groups=pick(rng, 1, channels), **shared,
    )  # fmt: skip


def _shared(draft: Draft, source: str, *, fires: bool = True) -> dict[str, Any]:
    """What every layer of neurons has."""
    rng = draft.rng
    stepped = draft.schedule is Schedule.STEPPED
    return {
        "source": draft.source(source),
        "weight_bits": int(rng.integers(1, 9)),
        "delay": int(rng.integers(0, 2)) if stepped else 0,
        "neuron": draw_neuron(rng, draft.schedule, draft.traffic[source].steps, fires=fires),
    }
