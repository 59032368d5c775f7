from __future__ import annotations

import numpy as np
import pytest
import torch

from train.stepped import (
    NEVER,
    Arrivals,
    SteppedDense,
    decide,
    first_crossing,
    membranes,
    running_sum,
    silenced,
    spike_times,
)


def neuron_step_by_step(weight, bias, theta, times, steps):
    """A ramp neuron as the contract tells it: V of every step, and the step in which it fires."""
    current = v = 0
    potentials, fired = [], None
    for t in range(steps):
        current += sum(int(w) for w, at in zip(weight, times, strict=True) if at == t)
        v += current + int(bias)
        potentials.append(v)
        if fired is None and v >= theta:
            fired = t
    return potentials, fired


def random_times(random, shape, steps):
    times = random.integers(0, steps + 3, shape).astype(np.float32)
    return np.where(times < steps, times, NEVER).astype(np.float32)


def filled(layer, weight, bias, theta, step=0.1):
    """Give a layer chosen integers."""
    with torch.no_grad():
        layer.log_step.fill_(np.log(step))
        layer.weight.copy_(torch.as_tensor(weight) * step)
        layer.bias.copy_(torch.as_tensor(bias) * step)
        layer.log_threshold.copy_(torch.log(torch.as_tensor(theta, dtype=torch.float32) * step))
    return layer


@pytest.mark.parametrize(("steps", "extra"), [(1, 0), (4, 0), (15, 6)])
@pytest.mark.parametrize("per_neuron", [False, True])
def test_a_layer_computes_what_its_neurons_do_step_by_step(steps, extra, per_neuron):
    random = np.random.default_rng(steps)
    weight, bias = random.integers(-8, 8, (6, 9)), random.integers(-5, 6, 6)
    theta = random.integers(1, 10 * steps + 2, 6 if per_neuron else 1)
    layer = SteppedDense(9, 6, steps=steps, extra_steps=extra, threshold_per_neuron=per_neuron)
    filled(layer, weight, bias, theta)
    times = random_times(random, (40, 9), steps)
    v, thresholds = layer.run(torch.from_numpy(times))
    at, fired = first_crossing(v, thresholds)
    assert v.shape == (steps + extra, 40, 6)
    assert thresholds.tolist() == theta.tolist()
    for image in range(40):
        for n in range(6):
            potentials, step = neuron_step_by_step(
                weight[n], bias[n], theta[n % len(theta)], times[image], steps + extra
            )
            assert v[:, image, n].tolist() == potentials
            assert bool(fired[image, n]) == (step is not None)
            assert int(at[image, n]) == (steps + extra - 1 if step is None else step)
    assert 0 < fired.float().mean() < 1


def test_the_sums_over_spikes_are_those_of_a_matrix_product():
    random = np.random.default_rng(2)
    times = torch.from_numpy(random_times(random, (7, 11), 5))
    weight = torch.from_numpy(random.normal(size=(4, 11)).astype(np.float32))
    given = torch.from_numpy(random.normal(size=(5, 7, 4)).astype(np.float32))
    dense = (times == torch.arange(5.0)[:, None, None]).float()
    arrivals = Arrivals(times, 5)
    torch.testing.assert_close(arrivals.drive(weight), dense @ weight.t())
    expected = given.flatten(0, 1).t() @ dense.flatten(0, 1)
    torch.testing.assert_close(arrivals.by_weight(given), expected)


def test_silent_images_give_the_bias_alone():
    drive = Arrivals(torch.full((2, 3), NEVER), 4).drive(torch.ones(5, 3))
    v = membranes(drive, torch.arange(5.0))
    assert v[:, 0].tolist() == [[(t + 1.0) * b for b in range(5)] for t in range(4)]


def test_running_sums_go_both_ways():
    x = torch.tensor([[1.0], [2.0], [4.0]])
    assert running_sum(x.clone()).flatten().tolist() == [1, 3, 7]
    assert running_sum(x.clone(), backwards=True).flatten().tolist() == [7, 6, 4]


def test_levels_become_steps():
    assert spike_times(torch.tensor([0.0, 1.0, 8.0]), 8).tolist() == [NEVER, 7, 0]
    assert silenced(torch.tensor([3, 7]), torch.tensor([True, False])).tolist() == [3, NEVER]


@pytest.mark.parametrize("inputs", [100, 40_000])
def test_wide_sums_are_exact_even_beyond_float32(inputs):
    layer = SteppedDense(inputs, 1, weight_bits=8, steps=15)
    filled(layer, np.full((1, inputs), 127), [1], [5])
    v, _ = layer.run(torch.zeros(1, inputs))
    assert v[14].item() == 127 * 15 * inputs + 15
    assert v.dtype == torch.float64 if inputs == 40_000 else torch.float32


def said(potentials, theta):
    """The class that V over (steps, classes) gives, with one image."""
    found = decide(torch.tensor(potentials, dtype=torch.float32)[:, None], torch.tensor(theta))
    return (
        found.classes.item(), found.step.item(), found.early.item(), found.membranes[0].tolist()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("potentials", "theta", "expected"),
    [
        ([[1, 2, 3], [4, 5, 6]], [4.0], (2, 1, True, [4, 5, 6])),  # largest V of the first spikes
        ([[4, 2, 3], [4, 9, 6]], [4.0], (0, 0, True, [4, 2, 3])),  # the earliest, not the largest
        ([[5, 5, 0], [9, 9, 9]], [4.0], (0, 0, True, [5, 5, 0])),  # the lowest index of equal ones
        ([[1, 2, 2], [0, 3, 3]], [9.0], (1, 1, False, [0, 3, 3])),  # no spike: largest final V
        ([[8, 5, 0]], [9.0, 4.0, 4.0], (1, 0, True, [8, 5, 0])),  # a larger V that stays silent
    ],
)
def test_the_first_spike_names_the_class(potentials, theta, expected):
    assert said(potentials, theta) == expected


def test_integers_are_within_their_bits():
    layer = SteppedDense(50, 50, weight_bits=3)
    with torch.no_grad():
        layer.weight.mul_(100)
    numbers = layer.integers()
    assert (int(numbers.weight.min()), int(numbers.weight.max())) == (-4, 3)
    assert int(numbers.threshold.min()) >= 1


@pytest.mark.parametrize("steps", [255, 256, 1023])
def test_long_windows_are_counted_to_their_end(steps):
    v = torch.zeros(steps, 1, 3)
    v[-1, 0, 1], v[-2, 0, 2] = 1.0, 1.0
    at, fired = first_crossing(v, torch.ones(1))
    assert at.tolist() == [[steps - 1, steps - 1, steps - 2]]
    assert fired.tolist() == [[False, True, True]]
