from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from spikeforge.bounds import signed_bits, unsigned_bits, windowed_range
from spikeforge.coding import encode
from spikeforge.errors import SpikeforgeError
from spikeforge.netfile import load_network, save_network
from spikeforge.network import Metadata
from train.evaluation import evaluate
from train.exporter import export
from train.model import WindowedMlp
from train.windowed import WindowedDense, WindowedReadout
from train.windowed_conv import WindowedConv


def integer_run(network, images):
    """The contract's equations in plain numpy: levels of all layers, final membranes."""
    k = encode(images, network.input).astype(np.int64)
    levels = []
    for layer in network.layers:
        v = k @ network.weight(layer.name).astype(np.int64).T
        if network.bias(layer.name) is not None:
            v = v + network.bias(layer.name)
        if not layer.neuron.fires:
            return levels, v
        k = np.clip(v // network.threshold(layer.name), 0, layer.neuron.steps)
        levels.append(k)
    raise AssertionError("no read-out layer")


def noisy(model, seed=1):
    """Random biases and thresholds, so that an untrained model is no special case."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, WindowedDense | WindowedReadout):
                layer.bias.normal_(0, 30 * layer.step.item())
            if isinstance(layer, WindowedDense):
                layer.log_threshold.add_(torch.randn_like(layer.log_threshold) * 0.3)
    return model


def random_images(count=64, seed=2):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, 28, 28))
    return np.where(random.random(images.shape) < 0.2, images, 0).astype(np.uint8)


@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize(("bits", "steps"), [(2, 3), (4, 15), (8, 31)])
@pytest.mark.parametrize("threshold", [0, 90])
def test_torch_in_evaluation_mode_equals_the_exported_integers(per_neuron, bits, steps, threshold):
    torch.manual_seed(bits)
    model = WindowedMlp(
        (784, 30, 20, 10), weight_bits=bits, steps=steps, threshold_per_neuron=per_neuron
    )
    network = export(noisy(model), input_threshold=threshold)
    images = random_images()
    levels, membranes = integer_run(network, images)
    result = evaluate(model, images, input_threshold=threshold)
    np.testing.assert_array_equal(result.membranes, membranes)
    np.testing.assert_array_equal(result.classes, membranes.argmax(1))
    assert len(result.levels) == len(levels) == 2
    for ours, theirs in zip(result.levels, levels, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert 0 < (levels[0] > 0).mean() < 1


def test_widths_are_the_narrowest_that_hold():
    network = export(noisy(WindowedMlp((784, 30, 10))))
    for layer in network.layers:
        weight, bias = network.weight(layer.name), network.bias(layer.name)
        low, high = windowed_range(weight, bias, 4, 15)
        assert layer.neuron.membrane_bits == signed_bits(low, high)
        assert layer.neuron.bias_bits == signed_bits(int(bias.min()), int(bias.max()))
    assert network.layers[0].neuron.threshold_bits == unsigned_bits(
        int(network.threshold("hidden1").max())
    )
    assert network.layers[1].neuron.threshold_bits == 0


def test_scales_turn_integers_back_into_real_units():
    model = WindowedMlp((784, 30, 10))
    network = export(model)
    scale = network.metadata.scales["readout"]
    error = network.weight("readout") * scale - model.readout.weight.detach().numpy()
    clipped = np.isin(network.weight("readout"), [-8, 7])
    assert np.abs(error[~clipped]).max() <= scale * 0.5001
    assert set(network.metadata.scales) == {"hidden1", "readout"}


def test_a_model_without_biases_has_none_in_the_contract():
    network = export(WindowedMlp((784, 30, 10), bias=False))
    assert network.bias("hidden1") is None
    assert network.layers[0].neuron.bias_bits == 0


def test_a_users_own_sequential_exports_and_survives_a_file(tmp_path):
    torch.manual_seed(4)
    model = nn.Sequential(
        nn.Flatten(), nn.Dropout(0.1),
        nn.Sequential(WindowedDense(36, 20, steps=7), nn.Identity()),
        WindowedReadout(20, 4, steps=7),
    )  # fmt: skip
    network = export(model, name="mine", metadata=Metadata(dataset="my own", seed=3))
    save_network(network, tmp_path / "mine.safetensors")
    again = load_network(tmp_path / "mine.safetensors")
    assert again.content_hash == network.content_hash
    assert again.input.shape == (1, 1, 36)
    assert (again.metadata.dataset, again.metadata.seed) == ("my own", 3)
    assert again.metadata.package_version


def test_convolutions_and_a_flatten_stand_in_the_contract():
    model = nn.Sequential(
        WindowedConv((1, 9, 9), 4, 3, stride=2, padding=1), nn.Dropout(0.1),
        WindowedConv((4, 5, 5), 6, 3, groups=2, threshold_per_neuron=True), nn.Flatten(),
        WindowedReadout(54, 3),
    )  # fmt: skip
    network = export(model)
    assert network.input.shape == (1, 9, 9)
    assert [layer.name for layer in network.layers] == ["conv1", "conv2", "flatten", "readout"]
    first, second = network.layers[:2]
    assert (first.kernel, first.stride, first.padding, first.groups) == ((3, 3), (2, 2), (1, 1), 1)
    assert (second.channels_in, second.height, second.channels_out, second.groups) == (4, 5, 6, 2)
    assert network.weight("conv2").shape == (6, 2, 3, 3)
    assert network.threshold("conv1").shape == (1,)
    assert network.threshold("conv2").shape == (6,)


def test_a_shape_can_be_given():
    model = nn.Sequential(WindowedReadout(36, 4))
    assert export(model, input_shape=(1, 6, 6)).input.shape == (1, 6, 6)
    with pytest.raises(SpikeforgeError, match="36 inputs"):
        export(model, input_shape=(1, 5, 5))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Sequential(WindowedDense(9, 4), nn.ReLU(), WindowedReadout(4, 2)),
         r"module '1' is a ReLU, which has no integer counterpart; build the model from Windowed"),
        (nn.Sequential(nn.Sequential(nn.Linear(9, 4)), WindowedReadout(4, 2)),
         r"module '0\.0' is a Linear"),
        (nn.Linear(9, 4), r"module 'model' is a Linear"),
        (nn.Sequential(WindowedDense(9, 4)), r"last layer .* WindowedReadout, not WindowedDense"),
        (nn.Sequential(), r"last layer of a model must be a WindowedReadout, not nothing"),
        (nn.Sequential(WindowedReadout(9, 4), WindowedReadout(4, 2)), r"module '0' is a Windowed"),
        (nn.Sequential(WindowedDense(9, 4), WindowedReadout(5, 2)),
         r"module '1' takes 5 inputs of 15 steps, but the layer before gives 4 of 15"),
        (nn.Sequential(WindowedDense(9, 4), WindowedReadout(4, 2, steps=9)), r"inputs of 9 steps"),
        (nn.Sequential(WindowedDense(9, 8), WindowedConv((2, 2, 2), 1, 2), WindowedReadout(1, 2)),
         r"module '1' takes maps of the shape \(2, 2, 2\), but the layer before gives \(8, 1, 1\)"),
    ],
)  # fmt: skip
def test_what_has_no_integer_counterpart_is_refused_by_name(model, words):
    with pytest.raises(SpikeforgeError, match=words):
        export(model)


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("weight", float("nan"), r"hidden1\.weight must hold finite numbers only"),
        ("bias", float("inf"), r"hidden1\.bias must hold finite numbers only"),
        ("log_step", -300.0, r"hidden1\.step must be a finite number above 0, not 0\.0"),
        ("log_step", 300.0, r"hidden1\.step must be a finite number above 0, not inf"),
        ("log_threshold", 60.0, r"hidden1\.threshold_bits must be at most 32, not \d+"),
    ],
)
def test_numbers_that_give_no_integers_are_refused(parameter, value, words):
    model = WindowedMlp((784, 5, 10))
    with torch.no_grad():
        getattr(model.hidden[0], parameter).fill_(value)
    with pytest.raises(SpikeforgeError, match=words):
        export(model)
