"""Block sparsity: weights of one input to neighbouring neurons go to exactly zero together.

A weight row of the hardware holds one input's weights to ``lanes`` neurons. A row that is all zero
need neither be stored nor read, so rows are what is pruned: gradually, while the others learn to
do without (the cubic schedule is that of Zhu and Gupta, arXiv 1710.01878).

A row is worth the variance that it carries into the membranes, ``|w|^2 * mean(k^2)``, and costs its
share of all reads and of all stored rows; rows with the least worth for their cost go first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from train.model import SpikingNet
from train.recipe import Recipe

__all__ = ["Pruning", "block_norms", "kept_shares"]


@dataclass(frozen=True)
class Usage:
    """How much the inputs of one layer are used, over some images.

    Attributes:
        events: Mean events an image, shape (inputs,).
        power: Mean k squared, shape (inputs,).
    """

    events: Tensor
    power: Tensor


def block_norms(weight: Tensor, lanes: int) -> Tensor:
    """Sum of squares of each block, shape (blocks, inputs).

    Args:
        weight: Shape (neurons, inputs).
        lanes: Neurons of a block; the last block may have fewer.
    """
    return torch.stack([part.square().sum(0) for part in weight.split(lanes)])


def kept_shares(weight: Tensor, events: Tensor, lanes: int) -> tuple[float, float]:
    """Shares (0..1) of a layer's weights in blocks that are not zero, and of its row reads.

    Args:
        weight: Shape (neurons, inputs).
        events: Mean events an image of each input, shape (inputs,).
        lanes: Neurons of a block.
    """
    kept = block_norms(weight, lanes) > 0
    sizes = _sizes(weight, lanes)
    stored = (kept * sizes).sum() / (sizes.sum() * weight.shape[1])
    reads = (kept * events).sum() / (len(sizes) * events.sum())
    return float(stored), float(reads)


class Pruning:
    """Prunes the hidden fully connected layers of a network over a run, as a recipe says.

    It keeps no state: what is pruned is zero, is worth nothing, and so stays pruned.

    Args:
        recipe: With or without sparsity; without, nothing is ever pruned.
        model: The network under training.
        epochs: Of the whole run.
        sample: Coded training images, shape (B, inputs), by which inputs are weighed.

    Raises:
        SpikeforgeError: If the network has no layer that can be pruned.
    """

    def __init__(self, recipe: Recipe, model: SpikingNet, epochs: int, sample: Tensor) -> None:
        self._settings, self._epochs = recipe.sparsity, epochs
        self._model, self._sample = model, sample
        self._masks: list[Tensor] = []
        if recipe.sparsity is not None and not model.prunable():
            raise SpikeforgeError(
                f"recipe {recipe.name}: sparsity needs a hidden fully connected layer of a rule "
                f"that can be pruned, rule {recipe.rule} has none here; leave sparsity out"
            )

    def share(self, epoch: int) -> float:
        """Share of reads and of stored weights that an epoch may keep."""
        s = self._settings
        if s is None:
            return 1.0
        done = (epoch / max(1, self._epochs - 1) - s.start) / (s.end - s.start)
        left = 1 - min(max(done, 0.0), 1.0)
        return s.keep + (1 - s.keep) * left**3

    def settled(self, epoch: int) -> bool:
        """Whether an epoch keeps no more than the run's end will: only such may be chosen."""
        s = self._settings
        return s is None or self.share(epoch) <= s.keep

    def begin(self, epoch: int) -> None:
        """Choose the blocks that an epoch keeps, by the weights as they are."""
        if self._settings is None:
            return
        lanes, share = self._settings.lanes, self.share(epoch)
        self._masks = [
            _mask(layer.weight.detach(), usage, lanes, share)
            for layer, usage in _usages(self._model, self._sample)
        ]

    def apply(self, model: nn.Module) -> None:
        """Set the other blocks of a network, or of a copy of it, to zero."""
        if self._masks:
            assert isinstance(model, SpikingNet)
            with torch.no_grad():
                for layer, mask in zip(model.prunable(), self._masks, strict=True):
                    layer.weight.mul_(mask)


def _mask(weight: Tensor, usage: Usage, lanes: int, share: float) -> Tensor:
    """1 where a weight stays, 0 elsewhere: the best blocks within a share of reads and of bits."""
    if share >= 1:
        return torch.ones_like(weight)
    norms, sizes = block_norms(weight, lanes), _sizes(weight, lanes)
    reads = usage.events.expand_as(norms) / (len(sizes) * usage.events.sum())
    bits = (sizes / (sizes.sum() * weight.shape[1])).expand_as(norms)
    worth = (norms * usage.power / (reads + bits)).flatten()
    order = worth.argsort(descending=True, stable=True)
    fits = (reads.flatten()[order].cumsum(0) <= share) & (bits.flatten()[order].cumsum(0) <= share)
    kept = torch.zeros_like(worth)
    kept[order[fits & (worth[order] > 0)]] = 1
    rows = kept.view_as(norms).repeat_interleave(lanes, 0)
    return rows[: len(weight)]


def _sizes(weight: Tensor, lanes: int) -> Tensor:
    """Neurons of each block, shape (blocks, 1)."""
    return torch.tensor([[float(len(part))] for part in weight.split(lanes)])


def _usages(model: SpikingNet, sample: Tensor) -> list[tuple[Any, Usage]]:
    """Each layer that can be pruned, with what arrives there for some images."""
    layers = model.prunable()
    arriving: dict[nn.Module, Tensor] = {}

    def note(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        arriving[layer] = inputs[0].detach().flatten(1)

    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    mode = model.training
    try:
        with torch.no_grad():
            model.eval().scores(sample)
    finally:
        model.train(mode)
        for hook in hooks:
            hook.remove()
    found = [arriving[layer] for layer in layers]
    usages = [Usage(events=(k > 0).float().mean(0), power=k.square().mean(0)) for k in found]
    return list(zip(layers, usages, strict=True))
