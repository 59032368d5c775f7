"""Recipes: everything that decides a training run, in one small TOML file."""

from __future__ import annotations

import math
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from spikeforge.errors import SpikeforgeError, nearest
from spikeforge.validation import StrictModel, parse
from train.catalogue import SETS
from train.network_shape import NetworkShape

__all__ = ["Augmentation", "Recipe", "Sparsity", "Training", "load_recipe", "recipe_names"]

MAX_RECIPE_BYTES = 1 << 16
Share = Annotated[float, Field(ge=0, lt=1)]


class Training(StrictModel):
    """The optimization: AdamW under a one-cycle schedule, evaluated as an average of weights.

    Attributes:
        epochs: Passes over the training images.
        min_updates: Small data sets get more epochs, until this many updates are made.
        batch_size: Images per update.
        learning_rate: Peak of the one-cycle schedule.
        warmup: Share of the updates in which the rate rises.
        weight_decay: Of the weights only.
        beta2: AdamW's memory of squared gradients.
        dropout: Share of hidden values silenced while training.
        label_smoothing: Share of the target spread over all classes.
        l1: Weight of an image's cost in the loss, as the network tells it: the mean hidden k, the
            kilocycles of hidden spikes, or the time of the first output spike.
        average_decay: Per update, of the running average of all parameters.
    """

    epochs: int = Field(ge=1, le=10_000)
    min_updates: int = Field(default=0, ge=0, le=10_000_000)
    batch_size: int = Field(default=256, ge=1, le=65_536)
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    warmup: Share = 0.15
    weight_decay: float = Field(default=0.0, ge=0, le=10)
    beta2: float = Field(default=0.99, gt=0, lt=1)
    dropout: Share = 0.0
    label_smoothing: Share = 0.0
    l1: float = Field(default=0.0, ge=0, le=100)
    average_decay: Share = 0.996


class Augmentation(StrictModel):
    """Random distortions of the training images, uniform within plus and minus these amounts.

    Attributes:
        rotation_degrees: Rotation.
        scale: Natural logarithm of the zoom, in each direction.
        shear: Shear, as tangent of the angle.
        shift_pixels: Shift in each direction.
        elastic_pixels: Standard deviation of a smooth random field of shifts.
        mirror: Exchange left and right in half of the images.
    """

    rotation_degrees: float = Field(default=0.0, ge=0, le=180)
    scale: float = Field(default=0.0, ge=0, le=1)
    shear: float = Field(default=0.0, ge=0, le=1)
    shift_pixels: float = Field(default=0.0, ge=0, le=14)
    elastic_pixels: float = Field(default=0.0, ge=0, le=14)
    mirror: bool = False


class Sparsity(StrictModel):
    """Weights that go to zero in blocks: of one input, to neighbouring neurons of a hidden layer.

    Attributes:
        lanes: Neurons of a block: those whose weights the hardware reads in one cycle.
        keep: Share of the weights that may stay, and of the cycles that reading them takes.
        start: Share of the epochs after which pruning begins.
        end: Share of the epochs after which it is done; the rest is fine-tuning.
    """

    lanes: int = Field(default=64, ge=1, le=4_096)
    keep: float = Field(gt=0, lt=1)
    start: Share = 0.15
    end: float = Field(default=0.6, gt=0, le=1)

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Sparsity:
        if self.start >= self.end:
            raise ValueError(f"end must be above start = {self.start}, not {self.end}")
        return self


class Recipe(StrictModel):
    """One training run.

    Attributes:
        name: Short name, which the exported network carries.
        rule: The learning rule, by its name in :data:`train.rules.RULES`.
        data: The set of images, by its name in :data:`train.catalogue.SETS`.
        seed: Of all random choices, unless the caller gives another.
        sparsity: Which weights go to zero; none by default.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    rule: str = "windowed"
    data: str = "mnist"
    seed: int = Field(default=1, ge=0, lt=1 << 32)
    network: NetworkShape
    training: Training
    augmentation: Augmentation = Augmentation()
    sparsity: Sparsity | None = None

    @field_validator("data")
    @classmethod
    def _is_a_known_set(cls, data: str) -> str:
        if data not in SETS:
            raise ValueError(f"must be one of {', '.join(SETS)}{nearest(data, SETS)}")
        return data

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images."""
        return SETS[self.data].shape

    @property
    def inputs(self) -> int:
        """Pixels of an image, all channels together: inputs of the network."""
        return math.prod(self.input_shape)

    @property
    def classes(self) -> int:
        """Classes of the images: outputs of the network."""
        return SETS[self.data].classes


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    folder = resources.files("train") / "recipes"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Load a recipe that comes with the package, or one from a TOML file.

    Args:
        name_or_path: A name such as ``mnist-mlp``, or a path (ending in ``.toml``).

    Raises:
        SpikeforgeError: If there is no such recipe, or if a key or a value is not allowed.
    """
    text = str(name_or_path)
    if text in recipe_names():
        source = (resources.files("train") / "recipes" / f"{text}.toml").read_bytes()
        return _parse(source, f"recipe {text}")
    if not text.endswith(".toml") and not Path(text).is_file():
        raise SpikeforgeError(
            f"no recipe {text!r}{nearest(text, recipe_names())}; there are "
            f"{', '.join(recipe_names())}, or give the path of a .toml file"
        )
    return _parse(_read(Path(text)), text)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_RECIPE_BYTES + 1)
    except FileNotFoundError:
        raise SpikeforgeError(
            f"{path}: no such recipe file; recipes with a name are {', '.join(recipe_names())}"
        ) from None
    except OSError as error:
        raise SpikeforgeError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > MAX_RECIPE_BYTES:
        raise SpikeforgeError(
            f"{path}: a recipe has at most {MAX_RECIPE_BYTES} bytes; give a recipe's TOML file"
        )
    return data


def _parse(data: bytes, where: str) -> Recipe:
    try:
        values = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SpikeforgeError(f"{where}: not a TOML file ({error}); mend the line") from None
    return parse(Recipe, values, where)
