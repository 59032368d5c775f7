"""``spikeforge models``: the network files of a folder, with accuracy and cost."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spikeforge.cli.common import json_option

__all__ = ["command"]

FIGURES = "comparison.json"


@click.command("models")
@click.argument("folder", default="models", metavar="[DIR]",
                type=click.Path(path_type=Path, file_okay=False))  # fmt: skip
@json_option
def command(folder: Path, as_json: bool) -> None:
    """List the networks of DIR (default: models) with their accuracy and what they cost.

    Costs are those that `spikeforge compare --out DIR/comparison.json` measured, of the very same
    weights; a network without them is listed all the same.

    \b
    Example:
      spikeforge models models
    """
    from deploy.compare import load_comparison
    from spikeforge.cli.common import emit
    from spikeforge.cli.listing import list_networks, listing_table
    from spikeforge.errors import SpikeforgeError

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise SpikeforgeError(
            f"{folder}: no network files (*.safetensors) in this folder; name the folder of a "
            f"checkout's models, or train one with `spikeforge train`"
        )
    figures = folder / FIGURES
    rows = load_comparison(figures).rows if figures.exists() else ()
    listed = list_networks(files, rows)
    emit({"models": [json.loads(one.model_dump_json()) for one in listed]}, as_json,
         listing_table(listed))  # fmt: skip
