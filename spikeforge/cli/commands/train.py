"""``spikeforge train``: from a recipe to a network file."""

from __future__ import annotations

from pathlib import Path

import click

from spikeforge.cli.common import data_option, emit, json_option, seed_option, tell_dataset

__all__ = ["command"]


@click.command("train")
@click.argument("recipe")
@data_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
              metavar="FILE", help="Network file to write.")  # fmt: skip
@seed_option
@json_option
def command(
    recipe: str, data: Path | None, out: Path, seed: int | None, as_json: bool
) -> None:  # fmt: skip
    """Train RECIPE (a name or a TOML file), quantization-aware, and write the integer network.

    An interrupted training goes on where it was when the same command is given again.

    \b
    Example:
      spikeforge train mnist-tiny --data path/to/mnist --out tiny.safetensors
    """
    from spikeforge.cli.sections import versions
    from spikeforge.cli.training import train_or_reuse
    from spikeforge.errors import MismatchError
    from spikeforge.files import prepare_folder
    from spikeforge.netfile import save_network
    from train.data import load_dataset
    from train.recipe import load_recipe

    chosen = load_recipe(recipe)
    prepare_folder(out.parent)
    dataset = load_dataset(data, chosen.data)
    tell_dataset(dataset)
    trained = train_or_reuse(chosen, dataset, seed)
    network = trained.network
    save_network(network, out)
    facts = network.metadata
    record: dict[str, object] = {
        "network": {
            "name": network.name, "architecture": network.architecture_hash(),
            "content": network.content_hash,
        },
        "dataset": {"name": dataset.name, "split": dataset.split,
                    "images": len(dataset.test_labels)},
        "accuracy": {"float": facts.accuracy_float, "quantized": facts.accuracy_quantized},
        "versions": versions(),
    }  # fmt: skip
    shown = (
        f"{network.name}: accuracy {facts.accuracy_quantized:.2%} as integer network, "
        f"{facts.accuracy_float:.2%} without rounding, on {len(dataset.test_labels)} images "
        f"({dataset.split}). Written to {out}"
    )
    emit(record, as_json, shown)
    if trained.torch.mismatches:
        raise MismatchError(
            f"torch and the integer reference differ on {trained.torch.mismatches} images"
        )
