"""Windowed dense networks for tests: from given numbers, or random ones that really fire."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hw.config import HardwareConfig, MemoryMode, configure
from spikeforge.bounds import (
    real_weights,
    signed_bits,
    signed_range,
    unsigned_bits,
    windowed_range,
)
from spikeforge.network import Dense, InputSpec, Network, Readout
from spikeforge.schema import NeuronSpec


@dataclass
class Numbers:
    """One layer: weights (outputs, inputs), thresholds or None for the read-out, biases or None."""

    weight: object
    steps: int = 4
    bits: int = 4
    threshold: object = None
    bias: object = None
    per_neuron: bool = False
    name: str = ""


@dataclass
class Case:
    """A network with hardware for it, and encoded images."""

    network: Network
    config: HardwareConfig
    levels: np.ndarray
    fired: list[float]  # share of neurons that fire on these images, by hidden layer


def network_of(*layers: Numbers, input_steps: int, name: str = "test") -> Network:
    """A network with the narrowest widths that hold these numbers."""
    made, tensors, steps_in = [], {}, input_steps
    for number, part in enumerate(layers):
        label = part.name or ("output" if part.threshold is None else f"layer{number}")
        weight = np.asarray(part.weight, np.int8)
        tensors[f"{label}.weight"] = weight
        threshold_bits = bias_bits = 0
        bias = None
        if part.bias is not None:
            bias = tensors[f"{label}.bias"] = np.asarray(part.bias, np.int64)
            bias_bits = signed_bits(int(bias.min()), int(bias.max()))
        fires = part.threshold is not None
        if fires:
            theta = tensors[f"{label}.threshold"] = np.atleast_1d(part.threshold).astype(np.int64)
            threshold_bits = unsigned_bits(int(theta.max()))
        neuron = NeuronSpec(
            schedule="windowed", steps=part.steps, fires=fires, threshold_bits=threshold_bits,
            threshold_per_neuron=part.per_neuron, bias_bits=bias_bits,
            threshold_shape="falling" if fires else "constant",
            membrane_bits=signed_bits(*windowed_range(weight, bias, part.bits, steps_in)),
        )  # fmt: skip
        made.append(
            Dense(name=label, inputs=weight.shape[1], outputs=weight.shape[0],
                  weight_bits=part.bits, neuron=neuron)
        )  # fmt: skip
        steps_in = part.steps
    return Network(
        name=name, input=InputSpec(coding="ttfs_levels", shape=(1, 1, made[0].inputs),
                                   steps=input_steps),
        layers=tuple(made), readout=Readout(kind="max_membrane", classes=made[-1].outputs),
        tensors=tensors,
    )  # fmt: skip


def random_images(rng: np.random.Generator, inputs: int, steps: int, count: int) -> np.ndarray:
    """Encoded images of all densities, with full ones, single blanks and a burst of blanks."""
    density = rng.choice([0.0, 0.1, 0.3, 0.7, 1.0], (count, 1))
    levels = rng.integers(1, steps + 1, (count, inputs)) * (rng.random((count, inputs)) < density)
    levels[rng.random(count) < 0.05] = steps
    begin = int(rng.integers(0, max(1, count - 8)))
    levels[begin : begin + 8] = 0
    return levels.astype(np.uint8)


def random_case(
    seed: int, *, images: int = 200, widest: int = 40, deepest: int = 4, **fixed: object
) -> Case:
    """Sizes, widths, windows, thresholds, lanes and memory mode drawn from a seed.

    ``fixed`` pins some of: depth, lanes (or the widest layer's, if less), bits, memory, biases,
    per_neuron.
    """
    rng = np.random.default_rng(seed)
    depth = int(fixed.get("depth", rng.integers(1, deepest + 1)))
    sizes = [int(n) for n in rng.integers(1, widest + 1, depth + 1)]
    sizes[-1] = max(2, sizes[-1])
    steps = [int(n) for n in rng.integers(1, 21, depth + 1)]
    bits = int(fixed.get("bits", rng.integers(1, 9)))
    levels = random_images(rng, sizes[0], steps[0], images)
    arriving, layers, shares = levels.astype(np.int64), [], []
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        low, high = (-1, 0) if bits == 1 else signed_range(bits)
        weight = rng.integers(low, high + 1, (outputs, inputs))
        part = Numbers(weight=weight, steps=steps[number + 1], bits=bits)
        if fixed.get("biases", rng.integers(2)):
            part.bias = rng.integers(-30, 31, outputs)
        membranes = arriving @ real_weights(weight, bits).T + (
            0 if part.bias is None else part.bias
        )
        if number < depth - 1:
            part.per_neuron = bool(fixed.get("per_neuron", rng.integers(2)))
            busy = membranes[arriving.any(axis=1)] if arriving.any() else membranes
            height = np.quantile(busy, 1 - rng.uniform(0.1, 0.6),
                                 axis=0 if part.per_neuron else None)  # fmt: skip
            # Some thresholds low enough that the fastest neurons reach the window's first step.
            theta = np.atleast_1d(height // rng.integers(1, 5)).astype(np.int64)
            part.threshold = np.maximum(1, theta)
            arriving = np.clip(membranes // part.threshold, 0, part.steps)
            shares.append(float((arriving > 0).mean()))
        layers.append(part)
    network = network_of(*layers, input_steps=steps[0], name=f"random{seed}")
    lanes = int(fixed.get("lanes", rng.integers(1, max(sizes[1:]) + 1)))
    lanes = min(lanes, max(sizes[1:]))
    memory = MemoryMode(fixed.get("memory", ["load", "init"][rng.integers(2)]))
    return Case(network, configure(network, lanes, memory, skip_zero_rows=False), levels, shares)
