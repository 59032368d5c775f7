"""The integer network: the contract that training exports and every other part reads.

A :class:`Network` is frozen and validated when it is made: shapes chain, weights lie within their
bit width, and the widths of the membranes are proven to hold in the worst case. All arithmetic is
on integers; scales to real units are metadata that no computation uses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeforge.checks import check_network
from spikeforge.schema import (
    AvgPool,
    Conv2d,
    Dense,
    FirstSpikePool,
    Flatten,
    InputSpec,
    Layer,
    Readout,
    Residual,
)
from spikeforge.validation import StrictModel

__all__ = ["Metadata", "Network"]

Tensor = NDArray[np.integer]


class Metadata(StrictModel):
    """Where a network comes from; nothing here enters any arithmetic.

    Attributes:
        dataset: Name of the data set it was trained on.
        split: Which images its accuracies are of: ``test``, or what stood in for them.
        accuracy_float: Accuracy (0..1) of the same network without rounding, on the test images.
        accuracy_quantized: Accuracy (0..1) of the integer reference on the test images.
        recipe: The training recipe, as read from its TOML file.
        seed: Seed of the training run.
        package_version: Version of Spikeforge that exported it.
        scales: Real units per LSB of each layer's membrane, by layer name; the mean where neurons
            have their own.
        history: Per epoch: training loss and validation accuracy.
    """

    dataset: str = ""
    split: str = ""
    accuracy_float: float | None = Field(default=None, ge=0, le=1)
    accuracy_quantized: float | None = Field(default=None, ge=0, le=1)
    recipe: dict[str, object] = Field(default_factory=dict)
    seed: int | None = None
    package_version: str = ""
    scales: dict[str, float] = Field(default_factory=dict)
    history: dict[str, list[float]] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Network:
    """One integer spiking network.

    Attributes:
        name: Short name, as printed in reports.
        input: How an image becomes events.
        layers: In order of computation; a layer reads the one before unless it names a source.
        readout: How a class is read from the last layer.
        tensors: Integer arrays: ``<layer>.weight`` (int8, shape of the layer),
            ``<layer>.threshold`` (int64, (1,) or (neurons,)), ``<layer>.bias`` (int64,
            (neurons,)), ``<layer>.recurrent`` (int8, (neurons, neurons)).
        metadata: Origin, accuracy, scales.

    Raises:
        SpikeforgeError: If anything does not hold; the message names field, value and range.
    """

    name: str
    input: InputSpec
    layers: tuple[Layer, ...]
    readout: Readout
    tensors: Mapping[str, Tensor]
    metadata: Metadata = field(default_factory=Metadata)

    def __post_init__(self) -> None:
        frozen = {}
        for key, value in self.tensors.items():
            array = np.array(value)
            array.setflags(write=False)
            frozen[key] = array
        object.__setattr__(self, "tensors", MappingProxyType(frozen))
        check_network(self)

    def weight(self, layer: str) -> Tensor:
        """Weights of a layer, as stored (1-bit weights: 0 stands for +1)."""
        return self.tensors[f"{layer}.weight"]

    def threshold(self, layer: str) -> Tensor | None:
        """Thresholds of a layer, shape (1,) or (neurons,), or None for one that only integrates."""
        return self.tensors.get(f"{layer}.threshold")

    def bias(self, layer: str) -> Tensor | None:
        """Biases of a layer, shape (neurons,), or None."""
        return self.tensors.get(f"{layer}.bias")

    def structure(self) -> dict[str, object]:
        """Everything but the numbers, as plain containers: what is baked into the RTL."""
        return {
            "input": self.input.model_dump(mode="json"),
            "layers": [layer.model_dump(mode="json") for layer in self.layers],
            "readout": self.readout.model_dump(mode="json"),
        }

    def architecture_hash(self, **hardware: object) -> str:
        """SHA-256 (hex) of shapes, options and widths, and of hardware choices such as lanes.

        Two networks of equal architecture run on the same RTL, with other content.
        """
        text = json.dumps({"network": self.structure(), "hardware": hardware}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def content_hash(self) -> str:
        """SHA-256 (hex) of all weights, biases and thresholds: what can be loaded at run time."""
        digest = hashlib.sha256()
        for key in sorted(self.tensors):
            array = self.tensors[key].astype("<i8")
            digest.update(f"{key}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    @property
    def weight_bits_total(self) -> int:
        """Bits of all weights together, as stored in hardware."""
        total = 0
        for layer in self.layers:
            if isinstance(layer, Dense | Conv2d):
                total += self.weight(layer.name).size * layer.weight_bits
                if isinstance(layer, Dense) and layer.recurrent is not None:
                    total += layer.outputs**2 * layer.recurrent.weight_bits
        return total


# Re-exported so that users of the contract need one import.
__all__ += ["AvgPool", "Conv2d", "Dense", "FirstSpikePool", "Flatten", "InputSpec", "Readout",
            "Residual"]  # fmt: skip
