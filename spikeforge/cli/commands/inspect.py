"""``spikeforge inspect``: what is in a network file."""

from __future__ import annotations

from pathlib import Path

import click

from spikeforge.cli.common import emit, json_option, network_argument

__all__ = ["command"]


@click.command("inspect")
@network_argument
@json_option
def command(network: Path, as_json: bool) -> None:
    """Show what is in a network file: layers, widths, accuracy, recipe, hashes.

    \b
    Example:
      spikeforge inspect models/mnist-mlp.safetensors
    """
    from spikeforge.cli.inspection import describe, table
    from spikeforge.netfile import load_network

    loaded = load_network(network)
    emit(describe(loaded), as_json, table(loaded))
