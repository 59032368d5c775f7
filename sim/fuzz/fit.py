"""Numbers for a drawn layer: weights, then thresholds at which it fires, then the widths.

A threshold is looked for between the lowest and the highest one, by running the layer of the
reference on what arrives: the higher it is, the fewer neurons fire (nearly so, for stepped ones).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.fuzz.neurons import WIDEST, WIDEST_THRESHOLD
from sim.linear import Tensors
from sim.stepped import run_stepped_layer
from sim.windowed import run_windowed_layer
from spikeforge.bounds import needed_bits, signed_bits, signed_range, unsigned_bits
from spikeforge.schema import Conv2d, Dense, NeuronSpec, Overflow, Schedule
from spikeforge.shapes import weight_shape
from spikeforge.traffic import Traffic

__all__ = ["Fitted", "fit_layer"]

Numbers = NDArray[np.integer]

LEAST_SHARE, MOST_SHARE = 0.05, 0.6
_TRIES = 6


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A layer with its numbers, and what it sends.

    Attributes:
        layer: The layer, with widths.
        tensors: Its tensors, by name.
        sent: k of its neurons (B, neurons) or their spikes (B, steps, neurons); None where it
            does not fire.
        share: Share of neurons (times images) that fire; None where it does not fire.
    """

    layer: Dense | Conv2d
    tensors: dict[str, Numbers]
    sent: Numbers | None
    share: float | None


def fit_layer(
    rng: np.random.Generator, layer: Dense | Conv2d, arriving: Numbers, source: Traffic
) -> Fitted:
    """Draw a layer's numbers so that 5 to 60 % of its neurons fire on what arrives.

    Args:
        rng: Source of chance.
        layer: A layer with the widest states and thresholds.
        arriving: What its source sends, k (B, inputs) or spikes (B, steps, inputs).
        source: What its source sends at most.
    """
    for attempt in range(_TRIES):
        tensors = _draw_numbers(rng, layer)
        chosen = _clipped(rng, layer, tensors, source)
        if not chosen.neuron.fires:
            return _finish(chosen, tensors, source, None)
        sent = _fit_threshold(rng, chosen, tensors, arriving, source)
        share = _share(sent)
        if LEAST_SHARE <= share <= MOST_SHARE or attempt == _TRIES - 1:
            break
    return _finish(chosen, tensors, source, sent)


def _draw_numbers(rng: np.random.Generator, layer: Dense | Conv2d) -> dict[str, Numbers]:
    shape = weight_shape(layer)
    tensors = {f"{layer.name}.weight": _draw_weights(rng, layer.weight_bits, shape)}
    if isinstance(layer, Dense) and layer.recurrent is not None:
        square = (layer.outputs, layer.outputs)
        own = _draw_weights(rng, layer.recurrent.weight_bits, square)
        tensors[f"{layer.name}.recurrent"] = own
    if rng.random() < 0.5:
        reach = int(rng.integers(1, 8 << layer.weight_bits))
        tensors[f"{layer.name}.bias"] = rng.integers(-reach, reach + 1, shape[0])
    return tensors


def _draw_weights(rng: np.random.Generator, bits: int, shape: tuple[int, ...]) -> Numbers:
    """Mostly of both signs alike; sometimes sparse, sometimes leaning up."""
    low, high = (-1, 0) if bits == 1 else signed_range(bits)
    weight = rng.integers(low, high + 1, shape)
    if rng.random() < 0.4:
        weight = np.maximum(weight, rng.integers(low, high + 1, shape))
    if bits > 1 and rng.random() < 0.3:
        weight *= rng.random(shape) < 0.5
    return weight.astype(np.int8)


def _clipped(
    rng: np.random.Generator, layer: Dense | Conv2d, tensors: Tensors, source: Traffic
) -> Dense | Conv2d:
    """Where a layer clips: states somewhat narrower than they would have to be."""
    if layer.neuron.overflow is not Overflow.CLIP:
        return layer
    current, membrane = needed_bits(_quiet(layer), tensors, source)
    return _with(
        layer, current_bits=max(2, min(WIDEST, current) - int(rng.integers(0, 4))),
        membrane_bits=max(3, min(WIDEST, membrane) - int(rng.integers(0, 4))),
    )  # fmt: skip


def _quiet(layer: Dense | Conv2d) -> Dense | Conv2d:
    """The layer without firing, so without resets."""
    return layer.model_copy(update={"neuron": layer.neuron.model_copy(update={"fires": False})})


def _fit_threshold(
    rng: np.random.Generator,
    layer: Dense | Conv2d,
    tensors: dict[str, Numbers],
    arriving: Numbers,
    source: Traffic,
) -> Numbers:
    """Set a threshold (or one a neuron) at which the wanted share fires; returns what is sent."""
    neurons = weight_shape(layer)[0] if layer.neuron.threshold_per_neuron else 1
    spread = rng.uniform(0.6, 1.6, neurons)
    wanted = rng.uniform(LEAST_SHARE * 2, MOST_SHARE * 0.8)
    reached = needed_bits(_quiet(layer), tensors, source)[1]
    low, high = 0, 1 << min(WIDEST_THRESHOLD - 1, reached - 1, layer.neuron.membrane_bits - 1)
    best: tuple[float, Numbers, Numbers] | None = None
    while low + 1 < high or best is None:
        middle = max(1, (low + high) // 2)
        theta = np.clip((spread * middle).astype(np.int64), 1, (1 << WIDEST_THRESHOLD) - 1)
        tensors[f"{layer.name}.threshold"] = theta
        sent = _run(layer, tensors, arriving)
        share = _share(sent)
        if best is None or abs(share - wanted) < best[0]:
            best = (abs(share - wanted), theta, sent)
        low, high = (middle, high) if share > wanted else (low, middle)
    tensors[f"{layer.name}.threshold"] = best[1]
    return best[2]


def _run(layer: Dense | Conv2d, tensors: Tensors, arriving: Numbers) -> Numbers:
    if layer.neuron.schedule is Schedule.STEPPED:
        return run_stepped_layer(layer, tensors, arriving).spikes
    levels = run_windowed_layer(layer, tensors, [arriving]).levels
    assert levels is not None  # the layer fires
    return levels


def _share(sent: Numbers) -> float:
    fired = sent > 0
    return float((fired.any(axis=1) if fired.ndim == 3 else fired).mean())


def _finish(
    layer: Dense | Conv2d, tensors: dict[str, Numbers], source: Traffic, sent: Numbers | None
) -> Fitted:
    """Widths: the narrowest that hold the numbers and, unless it clips, every state."""
    bias = tensors.get(f"{layer.name}.bias")
    theta = tensors.get(f"{layer.name}.threshold")
    widths = {
        "bias_bits": 0 if bias is None else signed_bits(int(bias.min()), int(bias.max())),
        "threshold_bits": 0 if theta is None else unsigned_bits(int(theta.max())),
    }
    if layer.neuron.overflow is not Overflow.CLIP:
        current, membrane = needed_bits(layer, tensors, source)
        widths |= {"current_bits": current, "membrane_bits": membrane}
    share = None if sent is None else _share(sent)
    return Fitted(layer=_with(layer, **widths), tensors=tensors, sent=sent, share=share)


def _with(layer: Dense | Conv2d, **changes: int) -> Dense | Conv2d:
    """The layer with other fields of its neuron, validated."""
    neuron = NeuronSpec(**{**dict(layer.neuron), **changes})
    return layer.model_copy(update={"neuron": neuron})
