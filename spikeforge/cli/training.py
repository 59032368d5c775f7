"""Trains a network once and keeps it: the same recipe, data and seed give it back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spikeforge import __version__
from spikeforge.cache import cache_folder
from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.netfile import load_network, save_network
from spikeforge.network import Network
from spikeforge.progress import console
from spikeforge.schema import Conv2d, Dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.reference import Trace
    from train.data import Dataset
    from train.evaluation import Evaluation
    from train.recipe import Recipe
    from train.trainer import TrainResult

_AT_ONCE = 1_000  # images whose every spike is held at once

__all__ = ["TorchLink", "Trained", "train_or_reuse"]


@dataclass(frozen=True)
class TorchLink:
    """How far the torch model and the integer reference were compared.

    Attributes:
        images: Test images, all of them.
        mismatches: Images whose class, a spike time or an output membrane differs.
    """

    images: int
    mismatches: int


@dataclass(frozen=True)
class Trained:
    """A network, how it was checked against torch, and whether it came from the cache."""

    network: Network
    torch: TorchLink
    reused: bool


def train_or_reuse(recipe: Recipe, dataset: Dataset, seed: int | None) -> Trained:
    """Train, export and compare with torch; or take what an earlier call left in the cache.

    An interrupted training goes on where it was.

    Raises:
        SpikeforgeError: If the training fails, or the cache cannot be written.
    """
    folder = cache_folder("networks")
    key = _fingerprint(recipe, dataset, seed)
    path, note = folder / f"{key}.safetensors", folder / f"{key}.json"
    if path.exists() and note.exists():
        try:
            network, link = load_network(path), TorchLink(**json.loads(note.read_text()))
            console.print("[dim]Network: recipe, data and seed unchanged, taken from the cache[/]")
            return Trained(network, link, True)
        except (SpikeforgeError, ValueError, TypeError):
            console.print("[yellow]The cached network is damaged; training it again[/]")
    from train.trainer import train

    result = train(recipe, dataset, seed, folder / f"{key}.checkpoint")
    save_network(result.network, path)  # first, since training took longest
    link = _compare_with_torch(result, dataset, recipe)
    write_atomically(note, json.dumps(link.__dict__))
    return Trained(result.network, link, False)


def _fingerprint(recipe: Recipe, dataset: Dataset, seed: int | None) -> str:
    """What decides the network: recipe, images, seed, and the code that trains."""
    digest = hashlib.sha256()
    parts = [recipe.model_dump_json(), dataset.digest, str(seed), __version__, version("torch")]
    digest.update("\n".join(parts).encode())
    for module in sorted(Path(str(files("train"))).rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:24]


def _compare_with_torch(result: TrainResult, dataset: Dataset, recipe: Recipe) -> TorchLink:
    """Every class, spike time and output membrane of every test image, torch against numpy."""
    from sim.reference import run_reference
    from spikeforge.coding import encode
    from train.evaluation import evaluate

    images = dataset.test_images
    differs = 0
    for at in range(0, len(images), _AT_ONCE):
        part = images[at : at + _AT_ONCE]
        seen = evaluate(result.model, part, input_threshold=recipe.network.input_threshold)
        trace = run_reference(result.network, encode(part, result.network.input))
        differs += int(_differing(seen, trace, result.network).sum())
    return TorchLink(len(images), differs)


def _differing(seen: Evaluation, trace: Trace, network: Network) -> NDArray[np.bool_]:
    """Images of which anything differs, shape (B,)."""
    differs: NDArray[np.bool_] = seen.classes != trace.classes
    differs |= (seen.membranes != trace.outputs).any(axis=1)
    weighted = {layer.name for layer in network.layers if isinstance(layer, Dense | Conv2d)}
    parts = [part for part in trace.layers if part.name in weighted]
    fired = [part.levels for part in parts if part.levels is not None]
    for mine, other in zip(seen.levels, fired, strict=True):
        differs |= (np.asarray(mine) != other).any(axis=1)
    spikes = [part.spikes for part in parts if part.spikes is not None]
    for mine, other in zip(seen.spikes, spikes, strict=True):
        differs |= (mine != other).any(axis=(1, 2))
    return differs
