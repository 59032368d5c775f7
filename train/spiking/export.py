"""From a trained multi-spike network to the integer network of the contract."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn

from spikeforge import __version__
from spikeforge.bounds import needed_bits, signed_bits, unsigned_bits
from spikeforge.network import Metadata, Network
from spikeforge.schema import (
    AvgPool,
    Conv2d,
    Dense,
    Flatten,
    InputCoding,
    InputSpec,
    Layer,
    NeuronSpec,
    Readout,
    ReadoutKind,
    Recurrent,
    Residual,
    ResidualKind,
    Schedule,
)
from spikeforge.shapes import output_size
from spikeforge.traffic import Traffic, input_traffic, layer_traffic
from train.export_checks import checked_integers, checked_width, stored_weight
from train.spiking.block import SewBlock
from train.spiking.layer import SpikingConv, SpikingLayer, SumPool
from train.spiking.net import InputForm, SpikingStack

__all__ = ["export_stack"]

_MOST_STATE_BITS = 48


def export_stack(model: SpikingStack, *, name: str, metadata: Metadata) -> Network:
    """Turn a network into a validated integer network; widths are the narrowest proven to hold.

    Args:
        model: The network.
        name: Its name.
        metadata: Origin and accuracy; the scales are filled in here.

    Raises:
        SpikeforgeError: If a layer has numbers that are not finite, or needs widths that the
            contract does not allow.
    """
    chain = _Chain(_input(model.form))
    for stage in model.stages:
        chain.stage(stage)
    chain.weighted("output", model.output)
    fires = model.output.neuron.fires
    kind = ReadoutKind.SPIKE_COUNT if fires else ReadoutKind.MAX_MEMBRANE
    return Network(
        name=name,
        input=chain.input,
        layers=tuple(chain.layers),
        readout=Readout(kind=kind, classes=model.output.outputs // model.votes, votes=model.votes),
        tensors=chain.tensors,
        metadata=metadata.model_copy(
            update={
                "scales": chain.scales,
                "package_version": metadata.package_version or __version__,
            }
        ),
    )


def _input(form: InputForm) -> InputSpec:
    coding = InputCoding.GRADED if form.bits else InputCoding.TTFS_LEVELS
    return InputSpec(
        coding=coding, shape=form.shape, steps=form.steps, bits=form.bits,
        threshold=form.threshold,
    )  # fmt: skip


class _Chain:
    """Grows the contract layer by layer, and follows what each one sends."""

    def __init__(self, spec: InputSpec) -> None:
        self.input = spec
        self.layers: list[Layer] = []
        self.tensors: dict[str, NDArray[np.integer]] = {}
        self.scales: dict[str, float] = {}
        self._sent: dict[str, Traffic] = {"input": input_traffic(spec, Schedule.STEPPED)}
        self._last = "input"
        self._maps = True  # the last thing sent is maps, not a vector
        self._counts: dict[str, int] = {}

    def stage(self, stage: nn.Module) -> None:
        """Add one stage."""
        if isinstance(stage, SewBlock):
            self._block(stage)
        elif isinstance(stage, SumPool):
            channels, height, width = stage.shape
            self._add(AvgPool(
                name=self._title("pool"), channels=channels, height=height, width=width,
                kernel=stage.side, stride=stage.side,
            ), self._last)  # fmt: skip
        else:
            assert isinstance(stage, SpikingLayer)
            self.weighted(
                self._title("conv" if isinstance(stage, SpikingConv) else "hidden"), stage
            )

    def weighted(self, title: str, layer: SpikingLayer) -> None:
        """Add a layer with weights, flattening maps for a dense one."""
        if self._maps and not isinstance(layer, SpikingConv) and self.layers:
            self._add(Flatten(name="flatten", size=layer.inputs), self._last)
        self._maps = isinstance(layer, SpikingConv)
        numbers = checked_integers(title, layer)
        tensors: dict[str, NDArray[np.integer]] = {
            f"{title}.weight": stored_weight(numbers.weight, layer.weight_bits)
        }
        bias = numbers.bias.numpy()
        if bias.any():
            tensors[f"{title}.bias"] = bias
        if numbers.threshold is not None:
            tensors[f"{title}.threshold"] = numbers.threshold.numpy()
        if numbers.recurrent is not None:
            tensors[f"{title}.recurrent"] = stored_weight(numbers.recurrent, layer.weight_bits)
        widest = _part(title, layer, _neuron(title, layer, tensors))
        current, membrane = needed_bits(widest, tensors, self._sent[self._last])
        widths = {
            "current_bits": checked_width(f"{title}.current_bits", current, _MOST_STATE_BITS),
            "membrane_bits": checked_width(f"{title}.membrane_bits", membrane, _MOST_STATE_BITS),
        }
        self._add(_part(title, layer, widest.neuron.model_copy(update=widths)), self._last)
        self.tensors |= tensors
        self.scales[title] = numbers.step

    def _block(self, block: SewBlock) -> None:
        before, title = self._last, self._title("join")
        for layer in block.branch:
            assert isinstance(layer, SpikingConv)
            self.weighted(self._title("conv"), layer)
        channels, height, width = block.shape
        # The first source is the branch: IAND sends (1 - first) * second.
        join = Residual(
            name=title, sources=(self._last, before), size=channels * height * width,
            function=ResidualKind(block.function),
        )  # fmt: skip
        self._add(join, self._last, before)

    def _title(self, kind: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}{self._counts[kind]}"

    def _add(self, layer: Layer, *sources: str) -> None:
        self.layers.append(layer)
        assert output_size(layer)
        arriving = [self._sent[name] for name in sources]
        self._sent[layer.name] = layer_traffic(layer, arriving, Schedule.STEPPED)
        self._last = layer.name


def _neuron(title: str, layer: SpikingLayer, tensors: dict[str, NDArray[np.integer]]) -> NeuronSpec:
    """The neuron's fields, its state as wide as the contract allows."""
    neuron, bias = layer.neuron, tensors.get(f"{title}.bias")
    threshold = tensors.get(f"{title}.threshold")
    bias_bits = 0 if bias is None else signed_bits(int(bias.min()), int(bias.max()))
    theta_bits = 0 if threshold is None else unsigned_bits(int(threshold.max()))
    return NeuronSpec(
        schedule=Schedule.STEPPED,
        steps=layer.steps,
        membrane_bits=_MOST_STATE_BITS,
        current_bits=_MOST_STATE_BITS,
        threshold_bits=checked_width(f"{title}.threshold_bits", theta_bits, 32),
        threshold_per_neuron=threshold is not None and threshold.size > 1,
        bias_bits=checked_width(f"{title}.bias_bits", bias_bits, 32),
        fires=neuron.fires,
        current_leak=neuron.current_leak,
        membrane_leak=neuron.membrane_leak,
        after_spike=neuron.after_spike,
        refractory=neuron.refractory,
    )


def _part(title: str, layer: SpikingLayer, neuron: NeuronSpec) -> Dense | Conv2d:
    if not isinstance(layer, SpikingConv):
        own = Recurrent(weight_bits=layer.weight_bits) if layer.recurrent is not None else None
        return Dense(
            name=title, weight_bits=layer.weight_bits, neuron=neuron, inputs=layer.inputs,
            outputs=layer.outputs, recurrent=own,
        )  # fmt: skip
    channels, height, width = layer.shape
    return Conv2d(
        name=title, weight_bits=layer.weight_bits, neuron=neuron, channels_in=channels,
        height=height, width=width, channels_out=layer.map[0], kernel=(layer.kernel,) * 2,
        stride=(layer.stride,) * 2, padding=(layer.padding,) * 2,
    )  # fmt: skip
