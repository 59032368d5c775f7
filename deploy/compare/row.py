"""One network's line in a comparison, and the file that lines are kept in."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikeforge.bounds import real_weights
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network
from spikeforge.schema import AvgPool, Conv2d, Dense, FirstSpikePool, Residual
from spikeforge.validation import StrictModel, parse

if TYPE_CHECKING:
    from deploy.power import PowerReport
    from sim.simulate import Simulation

__all__ = ["Comparison", "Row", "describe_network", "load_comparison", "measured_row"]

SCHEMA_VERSION = 1
MAX_BYTES = 1 << 22


class Row(StrictModel):
    """What was measured of one network.

    Attributes:
        name: The network's.
        rule: Its learning rule, as its recipe says; empty if it has none.
        shape: Its layers, such as ``784-400-10``.
        steps: Time steps of the input window.
        weight_bits: Of the layers, the widest.
        weights: Number of weights that are not zero.
        architecture, content: Its hashes.
        dataset, split, images: What ran on the RTL.
        accuracy: Of the RTL on those images, 0..1.
        accuracy_test: Of the integer network on its whole test set, as training left it; None if
            it does not say.
        mismatches: Images of which class, membranes or cycles differ from the models.
        operations: Effective synaptic operations an image, in NeuroBench's sense.
        lanes: Of the widest layer.
        latency_cycles, interval_cycles: Means.
        clock_mhz, latency_ms, power_mw, energy_uj: The estimate; None where it could not be made.
        technology: What the estimate stands on.
        missing: Why there is no estimate; empty if there is one.
    """

    name: str
    rule: str
    shape: str
    steps: int
    weight_bits: int
    weights: int
    architecture: str
    content: str
    dataset: str
    split: str
    images: int
    accuracy: float
    accuracy_test: float | None
    mismatches: int
    operations: float
    lanes: int
    latency_cycles: float
    interval_cycles: float
    clock_mhz: float | None = None
    latency_ms: float | None = None
    power_mw: float | None = None
    energy_uj: float | None = None
    technology: str = ""
    missing: str = ""


class Comparison(StrictModel):
    """Rows measured alike.

    Attributes:
        version: Of this structure.
        rows: One a network.
    """

    version: int = Field(default=SCHEMA_VERSION, alias="schema")
    rows: tuple[Row, ...] = Field(strict=False)

    def to_text(self) -> str:
        """The file's content: one row a line."""
        lines = ",\n".join(f"    {row.model_dump_json()}" for row in self.rows)
        return f'{{\n  "schema": {self.version},\n  "rows": [\n{lines}\n  ]\n}}\n'


def load_comparison(path: Path) -> Comparison:
    """Read a comparison that was kept.

    Raises:
        SpikeforgeError: If it cannot be read, or has another structure.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpikeforgeError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > MAX_BYTES:
        raise SpikeforgeError(f"{path}: must be at most {MAX_BYTES} bytes; compare again")
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SpikeforgeError(f"{path}: is not valid JSON ({error}); compare again") from None
    return parse(Comparison, values, str(path))


def measured_row(
    network: Network, lanes: int, architecture: str, found: Simulation,
    labels: NDArray[np.uint8], operations: float, dataset: tuple[str, str],
    power: PowerReport | str,
) -> Row:  # fmt: skip
    """The row of a network that ran on its RTL.

    Args:
        network: The network.
        lanes: Of its widest layer.
        architecture: Its hash with the hardware's options.
        found: The run.
        labels: Classes of the images, shape (B,).
        operations: Synaptic operations an image.
        dataset: Name and split of the images.
        power: The estimate, or why there is none.
    """
    facts = describe_network(network)
    wrong = found.class_mismatches + found.cycle_mismatches
    estimate: dict[str, object] = {"missing": power}
    if not isinstance(power, str):
        estimate = {
            "clock_mhz": power.clock_mhz, "latency_ms": power.latency_ms,
            "power_mw": power.total_mw, "energy_uj": power.energy_uj, "technology": power.label,
        }  # fmt: skip
    values = {
        **facts, "architecture": architecture, "dataset": dataset[0], "split": dataset[1],
        "images": len(labels), "accuracy": float((found.classes == labels).mean()),
        "mismatches": int(wrong), "lanes": lanes, "operations": operations,
        "latency_cycles": float(found.latency_cycles.mean()),
        "interval_cycles": float(found.interval_mean), **estimate,
    }  # fmt: skip
    return parse(Row, values, f"row of {network.name}")


def describe_network(network: Network) -> dict[str, object]:
    """What a network says about itself, by the fields of a row."""
    weighted = [layer for layer in network.layers if isinstance(layer, Dense | Conv2d)]
    used = 0
    for layer in weighted:
        weight = real_weights(network.tensors[f"{layer.name}.weight"], layer.weight_bits)
        used += int(np.count_nonzero(weight))
    recipe = network.metadata.recipe
    return {
        "name": network.name, "rule": str(recipe.get("rule", "")), "shape": _shape(network),
        "steps": network.input.steps,
        "weight_bits": max(layer.weight_bits for layer in weighted), "weights": used,
        "content": network.content_hash, "accuracy_test": network.metadata.accuracy_quantized,
    }  # fmt: skip


def _shape(network: Network) -> str:
    """Such as ``784-400-10``, or ``16C5-P2-128-10``; R for recurrent, + for a residual."""
    convolved = any(isinstance(layer, Conv2d) for layer in network.layers)
    parts = [] if convolved else [str(math.prod(network.input.shape))]
    for layer in network.layers:
        if isinstance(layer, Dense):
            parts.append(f"{'R' if layer.recurrent else ''}{layer.outputs}")
        elif isinstance(layer, Conv2d):
            parts.append(f"{layer.channels_out}C{layer.kernel[0]}")
        elif isinstance(layer, AvgPool | FirstSpikePool):
            parts.append(f"P{layer.kernel}")
        elif isinstance(layer, Residual):
            parts.append("+")
    return "-".join(parts)
