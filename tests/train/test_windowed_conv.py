from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from spikeforge.errors import SpikeforgeError
from train.windowed import WindowedDense
from train.windowed_conv import WindowedConv, reached_positions

CASES = [
    {"shape": (1, 9, 8), "kernel": 3, "stride": 2, "padding": 1},
    {"shape": (1, 7, 7), "kernel": 4, "stride": 3, "padding": 0},
    {"shape": (4, 6, 7), "kernel": 3, "stride": 1, "padding": 1},
    {"shape": (4, 8, 8), "kernel": 3, "stride": 2, "padding": 0, "groups": 2},
]


def conv(case, channels=6, **options):
    torch.manual_seed(3)
    layer = WindowedConv(channels_out=channels, **case, **options)
    with torch.no_grad():
        layer.bias.normal_(0, 20 * layer.step.item())
        layer.log_threshold.add_(0.3 * torch.randn_like(layer.log_threshold))
    return layer


def levels(layer, count=5, seed=4):
    random = np.random.default_rng(seed)
    k = random.integers(0, 16, (count, *layer.shape)) * (random.random((count, *layer.shape)) < 0.5)
    return torch.as_tensor(k, dtype=torch.float32)


def position_by_position(layer, k):
    """The contract in plain loops over neurons, integers only."""
    numbers = layer.integers()
    weight, bias = numbers.weight.numpy(), numbers.bias.numpy()
    theta = np.broadcast_to(numbers.threshold.numpy(), bias.shape)
    pad, channels = layer.padding, layer.shape[0] // layer.groups
    maps = np.pad(k.numpy().astype(np.int64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    result = np.zeros((len(k), *layer.map), np.int64)
    for c, h, w in np.ndindex(*layer.map):
        first = c // (layer.map[0] // layer.groups) * channels
        top, left = h * layer.stride, w * layer.stride
        seen = maps[:, first : first + channels, top : top + layer.kernel,
                    left : left + layer.kernel]  # fmt: skip
        v = bias[c] + (seen * weight[c]).sum((1, 2, 3))
        result[:, c, h, w] = np.clip(v // theta[c], 0, layer.steps)
    return result


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_every_neuron_is_a_windowed_neuron_of_its_own_window(case, per_neuron, training):
    layer = conv(case, threshold_per_neuron=per_neuron).train(training)
    k = levels(layer)
    expected = position_by_position(layer, k)
    assert 0 < (expected > 0).mean() < 1
    np.testing.assert_array_equal(layer(k).detach().numpy(), expected)
    np.testing.assert_array_equal(layer(k.flatten(1)).detach().numpy(), expected)


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_a_plain_convolution(case):
    layer = conv(case).train()
    layer.rounding = False
    with torch.no_grad():  # inside the window everywhere, so that nothing is clipped
        layer.log_threshold.fill_(4.0)
        layer.bias.fill_(200.0)
    k = levels(layer).requires_grad_()
    pull = torch.randn(5, *layer.map)
    (layer(k) * pull).sum().backward()
    got = [k.grad, layer.weight.grad, layer.bias.grad, layer.log_threshold.grad]

    inputs = k.detach().clone().requires_grad_()
    weight, bias, log_threshold = (
        part.detach().clone().requires_grad_()
        for part in (layer.weight, layer.bias, layer.log_threshold)
    )
    low, high = -8 * layer.step.item(), 7 * layer.step.item()
    v = functional.conv2d(
        inputs, weight.clamp(low, high), bias, layer.stride, layer.padding, groups=layer.groups
    )
    ratio = v / log_threshold.exp()
    assert ratio.min() > 0.5
    assert ratio.max() < 15.5
    (ratio * pull).sum().backward()
    for ours, theirs in zip(got, (inputs, weight, bias, log_threshold), strict=True):
        inside = torch.ones_like(ours, dtype=torch.bool)
        if ours.shape == weight.shape:  # on the edge of clipping the two round differently
            inside = (weight.abs() - 7.5 * layer.step).abs() > 0.6 * layer.step
        torch.testing.assert_close(ours[inside], theirs.grad[inside], rtol=2e-3, atol=2e-3)


def test_a_dense_layer_reads_maps_row_major():
    layer = conv(CASES[2])
    maps = layer(levels(layer)).detach()
    dense = WindowedDense(maps[0].numel(), 3).eval()
    flat = torch.from_numpy(np.ascontiguousarray(maps.numpy()).reshape(len(maps), -1))
    torch.testing.assert_close(dense(maps), dense(flat), rtol=0, atol=0)


@pytest.mark.parametrize("case", CASES)
def test_the_positions_that_an_event_reaches(case):
    layer = conv(case)
    reached = reached_positions(layer)
    _, height, width = layer.shape
    ones = torch.ones(1, 1, layer.kernel, layer.kernel)
    for h, w in [(0, 0), (1, 2), (height // 2, width // 2), (height - 1, width - 1)]:
        event = torch.zeros(1, 1, height, width)
        event[0, 0, h, w] = 1
        seen = functional.conv2d(event, ones, None, layer.stride, layer.padding)
        assert reached[h, w] == seen.sum()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel": 9}, r"kernel must fit into the padded 8 x 8 map, not 9"),
        ({"kernel": 3, "groups": 3}, r"groups must divide 4 and 6 channels, not 3"),
    ],
)
def test_a_shape_that_does_not_work_is_refused(options, words):
    with pytest.raises(SpikeforgeError, match=words):
        WindowedConv((4, 8, 8), 6, **options)
