"""Describes a network in words and as a record."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from spikeforge.network import Network
from spikeforge.schema import Conv2d, Dense

__all__ = ["describe", "table"]


def describe(network: Network) -> dict[str, object]:
    """Everything in the file but the numbers, with both hashes."""
    return {
        "network": {
            "name": network.name,
            "architecture": network.architecture_hash(),
            "content": network.content_hash,
        },
        "structure": network.structure(),
        "weight_bits_total": network.weight_bits_total,
        "metadata": network.metadata.model_dump(mode="json"),
    }


def table(network: Network) -> Table:
    """One line a fact, one a layer."""
    title = Text(f"Network {network.name}")
    found = Table(title=title, title_justify="left", box=None, pad_edge=False, show_header=False)
    found.add_column(style="dim")
    found.add_column(overflow="fold")
    for name, text in [*_head(network), *_layers(network), *_origin(network)]:
        found.add_row(name, Text(text))
    return found


def _head(network: Network) -> list[tuple[str, str]]:
    spec = network.input
    bits = network.weight_bits_total
    shape = " x ".join(map(str, spec.shape))
    return [
        ("input", f"{shape}, coding {spec.coding.value}, {spec.steps} steps"),
        ("readout", f"{network.readout.kind.value}, {network.readout.classes} classes"),
        ("weights", f"{bits} bits ({bits / 8192:.1f} KiB)"),
    ]  # fmt: skip


def _layers(network: Network) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for layer in network.layers:
        if not isinstance(layer, Dense | Conv2d):
            lines.append((layer.name, layer.kind))
            continue
        neuron = layer.neuron
        size = f"{layer.inputs} -> {layer.outputs}" if isinstance(layer, Dense) else "conv2d"
        parts = [
            f"{layer.kind} {size}", neuron.schedule.value, f"{neuron.steps} steps",
            f"weights {layer.weight_bits} bits", f"membranes {neuron.membrane_bits} bits",
        ]  # fmt: skip
        theta = network.threshold(layer.name)
        if theta is not None:
            span = f"{theta.min()}" if theta.size == 1 else f"{theta.min()}..{theta.max()}"
            parts.append(f"threshold {span}")
        if neuron.bias_bits:
            parts.append(f"biases {neuron.bias_bits} bits")
        lines.append((layer.name, ", ".join(parts)))
    return lines


def _origin(network: Network) -> list[tuple[str, str]]:
    facts = network.metadata
    lines = [("trained on", facts.dataset or "not recorded")]
    if facts.accuracy_quantized is not None:
        text = f"{facts.accuracy_quantized:.2%} as integer network"
        if facts.accuracy_float is not None:
            text += f", {facts.accuracy_float:.2%} without rounding"
        lines.append(("accuracy", f"{text} (split: {facts.split})"))
    if facts.recipe:
        lines.append(("recipe", f"{facts.recipe.get('name', '?')}, seed {facts.seed}"))
    lines += [
        ("made by", f"spikeforge {facts.package_version or '?'}"),
        ("architecture", network.architecture_hash()),
        ("content", network.content_hash),
    ]
    return lines
