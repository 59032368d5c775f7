"""Networks that the training loop can train, whatever their learning rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch.nn.functional as functional
from torch import Tensor, nn

from train.windowed import WindowedDense, WindowedReadout

__all__ = ["SpikingNet", "WindowedMlp", "WindowedNet"]


class SpikingNet(nn.Module, ABC):
    """What the training loop asks of a network; each learning rule brings its own kind.

    The loop knows no rule: it calls :meth:`scores`, lets autograd (or the layers' own backward
    passes) fill the gradients, and steps the optimizer over :meth:`parameter_groups`.
    """

    @abstractmethod
    def scores(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Class scores of shape (B, classes), and the mean activity of hidden neurons, shape ().

        Args:
            k: Coded inputs 0..T, shape (B, inputs).
        """

    def loss(self, scores: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        """What training lowers, shape (); the scores' cross-entropy, unless a rule has its own.

        Args:
            scores: As :meth:`scores` gives them, shape (B, classes).
            targets: Classes, int64, shape (B,).
            label_smoothing: Share of the target spread over all classes.
        """
        return functional.cross_entropy(scores, targets, label_smoothing=label_smoothing)

    @abstractmethod
    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Parameter groups for torch optimizers, each with its ``lr`` at the schedule's peak."""

    @abstractmethod
    def chain(self) -> Sequence[nn.Module]:
        """The layers in order, each of a kind that evaluation and export understand."""

    def prunable(self) -> list[Any]:
        """The layers whose ``weight`` (neurons, inputs) may lose blocks; none by default.

        Each must take k of shape (B, inputs), in which 0 is silence, as its first argument.
        """
        return []


class WindowedNet(SpikingNet):
    """Hidden windowed layers in a chain, and a read-out.

    Args:
        hidden: The hidden layers, in order.
        readout: The last layer.
        dropout: Share of hidden values silenced while training.
    """

    def __init__(
        self, hidden: Sequence[nn.Module], readout: WindowedReadout, dropout: float
    ) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(hidden)
        self.readout = readout
        self.dropout = nn.Dropout(dropout)

    def forward(self, k: Tensor) -> Tensor:
        """Real scores in training mode, integer membranes in evaluation mode, (B, classes)."""
        return self.scores(k)[0]

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Weights by the size of their start, biases faster; no decay of biases and scales."""
        layers = self.chain()
        scales = [layer.log_step for layer in layers]
        scales += [layer.log_threshold for layer in self.hidden]
        biases = [layer.bias for layer in layers]
        return [
            {"params": [layer.weight for layer in self.hidden], "lr": learning_rate},
            {"params": [self.readout.weight], "lr": 0.3 * learning_rate},
            {"params": biases, "lr": 2 * learning_rate, "weight_decay": 0.0},
            {"params": scales, "lr": learning_rate, "weight_decay": 0.0},
        ]

    def chain(self) -> list[Any]:
        """Hidden layers, then the read-out."""
        return [*self.hidden, self.readout]

    def prunable(self) -> list[Any]:
        """The fully connected hidden layers."""
        return [layer for layer in self.hidden if isinstance(layer, WindowedDense)]


class WindowedMlp(WindowedNet):
    """Fully connected windowed layers and a read-out, such as 784-400-10.

    Args:
        sizes: Inputs, hidden layers and classes, such as (784, 400, 10).
        weight_bits: Width of all weights, 2 to 8.
        steps: T of every window.
        bias: Learn biases.
        threshold_per_neuron: One threshold a hidden neuron instead of one a layer.
        dropout: Share of hidden values silenced while training.
    """

    def __init__(
        self, sizes: Sequence[int], *, weight_bits: int = 4, steps: int = 15, bias: bool = True,
        threshold_per_neuron: bool = False, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        hidden = [
            WindowedDense(
                inputs, outputs, weight_bits=weight_bits, steps=steps, bias=bias,
                threshold_per_neuron=threshold_per_neuron,
            )
            for inputs, outputs in pairwise(sizes[:-1])
        ]  # fmt: skip
        readout = WindowedReadout(
            sizes[-2], sizes[-1], weight_bits=weight_bits, steps=steps, bias=bias
        )
        super().__init__(hidden, readout, dropout)

    def scores(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the classes, and the hidden layers' mean k (0..T)."""
        activity = k.new_zeros(())
        for layer in self.hidden:
            k = layer(k)
            activity = activity + k.mean() / len(self.hidden)
            k = self.dropout(k) if self.dropout.p else k
        return self.readout(k), activity
