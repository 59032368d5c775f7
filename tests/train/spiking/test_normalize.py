"""Batch normalization in thresholds and biases is batch normalization of the drive."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from train.spiking.fire import fire
from train.spiking.layer import SpikingConv, SpikingDense
from train.spiking.neuron import Neuron
from train.spiking.normalize import DriveNorm
from train.surrogate import Surrogate


def layer(kind):
    torch.manual_seed(3)
    options = {
        "neuron": Neuron(), "rule": Surrogate(), "steps": 4, "weight_bits": 8, "batch_norm": True,
    }  # fmt: skip
    made = (
        SpikingDense(18, 6, **options) if kind == "dense"
        else SpikingConv((2, 3, 3), 6, 2, **options)
    )  # fmt: skip
    made.rounding = False
    with torch.no_grad():
        made.bias.uniform_(-0.3, 0.5)
        made.log_threshold.uniform_(-1.0, 0.2)
    return made.double()


def textbook(made, x):
    """Spikes at 1 of neurons that integrate gamma * (drive - mean) / deviation + beta."""
    real = made.drive(x) * made.step
    gamma = (-made.log_threshold).exp()
    mean = real.mean([axis for axis in range(real.dim()) if axis != 2], keepdim=True)
    variance = (
        (real - mean).square().mean([axis for axis in range(real.dim()) if axis != 2], keepdim=True)
    )
    floor = made.step.detach().square()  # one LSB squared
    normal = (real - mean) / (variance + floor).sqrt()
    scaled = made.spread(gamma) * normal + made.spread(made.bias * gamma)
    zero, one = torch.zeros(1, dtype=x.dtype), torch.ones(1, dtype=x.dtype)
    return fire(scaled, zero, one, made.neuron, made.rule, rounding=False)


@pytest.mark.parametrize("constant", [False, True], ids=["spikes", "graded"])
@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_training_normalizes_by_the_batch(kind, constant):
    made = layer(kind)
    x = (torch.rand(4, 5, 2, 3, 3, dtype=torch.float64) < 0.5).double()
    x = x[0].expand(4, *x.shape[1:]) if constant else x
    ours, wanted = made(x), textbook(made, x)
    assert torch.equal(ours, wanted)
    assert 0.1 < ours.mean() < 0.9
    weight = torch.randn_like(ours)
    inputs = (made.weight, made.bias, made.log_threshold)
    given = torch.autograd.grad((ours * weight).sum(), inputs)
    right = torch.autograd.grad((wanted * weight).sum(), inputs)
    for one, other in zip(given, right, strict=True):
        assert other.abs().max() > 0.01
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_evaluation_normalizes_by_what_training_saw(kind):
    made = layer(kind)
    x = (torch.rand(4, 5, 2, 3, 3, dtype=torch.float64) < 0.5).double()
    trained = made(x)
    for _ in range(200):  # the running statistics become those of the batch
        made.numbers(made.drive(x))
    assert torch.equal(made.eval()(x), trained)
    made.rounding = True
    whole = made.integers()
    assert whole.threshold is not None
    assert (len(whole.bias), len(whole.threshold)) == (6, 6)
    assert torch.equal(made(x), made.run(x).spikes)


def test_statistics_are_in_real_units():
    norm = DriveNorm(2)
    drive = torch.randn(3, 50, 2) * torch.tensor([4.0, 9.0]) + 7
    for _ in range(300):
        mean, deviation = norm.of_batch(drive, torch.tensor([0.5]))
    assert deviation[1] > deviation[0]
    torch.testing.assert_close(norm.mean, mean * 0.5)
    finer = norm.running(torch.tensor([0.25]))
    torch.testing.assert_close(finer[0], 2 * mean)
    assert (finer[1] / deviation).tolist() == pytest.approx([2, 2], rel=0.05)


def test_functional_batch_norm_agrees():
    norm = DriveNorm(3)
    drive = torch.randn(4, 20, 3, 2, 2) * 30
    mean, deviation = norm.of_batch(drive, torch.ones(1))
    ours = (drive - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
    wanted = functional.batch_norm(drive.flatten(0, 1), None, None, training=True, eps=1.0)
    torch.testing.assert_close(ours.flatten(0, 1), wanted)
