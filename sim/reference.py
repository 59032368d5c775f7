"""The integer reference: what every neuron of a network does, in numpy, without torch.

Windowed layers, in closed form (the architecture page, "One neuron"): a spike k of input i adds
``w[j, i] * k`` to membrane j, which starts at the bias; neuron j fires once, at the first step t
with ``V >= theta * (T - t)``, so its value is ``k = min(T, max(0, V // theta))``. Stepped layers go
step by step (:mod:`sim.stepped`). Arrays are in the contract's order, maps (C, H, W) row-major.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sim.decide import FirstSpikeWatch, decide, largest_sum, winning_score
from sim.linear import Linear
from sim.stepped import ignore, run_stepped_layer, run_stepped_merge
from sim.windowed import run_windowed_layer
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Dense, Network
from spikeforge.schema import Conv2d, InputCoding, InputSpec, Readout, ReadoutKind, Schedule
from spikeforge.shapes import input_size, output_size, source_names
from spikeforge.traffic import network_schedule, source_traffic

__all__ = ["LayerTrace", "Trace", "event_order", "run_classes", "run_reference", "stepped_input"]

Ints = NDArray[np.int64]
Levels = NDArray[np.integer]

_NUMBERS_AT_ONCE = 1 << 25  # of a batch's largest array


@dataclass(frozen=True, kw_only=True)
class LayerTrace:
    """What one layer did, for B images.

    Attributes:
        name: Name of the layer.
        levels: Windowed: k of every neuron (behind average pooling and residual ADD, the sum of
            all that arrive at its address), shape (B, neurons), 0 for silence; None for a read-out
            layer and for stepped ones.
        spikes: Stepped: what every neuron sends in every step, shape (B, steps, neurons): 0 or 1,
            or the sum where several arrive at one address; None for windowed layers.
        membranes: Membranes in LSBs, shape (B, neurons): final ones, or those as compared in the
            step of an early decision; None for a layer without neurons.
    """

    name: str
    levels: Levels | None
    membranes: Ints | None
    spikes: Levels | None = None


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a network did, for B images.

    Attributes:
        inputs: As given: k or graded value of every input, shape (B, inputs), 0 for silence, or
            spikes, shape (B, steps, inputs).
        layers: One trace a layer.
        classes: The class, shape (B,).
        decided_step: The step in which a first spike decided, shape (B,); -1 where none did.
        spec: How the inputs become events.
        readout: How the class was read.
    """

    inputs: NDArray[np.uint8]
    layers: tuple[LayerTrace, ...]
    classes: Ints
    decided_step: Ints
    spec: InputSpec
    readout: Readout

    @property
    def outputs(self) -> Ints:
        """Membranes of the output layer, shape (B, neurons), in LSBs."""
        membranes = self.layers[-1].membranes
        assert membranes is not None  # the last layer has neurons (checks.py)
        return membranes

    @property
    def scores(self) -> Ints:
        """What each class is sent with, shape (B,): see :func:`sim.decide.winning_score`."""
        spikes = self.layers[-1].spikes
        return winning_score(self.readout, self.classes, self.outputs, spikes, self.decided_step)


def run_reference(network: Network, inputs: NDArray[np.uint8]) -> Trace:
    """Run a network on encoded images.

    Args:
        network: The network.
        inputs: k or graded value of every input, shape (B, inputs), as
            :func:`spikeforge.coding.encode` gives; for the coding ``spikes`` 0 or 1, shape
            (B, steps, inputs).

    Raises:
        SpikeforgeError: If there is no image, or the inputs are not the network's.
    """
    _check_inputs(network, inputs)
    size = _batch_size(network)
    run = _run_windowed if network_schedule(network) is Schedule.WINDOWED else _run_stepped
    parts = [run(network, inputs[at : at + size]) for at in range(0, len(inputs), size)]
    return parts[0] if len(parts) == 1 else _joined(inputs, parts)


def run_classes(network: Network, inputs: NDArray[np.uint8]) -> Ints:
    """Only the classes, shape (B,): as :func:`run_reference`, without keeping every neuron."""
    _check_inputs(network, inputs)
    size = _batch_size(network)
    starts = range(0, len(inputs), size)
    return np.concatenate([run_reference(network, inputs[at : at + size]).classes for at in starts])


def stepped_input(spec: InputSpec, inputs: NDArray[np.uint8]) -> Levels:
    """What the input of a stepped network sends in every step, shape (B, steps, inputs)."""
    if spec.coding is InputCoding.SPIKES:
        return inputs
    if spec.coding is InputCoding.GRADED:
        return np.broadcast_to(inputs[:, None], (len(inputs), spec.steps, spec.size))
    remaining = spec.steps - np.arange(spec.steps)  # the k that spikes in a step
    spikes: Levels = (inputs[:, None] == remaining[:, None]).astype(np.uint8)
    return spikes


def event_order(levels: Levels, lanes: int, steps: int) -> Ints:
    """Addresses of one image's spikes in the order of a windowed dense layer's stream.

    The order is ascending neuron group (``lanes`` neurons), then step T - k, then address.

    Args:
        levels: k of every neuron, shape (neurons,), 0 for silence.
        lanes: Neurons of a group.
        steps: T of the window.
    """
    addresses = np.flatnonzero(levels)
    times = steps - levels[addresses].astype(np.int64)
    return addresses[np.lexsort((addresses, times, addresses // lanes))]


def _run_windowed(network: Network, inputs: NDArray[np.uint8]) -> Trace:
    sources = source_names(network)
    sent: dict[str, Levels] = {"input": inputs}
    traces = []
    for layer in network.layers:
        arriving = [sent[name] for name in sources[layer.name]]
        result = run_windowed_layer(layer, network.tensors, arriving)
        if result.levels is not None:
            sent[layer.name] = result.levels
        traces.append(LayerTrace(name=layer.name, levels=result.levels, membranes=result.membranes))
    membranes = result.membranes
    assert membranes is not None  # the last layer has neurons (checks.py)
    return Trace(
        inputs=inputs, layers=tuple(traces), classes=largest_sum(network.readout, membranes),
        decided_step=np.full(len(inputs), -1, np.int64), spec=network.input,
        readout=network.readout,
    )  # fmt: skip


def _run_stepped(network: Network, inputs: NDArray[np.uint8]) -> Trace:
    sources, traffic = source_names(network), source_traffic(network)
    sent = {"input": stepped_input(network.input, inputs)}
    traces = []
    watch = FirstSpikeWatch(network.readout, len(inputs))
    for layer in network.layers:
        arriving = [sent[name] for name in sources[layer.name]]
        membranes = None
        if isinstance(layer, Dense | Conv2d):
            look = watch if layer is network.layers[-1] else ignore
            result = run_stepped_layer(layer, network.tensors, arriving[0], look)
            spikes: Levels = result.spikes
            membranes = result.membranes
        else:
            spikes = run_stepped_merge(layer, arriving, traffic[layer.name].total)
        sent[layer.name] = spikes
        traces.append(LayerTrace(name=layer.name, levels=None, membranes=membranes, spikes=spikes))
    return _decided(network, inputs, traces, watch)


def _decided(
    network: Network, inputs: NDArray[np.uint8], traces: list[LayerTrace], watch: FirstSpikeWatch
) -> Trace:
    last = traces[-1]
    assert last.membranes is not None  # the last layer has neurons (checks.py)
    assert last.spikes is not None
    decided = np.full(len(inputs), -1, np.int64)
    if network.readout.kind is ReadoutKind.FIRST_SPIKE:
        classes = watch.finish(last.membranes)
        decided = watch.decided_step
        traces[-1] = LayerTrace(
            name=last.name, levels=None, membranes=watch.membranes, spikes=last.spikes
        )
    else:
        classes = decide(network.readout, last.spikes, last.membranes)
    return Trace(
        inputs=inputs, layers=tuple(traces), classes=classes, decided_step=decided,
        spec=network.input, readout=network.readout,
    )  # fmt: skip


def _batch_size(network: Network) -> int:
    """How many images are run at once, so that no array becomes much too large."""
    stepped = network_schedule(network) is Schedule.STEPPED
    traffic, sources = source_traffic(network), source_names(network)
    largest = network.input.size * (network.input.steps if stepped else 1)
    for layer in network.layers:
        steps = traffic[sources[layer.name][0]].steps if stepped else 1
        numbers = input_size(layer) + output_size(layer)
        if isinstance(layer, Dense | Conv2d):
            numbers = Linear(network.tensors, layer).floats_per_row + 8 * output_size(layer)
        largest = max(largest, numbers * steps)
    return max(1, min(2_000, _NUMBERS_AT_ONCE // largest))


def _joined(inputs: NDArray[np.uint8], parts: Sequence[Trace]) -> Trace:
    layers = []
    for alike in zip(*(part.layers for part in parts), strict=True):
        arrays = {
            item.name: np.concatenate([getattr(one, item.name) for one in alike])
            for item in fields(LayerTrace)
            if isinstance(getattr(alike[0], item.name), np.ndarray)
        }
        layers.append(LayerTrace(**{**vars(alike[0]), **arrays}))
    return Trace(
        inputs=inputs, layers=tuple(layers),
        classes=np.concatenate([part.classes for part in parts]),
        decided_step=np.concatenate([part.decided_step for part in parts]),
        spec=parts[0].spec, readout=parts[0].readout,
    )  # fmt: skip


def _check_inputs(network: Network, inputs: NDArray[np.uint8]) -> None:
    if not len(inputs):
        raise SpikeforgeError("at least 1 image is needed, not 0")
    spec = network.input
    largest = spec.steps
    shape: tuple[int, ...] = (spec.size,)
    if spec.coding is InputCoding.SPIKES:
        largest, shape = 1, (spec.steps, spec.size)
    elif spec.coding is InputCoding.GRADED:
        largest = (1 << spec.bits) - 1
    if not np.issubdtype(inputs.dtype, np.integer) or inputs.shape[1:] != shape:
        wanted = ", ".join(["B", *map(str, shape)])
        raise SpikeforgeError(
            f"inputs must be integers of shape ({wanted}) for the coding {spec.coding.value}, not "
            f"{inputs.dtype} of shape {inputs.shape}"
        )
    if int(inputs.min()) < 0 or int(inputs.max()) > largest:
        bad = int(inputs.min()) if int(inputs.min()) < 0 else int(inputs.max())
        raise SpikeforgeError(
            f"inputs must lie in 0..{largest} for the coding {spec.coding.value}, not {bad}"
        )
