from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as functional

from spikeforge.errors import SpikeforgeError
from train.first_spike_pool import FirstSpikePool
from train.recipe import Recipe
from train.rules import build_network
from train.stdbp import StdbpConv
from train.stdbp_continuous import continuous_spike_times
from train.stepped import NEVER, first_crossing, silenced

STEPS = 7


def unrounded(seed=0, **place):
    """A convolution in float64 whose weights are free, with its input spikes."""
    torch.manual_seed(seed)
    layer = StdbpConv(
        (2, 6, 5), 3, 3, weight_bits=8, steps=STEPS, bias=False, threshold_per_neuron=True, **place
    )
    layer = layer.double().train()
    layer.rounding = False
    with torch.no_grad():
        layer.log_step.fill_(-2.5)  # far from clipping any weight
        layer.weight.add_(0.1)
        layer.log_threshold.add_(torch.rand(3, dtype=torch.float64) - 0.2)
    times = torch.randint(0, STEPS + 2, (5, 60)).double()
    return layer, torch.where(times < STEPS, times, NEVER)


def continuous(layer, times):
    """The same neurons one by one in continuous time, with the convolution as a matrix."""
    each = torch.eye(60, dtype=torch.float64).view(60, *layer.shape)
    matrix = functional.conv2d(each, layer.weight, None, layer.stride, layer.padding).flatten(1)
    begin = torch.where(times < STEPS, times - 1, math.inf)
    theta = layer.numbers()[1].exp().repeat_interleave(layer.map[1] * layer.map[2])
    return continuous_spike_times(begin, matrix.t(), theta), theta


@pytest.mark.parametrize("place", [{}, {"stride": 2, "padding": 1}])
def test_gradients_are_those_of_single_neurons_in_continuous_time(place):
    layer, times = unrounded(**place)
    exact, theta = continuous(layer, times.requires_grad_())
    got = layer(times)
    within = exact <= STEPS - 1
    assert 0.3 < within.double().mean() < 1
    expected = torch.where(within, exact.ceil(), NEVER)
    torch.testing.assert_close(got, expected, rtol=0, atol=0)
    # Where the slope is not the clipped one; the others get no gradient in this comparison.
    chosen = torch.randn(exact.shape, dtype=torch.float64)
    chosen *= within & (theta / (exact + 1) > 0.05 * theta)
    parameters = [times, layer.weight, layer.log_threshold]
    wanted = torch.autograd.grad((torch.where(within, exact, 0.0) * chosen).sum(), parameters)
    found = torch.autograd.grad((got * chosen).sum(), parameters)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
        assert theirs.abs().max() > 0.1


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_training_sees_exactly_the_integers_of_evaluation(bits):
    torch.manual_seed(bits)
    layer = StdbpConv((3, 8, 8), 5, 3, padding=1, weight_bits=bits, steps=9)
    with torch.no_grad():
        layer.bias.normal_(0, layer.step.item())
        layer.log_threshold.add_(0.5)
    times = torch.randint(0, 14, (60, 192)).float()
    times = torch.where(times < 9, times, NEVER)
    seen = silenced(*first_crossing(*layer.run(times)))
    torch.testing.assert_close(layer.train()(times), seen, rtol=0, atol=0)
    assert 0.05 < (seen < NEVER).float().mean() < 0.95


def test_the_earliest_spike_of_a_window_passes_and_it_alone_gets_the_gradient():
    pool = FirstSpikePool((2, 5, 4), 2)  # the last row fills no window
    times = torch.randint(0, 6, (30, 40)).float()
    times = torch.where(times < 4, times, NEVER).requires_grad_()
    passed = pool(times)
    (passed * torch.arange(1.0, 9.0)).sum().backward()
    maps, gradient = times.detach().view(30, 2, 5, 4), times.grad.view(30, 2, 5, 4)
    for image in range(30):
        for channel in range(2):
            for row in range(2):
                for column in range(2):
                    place = (image, channel, slice(2 * row, 2 * row + 2),
                             slice(2 * column, 2 * column + 2))  # fmt: skip
                    n = channel * 4 + row * 2 + column
                    first = maps[place].flatten().argmin()  # the first of equal ones
                    assert passed[image, n] == maps[place].min()
                    wanted = torch.zeros(4).scatter_(0, first, n + 1.0)
                    assert gradient[place].flatten().tolist() == wanted.tolist()
    assert (gradient[:, :, 4] == 0).all()


def recipe(rule="stdbp", network=None, training=None):
    return Recipe.model_validate(
        {"name": "r", "rule": rule,
         "network": {"hidden": [9], "conv": [{"channels": 4, "kernel": 5, "pool": 2}],
                     **({"psp": {"rise": 3}} if rule == "stidi-bp" else {}), **(network or {})},
         "training": {"epochs": 1, **(training or {})}}
    )  # fmt: skip


def test_a_convolutional_network_learns_in_all_its_parameters():
    torch.manual_seed(3)
    net = build_network(recipe(network={"steps": 6, "weight_bits": 1}))
    scores, cost = net.scores(torch.randint(0, 7, (8, 784)).float())
    (net.loss(scores, torch.arange(8), 0.0) + cost).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("rule", ["stdbp", "stidi-bp"])
@pytest.mark.parametrize(
    ("network", "training", "words"),
    [
        ({"recurrent": True}, {}, r"network\.recurrent must be false for rule .*, not true: its"),
        ({"input_bits": 4}, {}, r"network\.input_bits must be 0 .* multi-spike rule, such as surr"),
        ({"votes": 3}, {}, r"network\.votes must be 1 for rule .*, not 3"),
        ({"readout": "spike_count"}, {}, r"readout must be left out .*, not spike_count: its neur"),
        ({"neuron": {"membrane_shift": 3}}, {}, r"neuron\.membrane_shift must be left out .*not 3"),
        ({"conv": [{"channels": 4, "kernel": 3, "residual": "add"}]}, {},
         r"conv\.residual must be left out for rule .*, not 'add': its neurons fire once"),
        ({"conv": [{"channels": 4, "kernel": 25, "pool": 5}]}, {},
         r"pool must be at most 4, the smaller side of its 4 x 4 map, not 5"),
        ({}, {"dropout": 0.1}, r"training\.dropout must be 0 for rule .*, not 0\.1"),
    ],
)  # fmt: skip
def test_what_neurons_that_fire_once_cannot_do_is_refused(rule, network, training, words):
    with pytest.raises(SpikeforgeError, match=words):
        build_network(recipe(rule, network, training))


def test_a_potential_that_bends_is_refused_by_rules_without_one():
    with pytest.raises(SpikeforgeError, match=r"network\.psp must be left out for rule stdbp: its"):
        build_network(recipe(network={"psp": {"rise": 3}}))
