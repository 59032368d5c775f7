from __future__ import annotations

import numpy as np
import pytest
import torch

from train.windowed import WindowedDense, WindowedReadout


def fill(layer, weight, bias, threshold=None, step=0.1):
    """Give a layer chosen integers."""
    with torch.no_grad():
        layer.log_step.fill_(np.log(step))
        layer.weight.copy_(torch.as_tensor(weight) * step)
        layer.bias.copy_(torch.as_tensor(bias) * step)
        if threshold is not None:
            layer.log_threshold.copy_(
                torch.log(torch.as_tensor(threshold, dtype=torch.float32) * step)
            )
    return layer


def neuron_step_by_step(weight, bias, theta, k, steps):
    """A windowed neuron as the contract tells it: spikes in, time steps, falling threshold."""
    v = bias
    for t in range(steps):
        for w, value in zip(weight, k, strict=True):
            if value and t >= steps - value:
                v += w  # the input's current, from its spike on
    for t in range(steps):
        if v >= theta * (steps - t):
            return steps - t
    return 0


@pytest.mark.parametrize("steps", [1, 4, 15])
@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_layer_computes_what_its_neurons_do_step_by_step(steps, per_neuron, training):
    random = np.random.default_rng(steps)
    weight, bias = random.integers(-8, 8, (6, 9)), random.integers(-20, 20, 6)
    theta = random.integers(1, 12, 6 if per_neuron else 1)
    layer = WindowedDense(9, 6, steps=steps, threshold_per_neuron=per_neuron).train(training)
    fill(layer, weight, bias, theta)
    k = random.integers(0, steps + 1, (40, 9))
    expected = [
        [
            neuron_step_by_step(weight[n], bias[n], theta[n % len(theta)], row, steps)
            for n in range(6)
        ]
        for row in k
    ]
    got = layer(torch.as_tensor(k, dtype=torch.float32))
    np.testing.assert_array_equal(got.detach().numpy(), expected)
    assert len(np.unique(expected)) > 1


def test_a_threshold_that_divides_the_membrane_exactly_fires_at_that_level():
    layer = fill(WindowedDense(1, 1, steps=15), [[7]], [0], [7]).eval()
    k = torch.arange(16.0).view(-1, 1)
    torch.testing.assert_close(layer(k), k, rtol=0, atol=0)


def test_the_readout_gives_membranes_in_evaluation_and_scores_in_training():
    layer = fill(WindowedReadout(3, 2), [[1, -2, 3], [0, 7, -8]], [5, -6], step=0.25)
    k = torch.tensor([[1.0, 2.0, 15.0]])
    assert layer.eval()(k).tolist() == [[47, -112]]
    torch.testing.assert_close(layer.train()(k), torch.tensor([[47 * 0.25, -112 * 0.25]]))


@pytest.mark.parametrize("inputs", [100, 40_000])
def test_wide_sums_are_exact_even_beyond_float32(inputs):
    layer = fill(
        WindowedReadout(inputs, 1, weight_bits=8, steps=15), np.full((1, inputs), 127), [1]
    )
    v = layer.eval()(torch.full((1, inputs), 15.0))
    assert v.item() == 127 * 15 * inputs + 1
    assert v.dtype == (torch.float64 if inputs == 40_000 else torch.float32)


def test_without_rounding_the_staircase_becomes_its_middle_line():
    layer = fill(WindowedDense(1, 1), [[1]], [0], [2]).eval()
    layer.rounding = False
    k = torch.tensor([[0.0], [1.0], [4.0], [15.0]])
    torch.testing.assert_close(layer(k), torch.tensor([[0.0], [0.0], [1.5], [7.0]]))


def test_gradients_are_those_of_the_unrounded_layer():
    torch.manual_seed(3)
    layer = WindowedDense(12, 5, weight_bits=8, steps=15)
    k = torch.randint(0, 16, (64, 12)).float().requires_grad_()
    layer(k).square().sum().backward()
    with torch.no_grad():
        v = k @ layer.weight.t()
        grid_levels = layer(k)
    open_ = ((v / layer.threshold > 0) & (v / layer.threshold < 16)).float()
    expected = (2 * grid_levels * open_ / layer.threshold).t() @ k
    torch.testing.assert_close(layer.weight.grad, expected, rtol=0.1, atol=5.0)
    assert k.grad.abs().sum() > 0
    assert layer.log_threshold.grad.item() < 0  # a higher threshold lowers what was summed


@pytest.mark.parametrize("per_neuron", [False, True])
def test_all_parameters_learn(per_neuron):
    torch.manual_seed(1)
    layer = WindowedDense(20, 8, threshold_per_neuron=per_neuron)
    (layer(torch.randint(0, 16, (32, 20)).float()) * torch.randn(8)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad.shape == parameter.shape, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_layer_without_bias_keeps_it_at_zero():
    layer = WindowedReadout(4, 2, bias=False)
    layer(torch.ones(3, 4)).sum().backward()
    assert layer.bias.grad is None
    assert layer.integers().bias.tolist() == [0, 0]


def test_integers_are_within_their_bits():
    layer = WindowedDense(50, 50, weight_bits=3)
    with torch.no_grad():
        layer.weight.mul_(100)
    weight = layer.integers().weight
    assert (int(weight.min()), int(weight.max())) == (-4, 3)


@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_training_sees_exactly_the_integers_of_evaluation(per_neuron, seed):
    torch.manual_seed(seed)
    layer = WindowedDense(60, 40, threshold_per_neuron=per_neuron)
    readout = WindowedReadout(40, 10)
    with torch.no_grad():
        layer.bias.normal_(0, 1)
        layer.log_threshold.uniform_(-3, 1)
        readout.bias.normal_(0, 1)
    k = torch.randint(0, 16, (300, 60)).float()
    levels = layer.train()(k)
    torch.testing.assert_close(levels, layer.eval()(k), rtol=0, atol=0)
    scores = readout.train()(levels) / readout.step
    torch.testing.assert_close(scores, readout.eval()(levels), rtol=1e-6, atol=1e-4)
