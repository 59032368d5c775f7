from __future__ import annotations

import math

import pytest
import torch

from spikeforge.errors import SpikeforgeError
from train.recipe import Recipe
from train.rules import build_network
from train.stdbp import StdbpDense, StdbpOutput
from train.stdbp_continuous import continuous_spike_times
from train.stdbp_net import StdbpMlp
from train.stepped import NEVER

STEPS = 8


def unrounded(kind, *, bias=True, seed=0):
    """A layer in float64 whose weights are free, with its input spikes."""
    torch.manual_seed(seed)
    layer = kind(12, 7, weight_bits=8, steps=STEPS, threshold_per_neuron=True).double().train()
    layer.rounding = False
    with torch.no_grad():
        layer.log_step.fill_(-2.5)  # far from clipping any weight
        layer.weight.mul_(2)
        layer.log_threshold.add_(torch.rand(7, dtype=torch.float64) + 0.7)
        if bias:
            layer.bias.normal_(0, 0.05)
    times = torch.randint(0, STEPS + 3, (9, 12)).double()
    return layer, torch.where(times < STEPS, times, NEVER)


def continuous(layer, times):
    """The same neurons in continuous time, in which a step's spikes come at its beginning."""
    begin = torch.where(times < STEPS, times - 1, math.inf)
    return continuous_spike_times(begin, layer.weight, layer.numbers()[1].exp().expand(7))


def test_the_step_grid_crosses_where_continuous_time_does():
    layer, times = unrounded(StdbpOutput, bias=False)
    exact, got = continuous(layer, times), layer(times)
    within = exact <= STEPS - 1
    assert 0.3 < within.double().mean() < 1
    torch.testing.assert_close(got[within], exact[within])
    assert (got[~within] > STEPS - 1).all()


def test_hidden_spikes_come_in_the_step_after_the_crossing():
    layer, times = unrounded(StdbpDense, bias=False)
    exact, got = continuous(layer, times), layer(times)
    expected = torch.where(exact <= STEPS - 1, exact.ceil(), NEVER)
    torch.testing.assert_close(got, expected.to(got.dtype), rtol=0, atol=0)


@pytest.mark.parametrize("kind", [StdbpDense, StdbpOutput])
def test_gradients_are_those_of_continuous_time(kind):
    layer, times = unrounded(kind, bias=False)
    exact = continuous(layer, times.requires_grad_())
    # Where the slope is not the clipped one; the others get no gradient in this comparison.
    theta = layer.numbers()[1].exp()
    steep = (exact <= STEPS - 1) & (theta / (exact + 1) > 0.05 * theta)
    chosen = torch.randn(exact.shape, dtype=torch.float64) * steep
    parameters = [times, layer.weight, layer.log_threshold]
    expected = torch.autograd.grad((torch.where(steep, exact, 0.0) * chosen).sum(), parameters)
    got = torch.autograd.grad((layer(times) * chosen).sum(), parameters)
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
        assert theirs.abs().max() > 0.1


def test_gradients_of_biases_and_of_silent_outputs_agree_with_finite_differences(
    assert_gradients_are_slopes,
):
    layer, times = unrounded(StdbpOutput)
    with torch.no_grad():
        layer.log_threshold[:3] += 0.7  # mostly silent
    given = torch.randn(9, 7, dtype=torch.float64)
    (layer(times) * given).sum().backward()
    assert 0.1 < (layer(times) > STEPS - 1).double().mean() < 0.9
    assert_gradients_are_slopes(
        lambda: (layer(times) * given).sum().item(),
        (layer.bias, layer.log_threshold, layer.weight),
    )


@pytest.mark.parametrize("seed", range(3))
def test_training_sees_exactly_the_integers_of_evaluation(seed):
    torch.manual_seed(seed)
    net = StdbpMlp((60, 40, 10), steps=9, extra_steps=2, bias=True)
    with torch.no_grad():
        net.hidden[0].bias.normal_(0, 0.3)
        net.hidden[0].log_threshold.add_(0.5)
    times = torch.randint(0, 12, (300, 60)).float()
    times = torch.where(times < 9, times, NEVER)
    hidden = net.train().hidden[0](times)
    crossing = net.output(hidden)
    net.eval()
    torch.testing.assert_close(hidden, net.hidden[0](times), rtol=0, atol=0)
    assert 0.05 < (hidden < NEVER).float().mean() < 0.95
    v = net.output(hidden)
    fired = (v >= net.output.integers().threshold).any(0)
    assert torch.equal(crossing <= v.shape[0] - 1, fired)


def test_all_parameters_learn():
    torch.manual_seed(1)
    net = StdbpMlp((20, 16, 10), steps=8)
    scores, cost = net.scores(torch.randint(0, 9, (64, 20)).float())
    ((scores * torch.randn(10)).sum() + cost).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad.shape == parameter.shape, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_hidden_layer_without_any_spike_is_drawn_towards_its_threshold():
    torch.manual_seed(2)
    net = StdbpMlp((20, 16, 10), steps=8)
    with torch.no_grad():
        net.hidden[0].log_threshold.add_(3)
    k = torch.randint(0, 9, (64, 20)).float()
    times = torch.where(k > 0, 8 - k, NEVER)
    assert (net.hidden[0](times) == NEVER).all()
    net.scores(k)[0].sum().backward()
    assert (net.hidden[0].weight.grad < 0).all()  # descent raises every weight
    assert (net.hidden[0].bias.grad < 0).all()


def test_an_earlier_first_spike_costs_less():
    net = StdbpMlp((4, 3, 2), steps=8, bias=False)
    scores, cost = net.scores(torch.full((5, 4), 8.0))
    assert cost.item() == pytest.approx(-scores.amax(1).mean().item() * 8 / 16)


@pytest.mark.parametrize("key", ["extra_steps", "later_steps"])
def test_longer_windows_are_refused_where_nothing_is_stepped(key):
    recipe = Recipe.model_validate(
        {"name": "r", "network": {"hidden": [9], key: 2}, "training": {"epochs": 1}}
    )
    with pytest.raises(SpikeforgeError, match=f"{key} must be 0 for rule windowed, not 2"):
        build_network(recipe)


def test_one_silent_neuron_among_others_is_drawn_towards_its_threshold():
    torch.manual_seed(4)
    layer = StdbpDense(6, 3, steps=8, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0], [1.0], [-1.0]]).expand(3, 6))  # the last is silent
    times = torch.zeros(5, 6)
    fired = layer.trained(times)
    assert (fired < NEVER).all(0).tolist() == [True, True, False]
    fired[:, :2].sum().backward()
    assert (layer.weight.grad[2] < 0).all()  # descent raises the weights of what stays silent
    assert layer.weight.grad[2].std() < 1e-6
    # Gently: the layer's one scale would else learn from silence alone.
    assert layer.weight.grad[2].abs().max() < 0.05 * layer.weight.grad[:2].abs().max()
