"""Small networks of the contract, and files that can be tampered with."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from spikeforge.bounds import signed_bits, signed_range, windowed_range
from spikeforge.network import Metadata, Network
from spikeforge.schema import Dense, InputSpec, NeuronSpec, Readout


def build_parts(
    *, shape=(1, 2, 3), widths=(4, 3), weight_bits=4, steps=15, seed=0, bias_bits=6,
    per_neuron=False,
):  # fmt: skip
    """The arguments of a valid windowed network with random numbers."""
    random = np.random.default_rng(seed)
    low, high = (-1, 0) if weight_bits == 1 else signed_range(weight_bits)
    layers, tensors, inputs = [], {}, int(np.prod(shape))
    for at, width in enumerate(widths):
        fires = at < len(widths) - 1
        name = f"hidden{at}" if fires else "readout"
        weight = random.integers(low, high, (width, inputs), endpoint=True)
        tensors[f"{name}.weight"] = weight.astype(np.int8)
        bias = None
        if bias_bits:
            ends = signed_range(bias_bits)
            bias = random.integers(*ends, width, endpoint=True)
            tensors[f"{name}.bias"] = bias
        if fires:
            count = width if per_neuron else 1
            tensors[f"{name}.threshold"] = random.integers(1, 200, count)
        bits = signed_bits(*windowed_range(weight, bias, weight_bits, steps))
        neuron = NeuronSpec(
            schedule="windowed", steps=steps, membrane_bits=bits, bias_bits=bias_bits,
            fires=fires, threshold_bits=8 if fires else 0,
            threshold_per_neuron=per_neuron and fires,
            threshold_shape="falling" if fires else "constant",
        )  # fmt: skip
        layers.append(
            Dense(name=name, inputs=inputs, outputs=width, weight_bits=weight_bits, neuron=neuron)
        )
        inputs = width
    return {
        "name": "small",
        "input": InputSpec(coding="ttfs_levels", shape=shape, steps=steps),
        "layers": tuple(layers),
        "readout": Readout(kind="max_membrane", classes=widths[-1]),
        "tensors": tensors,
        "metadata": Metadata(
            dataset="MNIST", split="test", accuracy_quantized=0.975, accuracy_float=0.98, seed=3,
            recipe={"name": "small", "network": {"hidden": [4]}}, package_version="0.1.0",
            scales={layer.name: 0.125 for layer in layers}, history={"loss": [1.5, 0.25]},
        ),
    }  # fmt: skip


@pytest.fixture(scope="session")
def make_parts():
    return build_parts


@pytest.fixture(scope="session")
def make_network():
    return lambda **options: Network(**build_parts(**options))


@pytest.fixture
def parts():
    return build_parts()


def split_file(data):
    """A safetensors file's outer header, our entry in it, and the tensors' bytes."""
    length = int.from_bytes(data[:8], "little")
    outer = json.loads(data[8 : 8 + length])
    return outer, json.loads(outer["__metadata__"]["spikeforge"]), data[8 + length :]


def join_file(outer, entry, body):
    outer["__metadata__"]["spikeforge"] = json.dumps(entry)
    text = json.dumps(outer).encode()
    return len(text).to_bytes(8, "little") + text + body


@pytest.fixture(scope="session")
def edit_file():
    """Edit our header entry of a file; with ``sign``, its digest is made right again."""

    def edit(path, change, sign=True):
        outer, entry, body = split_file(path.read_bytes())
        change(entry)
        if sign:
            entry.pop("digest", None)
            text = json.dumps(entry, sort_keys=True)
            entry["digest"] = hashlib.sha256(text.encode()).hexdigest()
        path.write_bytes(join_file(outer, entry, body))

    return edit
