"""Networks of multi-spike layers in a chain: what the training loop, evaluation and export see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from train.augment import code_input
from train.model import SpikingNet
from train.network_shape import NetworkShape
from train.recipe import Recipe
from train.refusals import refuse_dropout, refuse_psp, refuse_single_spike
from train.spiking.block import SewBlock
from train.spiking.fire import Rule
from train.spiking.layer import SpikingConv, SpikingDense, SpikingLayer, SumPool
from train.spiking.neuron import Neuron, Run

__all__ = ["InputForm", "SpikingStack", "StackRun"]

_COUNT_SHARPNESS = 10.0  # of the softmax, over the share of steps with an output spike
_MEMBRANE_SHARPNESS = 5.0  # per deviation that the output layer starts with


@dataclass(frozen=True)
class InputForm:
    """How coded pixels become a tensor over steps.

    Attributes:
        shape: (channels, height, width).
        steps: T.
        bits: Of a graded value in every step; 0 for one spike a pixel.
        threshold: Pixels below it are silent (spikes only).
    """

    shape: tuple[int, int, int]
    steps: int
    bits: int = 0
    threshold: int = 0

    @property
    def scale(self) -> float:
        """Real size of one unit of input."""
        return 1.0 / ((1 << self.bits) - 1) if self.bits else 1.0

    def code(self, pixels: Tensor) -> Tensor:
        """Pixels 0..255 to k or graded values, shape (B, inputs)."""
        return code_input(pixels, self.steps, self.bits, self.threshold)

    def present(self, k: Tensor) -> Tensor:
        """What arrives in each step, shape (steps, B, channels, height, width)."""
        maps = k.reshape(len(k), *self.shape)
        if self.bits:
            return maps.expand(self.steps, *maps.shape)
        remaining = self.steps - torch.arange(self.steps, dtype=k.dtype)
        return (maps == remaining.view(-1, 1, 1, 1, 1)).to(k.dtype)


@dataclass(frozen=True)
class StackRun:
    """What a network did on some images.

    Attributes:
        spikes: Of each weighted layer, 0 or 1, shapes (steps, B, ...).
        finals: Membranes of the output layer after the last step, shape (B, neurons), in LSBs.
        classes: Shape (B,).
    """

    spikes: tuple[Tensor, ...]
    finals: Tensor
    classes: Tensor


class SpikingStack(SpikingNet):
    """Stages in a chain: layers, pools, residual blocks; the last layer is read out.

    Args:
        form: The input.
        stages: Hidden stages, in order.
        output: The last layer, ``votes`` neurons a class; read by its spikes if it fires, else by
            its final membranes.
        votes: Neurons a class.
    """

    def __init__(
        self, form: InputForm, stages: Sequence[nn.Module], output: SpikingDense, votes: int = 1
    ) -> None:
        super().__init__()
        self.form, self.votes = form, votes
        self.stages = nn.ModuleList(stages)
        self.output = output

    @classmethod
    def from_recipe(
        cls, recipe: Recipe, rule: Rule, dense: type[SpikingDense] = SpikingDense,
        conv: type[SpikingConv] = SpikingConv, recurrent: type[SpikingDense] | None = None,
    ) -> SpikingStack:  # fmt: skip
        """The network of a recipe.

        Args:
            recipe: The recipe.
            rule: The rule of all its layers.
            dense: Kind of the hidden fully connected layers.
            conv: Kind of the convolutions.
            recurrent: Kind of the last hidden layer, where it is another.

        Raises:
            SpikeforgeError: If the recipe asks for what no multi-spike network can do.
        """
        shape = recipe.network
        _refuse(recipe)
        form = InputForm(recipe.input_shape, shape.steps, shape.input_bits, shape.input_threshold)
        options: dict[str, Any] = {
            "rule": rule, "steps": shape.steps, "weight_bits": shape.weight_bits,
            "bias": shape.bias, "threshold_per_neuron": shape.threshold_per_neuron,
            "batch_norm": shape.batch_norm,
        }  # fmt: skip
        stages, size, scale = _stages(shape, form, options, dense, conv, recurrent)
        fires = shape.readout == "spike_count"
        output = SpikingDense(
            size, recipe.classes * shape.votes, neuron=Neuron.of(shape.neuron, fires=fires),
            input_scale=scale, **{**options, "batch_norm": False},
        )  # fmt: skip
        return cls(form, stages, output, shape.votes)

    def weighted(self) -> list[SpikingLayer]:
        """All layers with weights, in the order of the contract."""
        return [part for part in self.modules() if isinstance(part, SpikingLayer)]

    def scores(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the classes, and hidden spikes per neuron and image."""
        x = self.form.present(k)
        spikes, neurons = k.new_zeros(()), 0
        for stage in self.stages:
            x = stage(x)
            if isinstance(stage, SpikingLayer):
                spikes = spikes + x.sum() / len(k)
                neurons += stage.outputs
        result = self.output(x)
        if self.output.neuron.fires:
            result = result.sum(0) * (_COUNT_SHARPNESS / self.form.steps)
        else:
            result = result * _MEMBRANE_SHARPNESS
        by_class = result.view(len(k), -1, self.votes).mean(2)
        return by_class, spikes / max(1, neurons)

    @torch.no_grad()
    def run(self, k: Tensor) -> StackRun:
        """Evaluation: integers, unless rounding is off."""
        x = self.form.present(k)
        spikes: list[Tensor] = []
        for stage in self.stages:
            x = _evaluated(stage, x, spikes)
        last = self.output.run(x)
        return StackRun((*spikes, last.spikes), last.finals, self._classes(last))

    def _classes(self, last: Run) -> Tensor:
        """The most spikes, then the largest sum of V; else the largest sum of V."""
        heights = last.finals.double().view(len(last.finals), -1, self.votes).sum(2)
        if self.output.neuron.fires:
            counts = last.spikes.sum(0).view_as(last.finals).view(len(heights), -1, self.votes)
            most = counts.sum(2)
            heights = torch.where(most == most.amax(1, keepdim=True), heights, -torch.inf)
        return heights.argmax(1)

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Weights, then biases, then scales; decay of the weights only."""
        layers = self.weighted()
        kept = {id(p) for layer in layers for p in (layer.weight, layer.bias, layer.log_step)}
        others = [p for p in self.parameters() if id(p) not in kept and p.requires_grad]
        biases = [layer.bias for layer in layers if layer.bias.requires_grad]
        groups = [
            {"params": [layer.weight for layer in layers], "lr": learning_rate},
            {"params": biases, "lr": learning_rate, "weight_decay": 0.0},
            {"params": [layer.log_step for layer in layers], "lr": learning_rate,
             "weight_decay": 0.0},
            {"params": others, "lr": learning_rate, "weight_decay": 0.0},
        ]  # fmt: skip
        return [group for group in groups if group["params"]]

    def chain(self) -> list[Any]:
        """The stages, then the output layer."""
        return [*self.stages, self.output]


def _evaluated(stage: nn.Module, x: Tensor, spikes: list[Tensor]) -> Tensor:
    """Run one stage exactly, and keep the spikes of its layers."""
    if isinstance(stage, SpikingLayer):
        spikes.append(stage.run(x).spikes)
        return spikes[-1].to(torch.float32)
    if isinstance(stage, SewBlock):
        return stage.run(x, spikes)
    result: Tensor = stage(x)
    return result


def _stages(
    shape: NetworkShape, form: InputForm, options: dict[str, Any], dense: type[SpikingDense],
    conv: type[SpikingConv], recurrent: type[SpikingDense] | None,
) -> tuple[list[nn.Module], int, float]:  # fmt: skip
    """Hidden stages, the number of neurons of the last, and the real size of one of its units."""
    neuron = Neuron.of(shape.neuron)
    stages: list[nn.Module] = []
    here, scale = form.shape, form.scale
    for each in shape.conv:
        layer = conv(
            here, each.channels, each.kernel, stride=each.stride, padding=each.padding,
            neuron=neuron, input_scale=scale, **options,
        )  # fmt: skip
        stages.append(layer)
        here, scale = layer.map, 1.0
        if each.residual is not None:
            stages.append(SewBlock(here, each, neuron, conv, options))
            scale = 0.5 if each.residual == "add" else 1.0
        if each.pool > 1:
            pool = SumPool(here, each.pool)
            stages.append(pool)
            here, scale = pool.map, scale / each.pool**2
    size = here[0] * here[1] * here[2]
    last = len(shape.hidden) - 1
    for at, neurons in enumerate(shape.hidden):
        kind = recurrent if recurrent is not None and at == last else dense
        stages.append(kind(size, neurons, neuron=neuron, input_scale=scale, **options))
        size, scale = neurons, 1.0
    return stages, size, scale


def _refuse(recipe: Recipe) -> None:
    shape = recipe.network
    refuse_dropout(recipe)
    refuse_psp(recipe)
    refuse_single_spike(recipe)
    if shape.input_bits and shape.input_threshold:
        raise SpikeforgeError(
            f"network.input_threshold must be 0 where pixels are presented every step "
            f"(input_bits = {shape.input_bits}), not {shape.input_threshold}; leave one of them out"
        )
    if shape.readout == "max_membrane" and shape.votes > 1:
        raise SpikeforgeError(
            f"network.votes must be 1 for the readout max_membrane, not {shape.votes}; ask for "
            f'readout = "spike_count" to let several neurons vote'
        )
