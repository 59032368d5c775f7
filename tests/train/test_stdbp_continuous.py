from __future__ import annotations

import math

import pytest
import torch

from train.stdbp_continuous import continuous_spike_times


def example(seed):
    torch.manual_seed(seed)
    times = torch.rand(6, 9, dtype=torch.float64)
    times[:, 7:] = math.inf
    weight = torch.randn(5, 9, dtype=torch.float64) * 0.6 + 0.3
    return times, weight, torch.rand(5, dtype=torch.float64) * 0.5 + 0.2


def first_crossing_by_walking(times, weight, theta):
    """V from event to event, for one image and one neuron."""
    events = sorted((t, w) for t, w in zip(times, weight, strict=True) if t < math.inf)
    v = slope = 0.0
    for (now, w), after in zip(events, [*(t for t, _ in events[1:]), math.inf], strict=True):
        slope += w
        if slope > 0 and now + (theta - v) / slope <= after:
            return now + (theta - v) / slope
        v += slope * (after - now)
    return math.inf


@pytest.mark.parametrize("seed", range(4))
def test_spike_times_are_the_first_crossings_of_a_sum_of_ramps(seed):
    times, weight, theta = example(seed)
    expected = [
        [first_crossing_by_walking(t, w, x) for w, x in zip(weight.tolist(), theta, strict=True)]
        for t in times.tolist()
    ]
    got = continuous_spike_times(times, weight, theta)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64))
    assert 0.2 < got.isfinite().double().mean() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_gradients_agree_with_finite_differences(seed):
    arguments = [part.requires_grad_() for part in example(seed)]
    loss = torch.randn(6, 5, dtype=torch.float64)

    def total():
        got = continuous_spike_times(*arguments)
        return (loss * torch.where(got.isfinite(), got, 0.0)).sum()

    total().backward()
    step = 1e-7
    for part in arguments:
        flat, gradient = part.detach().view(-1), part.grad.view(-1)
        for at in range(len(flat)):
            if not math.isfinite(flat[at]):
                assert gradient[at] == 0
                continue
            before = float(flat[at])
            flat[at] = before + step
            above = total().item()
            flat[at] = before - step
            below = total().item()
            flat[at] = before
            slope = (above - below) / (2 * step)
            assert abs(slope - float(gradient[at])) <= 1e-5 * max(1, abs(slope))
