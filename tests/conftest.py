"""What tests of several parts share. One thread a process: more would only wait for each other."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


class Done(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def line(self):
        """The one line of an error."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Run ``spikeforge ARGS`` in this process."""
    from spikeforge.cli import main

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["spikeforge", *map(str, args)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = stop.code or 0
        return Done(status, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def module_at():
    """Import a file that is in no package."""

    def load(path):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look themselves up there
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def networks(module_at):
    """The module of hand-made and random networks of the generator's tests."""
    return module_at(Path(__file__).parent / "hw" / "random_networks.py")


@pytest.fixture(scope="session")
def mnist_shaped():
    """Make 784-hidden-10 with random 4-bit weights: shaped for MNIST, and built in seconds."""
    import numpy as np

    from spikeforge.bounds import signed_bits, windowed_range
    from spikeforge.network import Metadata, Network
    from spikeforge.schema import Dense, InputSpec, NeuronSpec, Readout

    def make(name, hidden, seed=0, dataset="MNIST"):
        random = np.random.default_rng(seed)
        tensors = {"hidden1.threshold": np.array([40])}
        layers = []
        for label, inputs, outputs, fires in (
            ("hidden1", 784, hidden, True), ("readout", hidden, 10, False),
        ):  # fmt: skip
            tensors[f"{label}.weight"] = random.integers(-8, 8, (outputs, inputs)).astype(np.int8)
            tensors[f"{label}.bias"] = random.integers(-32, 32, outputs)
            bits = signed_bits(*windowed_range(np.full((1, inputs), -8), None, 4, 15)) + 1
            neuron = NeuronSpec(
                schedule="windowed", steps=15, bias_bits=6, fires=fires, membrane_bits=bits,
                threshold_bits=8 if fires else 0,
                threshold_shape="falling" if fires else "constant",
            )  # fmt: skip
            layers.append(
                Dense(name=label, inputs=inputs, outputs=outputs, weight_bits=4, neuron=neuron)
            )
        return Network(
            name=name, input=InputSpec(coding="ttfs_levels", shape=(1, 28, 28), steps=15),
            layers=tuple(layers), readout=Readout(kind="max_membrane", classes=10),
            tensors=tensors, metadata=Metadata(
                dataset=dataset, split="test", accuracy_quantized=0.1, seed=seed
            ),
        )  # fmt: skip

    return make
