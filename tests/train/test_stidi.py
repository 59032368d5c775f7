from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from spikeforge.errors import SpikeforgeError
from train.first_spike_pool import FirstSpikePool
from train.psp import psp
from train.recipe import Recipe
from train.rules import build_network
from train.stepped import NEVER, first_crossing, silenced
from train.stidi import StidiConv, StidiDense, StidiOutput, psp_taps
from train.stidi_net import StidiNet, desired_times

STEPS = 6
SHAPES = [(3, None), (2, 3)]


def eps(s, rise, fall):
    """The piecewise-linear PSP at a real time s after the spike."""
    if s <= 0:
        return 0.0
    if s < rise:
        return s / rise
    return 1.0 if fall is None else max(0.0, 1 - (s - rise) / fall)


@pytest.mark.parametrize(("rise", "fall"), [*SHAPES, (4, 6), (1, None), (7, 1)])
def test_taps_make_the_piecewise_linear_potential(rise, fall):
    found = psp(psp_taps(rise, fall), 20)
    scale = max(psp(psp_taps(rise, fall), 500))
    assert [value / scale for value in found] == pytest.approx(
        [eps(lag + 1, rise, fall) for lag in range(20)]
    )


def slow_forward(weight, theta, times, rise, fall):
    """Potentials of every step and first step with V >= theta (the last one, if there is none)."""
    v = [
        sum(w * eps(t - at + 1, rise, fall) for w, at in zip(weight, times, strict=True))
        for t in range(STEPS)
    ]
    crossed = [t for t in range(STEPS) if v[t] >= theta]
    return v, crossed[0] if crossed else STEPS - 1, bool(crossed)


def passed_on(weight, displaced, times, steps):
    """Displacements of the neurons that fired at ``times`` from those of the layer behind them."""
    found = []
    for i, time in enumerate(times):
        heard = [j for j in range(len(weight)) if time == NEVER or time <= steps[j]]
        total = sum(weight[j][i] * displaced[j] for j in heard) / sum(abs(row[i]) for row in weight)
        found.append(min(0.0, total) / 128 if time == NEVER else total)
    fired = [d for d, time in zip(found, times, strict=True) if time < NEVER]
    mean = sum(fired) / max(1, len(fired))
    return [d - mean * (time < NEVER) for d, time in zip(found, times, strict=True)]


def slow_network(layers, margin, image, target, rise, fall):
    """Updates -dw / rate of all layers of one image, straight from the definition.

    ``layers``: (weight, theta) each, fully connected; the last one is the output.
    """
    arriving = [list(image)]
    steps_of, fired_of = [], []
    for weight, theta in layers:
        runs = [slow_forward(row, at, arriving[-1], rise, fall)
                for row, at in zip(weight, theta, strict=True)]  # fmt: skip
        steps_of.append([step for _, step, _ in runs])
        fired_of.append([fired for _, _, fired in runs])
        arriving.append([step if fired else NEVER for _, step, fired in runs])
    out = []
    for (v, step, fired), at in zip(runs, layers[-1][1], strict=True):
        before = v[step - 1] if step else 0.0
        out.append(step - (v[step] - at) / (v[step] - before) if fired
                   else STEPS - 1 + 2 * (at - v[step]) / at)  # fmt: skip
    displaced = [max(0.0, min(out) + margin - t) for t in out]
    displaced[target] = 0.0
    displaced[target] = -sum(displaced)
    updates = []
    for at in reversed(range(len(layers))):
        (weight, theta), times = layers[at], arriving[at]
        updates.insert(0, np.array([
            [displaced[j] * eps(steps_of[at][j] - times[i] + 1, rise, fall)
             for i in range(len(times))] for j in range(len(weight))
        ]))  # fmt: skip
        in_thresholds = np.array(weight) / np.array(theta)[:, None]
        displaced = passed_on(in_thresholds, displaced, times, steps_of[at])
    return updates, fired_of


def freed(layer, scale):
    """In float64, without rounding or clipping, and thresholds that some neurons reach."""
    layer = layer.double()
    layer.rounding = False
    with torch.no_grad():
        layer.log_step.fill_(-3.0)
        layer.weight.copy_(torch.randn_like(layer.weight) * 0.5 + 0.3)
        layer.log_threshold.copy_((torch.rand_like(layer.log_threshold) + scale).log())
    return layer


def random_times(count, inputs):
    times = torch.randint(0, STEPS + 2, (count, inputs)).double()
    return torch.where(times < STEPS, times, NEVER)


def trained(layers, times, targets):
    """Gradients of the network's own loss."""
    net = StidiNet(layers[:-1], layers[-1])
    for stage in net.chain():
        times = stage(times) if isinstance(stage, FirstSpikePool) else stage.trained(times)
    scores = times * (-net.sharpness / net.steps)
    net.loss(scores, targets, 0.0).backward()


@pytest.mark.parametrize(("rise", "fall"), SHAPES)
def test_updates_are_those_of_the_definition(rise, fall):
    torch.manual_seed(1)
    taps = psp_taps(rise, fall)
    options = {"steps": STEPS, "weight_bits": 8, "threshold_per_neuron": True, "taps": taps}
    # Thresholds are in units of eps times weight; the integers are max(psp) times as large.
    layers = [
        freed(StidiDense(9, 6, **options), 0.3), freed(StidiDense(6, 5, **options), 0.2),
        freed(StidiOutput(5, 3, **options), 0.2),
    ]  # fmt: skip
    top = max(psp(taps, 99))
    plain = [
        (each.weight.detach().tolist(), each.numbers()[1].exp().detach().tolist())
        for each in layers
    ]
    with torch.no_grad():
        for each in layers:
            each.log_threshold.add_(np.log(top))
    times, targets = random_times(20, 9), torch.randint(0, 3, (20,))
    totals, fired = [np.zeros(each.weight.shape) for each in layers], []
    for image, target in zip(times.tolist(), targets.tolist(), strict=True):
        updates, fires = slow_network(plain, 0.2 * STEPS, image, target, rise, fall)
        fired.append([np.mean(part) for part in fires])
        for total, update in zip(totals, updates, strict=True):
            total += update / (STEPS**2 * 20)
    assert (np.mean(fired, 0) > 0.3).all()
    assert (np.mean(fired, 0) < 1).all()
    trained(layers, times, targets)
    for total, layer in zip(totals, layers, strict=True):
        np.testing.assert_allclose(layer.weight.grad.numpy(), total, rtol=1e-5, atol=1e-12)
        assert np.abs(total).max() > 1e-4


def as_matrix(conv):
    """The weights of a convolution as a matrix (outputs, inputs), and where each came from."""
    each = torch.eye(conv.inputs, dtype=torch.float64).view(conv.inputs, *conv.shape)
    index = torch.arange(1.0, conv.weight.numel() + 1).double().view(conv.weight.shape)
    place = torch.nn.functional.conv2d(each, index, None, conv.stride, conv.padding).flatten(1).t()
    place = place.round().long()
    matrix = torch.cat([torch.zeros(1).double(), conv.weight.detach().flatten()])[place]
    return matrix, place


def test_a_convolution_is_the_same_definition_with_shared_weights():
    torch.manual_seed(2)
    taps = psp_taps(3)
    alike = {"steps": STEPS, "weight_bits": 8, "threshold_per_neuron": True, "taps": taps}
    conv = freed(StidiConv((2, 5, 5), 3, 3, stride=2, padding=1, **alike), 1.5)
    dense = freed(StidiDense(50, 27, **alike), 1.5)
    matrix, place = as_matrix(conv)
    with torch.no_grad():
        dense.weight.copy_(matrix)
        conv.log_threshold.copy_(torch.tensor([0.1, 0.5, 0.9]))
        dense.log_threshold.copy_(conv.log_threshold.repeat_interleave(9))
    given = torch.randn(7, 27, dtype=torch.float64)
    times = [random_times(7, 50).requires_grad_()]
    times.append(times[0].detach().clone().requires_grad_())
    results = [conv.trained(times[0]), dense.trained(times[1])]
    torch.testing.assert_close(*results, rtol=0, atol=0)
    assert 0.2 < (results[0] < NEVER).double().mean() < 1
    for result in results:
        (result * (result < NEVER) * given).sum().backward()
    shared = torch.zeros(conv.weight.numel() + 1).double()
    shared.index_add_(0, place.flatten(), dense.weight.grad.flatten())
    torch.testing.assert_close(conv.weight.grad.flatten(), shared[1:])
    torch.testing.assert_close(conv.log_threshold.grad, dense.log_threshold.grad.view(3, 9).sum(1))
    # Shares are those of an input's channel: the sum of |w| / theta over its kernel in all outputs.
    theta = conv.log_threshold.detach().exp()
    leaves = conv.weight.detach().abs().sum((2, 3)).div(theta[:, None]).sum(0).repeat_interleave(25)
    fires, at = times[0] < NEVER, torch.where(results[0] < NEVER, results[0], STEPS - 1).detach()
    shares = matrix / theta.repeat_interleave(9)[:, None]
    by = (given * (results[0] < NEVER))[:, :, None] * shares
    masked = (by * (times[0][:, None] <= at[:, :, None])).sum(1)
    expected = torch.where(fires, masked, by.sum(1).clamp(min=0) / 128) / leaves
    expected -= fires * ((expected * fires).sum(1) / fires.sum(1))[:, None]
    torch.testing.assert_close(times[0].grad, expected.detach())
    assert times[0].grad.abs().max() > 0.01
    assert (times[0].grad[~fires] > 0).any()


def test_desired_times_follow_the_winner_and_sum_to_no_change():
    times = torch.tensor([[2.0, 3.0, 9.0], [2.0, 3.0, 9.0], [2.0, 8.0, 9.0]])
    wanted = desired_times(times, torch.tensor([0, 1, 0]), 2.5)
    assert wanted.tolist() == [[0.5, 4.5, 9.0], [4.5, 0.5, 9.0], [2.0, 8.0, 9.0]]


@pytest.mark.parametrize("bits", [1, 4])
def test_training_sees_exactly_the_integers_of_evaluation(bits):
    torch.manual_seed(bits)
    taps = psp_taps(2, 3)
    layers = [
        StidiConv((1, 8, 8), 4, 3, weight_bits=bits, steps=9, taps=taps),
        StidiDense(144, 20, weight_bits=bits, steps=9, taps=taps),
    ]
    times = torch.randint(0, 14, (50, 64)).float()
    times = torch.where(times < 9, times, NEVER)
    for layer in layers:
        with torch.no_grad():
            layer.bias.normal_(0, 0.3 * layer.step.item())
        seen = silenced(*first_crossing(*layer.run(times)))
        torch.testing.assert_close(layer.train()(times), seen, rtol=0, atol=0)
        assert 0.05 < (seen < NEVER).float().mean() < 0.99
        times = seen


def test_binary_weights_move_while_only_their_signs_run():
    torch.manual_seed(4)
    layer = StidiDense(12, 6, weight_bits=1, steps=STEPS, taps=psp_taps(3))
    grid = layer.grids(rounding=True)[0]
    assert set(grid.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(grid, torch.where(layer.weight < 0, -1.0, 1.0))
    times = random_times(9, 12).float()
    result = layer.trained(times)
    (result * (result < NEVER)).sum().backward()
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight.sub_(1e-6 * layer.weight.grad.sign())
    assert not torch.equal(layer.weight, before)
    assert torch.equal(layer.grids(rounding=True)[0], grid)


@pytest.mark.parametrize(
    ("network", "training", "words"),
    [
        ({}, {}, r"network\.psp must be given for rule stidi-bp, such as psp = \{ rise = 4 \}"),
        ({"psp": {"rise": 3}}, {"label_smoothing": 0.1},
         r"training\.label_smoothing must be 0 for rule stidi-bp, not 0\.1: its targets are"),
    ],
)  # fmt: skip
def test_what_the_rule_cannot_do_is_refused(network, training, words):
    recipe = Recipe.model_validate(
        {"name": "r", "rule": "stidi-bp", "network": {"hidden": [9], **network},
         "training": {"epochs": 1, **training}}
    )  # fmt: skip
    with pytest.raises(SpikeforgeError, match=words):
        build_network(recipe)


def test_a_network_of_images_learns_to_tell_them_apart():
    torch.manual_seed(5)
    recipe = Recipe.model_validate(
        {"name": "r", "rule": "stidi-bp",
         "network": {"hidden": [20], "steps": 6, "psp": {"rise": 3}, "threshold_per_neuron": True},
         "training": {"epochs": 1}}
    )  # fmt: skip
    net = build_network(recipe)
    k = torch.randint(0, 7, (10, 784)).float() * (torch.rand(10, 784) < 0.2)
    optimizer = torch.optim.Adam(net.parameter_groups(3e-3))
    for _ in itertools.repeat(None, 40):
        optimizer.zero_grad()
        net.loss(net.scores(k)[0], torch.arange(10), 0.0).backward()
        optimizer.step()
    assert (net.scores(k)[0].argmax(1) == torch.arange(10)).float().mean() > 0.8


@pytest.mark.parametrize("normal", [False, True])
def test_normalized_networks_learn_their_weights_only(normal):
    torch.manual_seed(2)
    network = {"hidden": [30], "psp": {"rise": 8}, "batch_norm": normal, "steps": 8}
    net = build_network(Recipe.model_validate(
        {"name": "r", "rule": "stidi-bp", "network": network, "training": {"epochs": 1}}
    ))  # fmt: skip
    scores, _ = net.scores(torch.randint(0, 9, (16, 784)).float())
    net.loss(scores, torch.randint(0, 10, (16,)), 0.0).backward()
    for layer in net.chain():
        assert layer.weight.grad.abs().max() > 0
        for scale in (layer.log_step, layer.log_threshold, layer.bias):
            assert (scale.grad is None) == normal
