"""Surrogate gradients and BPSTA against autograd on the definitions, step by step."""

from __future__ import annotations

import pytest
import torch

from spikeforge.schema import AfterSpike, Leak, LeakKind
from train.bpsta import Bpsta
from train.recipe import Recipe
from train.rules import build_network
from train.spiking.fire import fire, integrate
from train.spiking.neuron import Neuron
from train.surrogate import Surrogate

SHIFT = [Leak(kind=LeakKind.SHIFT, shift=places) for places in range(5)]
NEURONS = {
    "IF": Neuron(),
    "LIF": Neuron(membrane_leak=SHIFT[3]),
    "two leaks": Neuron(current_leak=SHIFT[1], membrane_leak=SHIFT[3]),
    "refractory": Neuron(membrane_leak=SHIFT[2], refractory=2),
    "subtract": Neuron(membrane_leak=SHIFT[4], after_spike=AfterSpike.SUBTRACT),
    "subtract, two leaks": Neuron(
        current_leak=SHIFT[2], after_spike=AfterSpike.SUBTRACT, refractory=1
    ),
}
TO_ZERO = [name for name, each in NEURONS.items() if each.after_spike is AfterSpike.ZERO]
THETA_BY_PAPER = 0.5  # of BPSTA, whose 0.2 is in the same unit


class Arctangent(torch.autograd.Function):
    """A step at 1 with the slope of arctan(pi (u - 1)) / pi."""

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u >= 1).to(u.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (u,) = ctx.saved_tensors
        with torch.enable_grad():
            x = u.detach().requires_grad_()
            (slope,) = torch.autograd.grad((torch.arctan(torch.pi * (x - 1)) / torch.pi).sum(), x)
        return gradient * slope


def surrogate_step(neuron, through_reset):
    def step(v, theta, free):
        s = Arctangent.apply(v / theta) * free
        lost = s if through_reset else s.detach()
        return s, v * (1 - lost) if neuron.after_spike is AfterSpike.ZERO else v - theta * lost

    return step


def bpsta_step(through_reset):
    """The paper's trick, in its own unit: a potential that fires at 0.5."""

    def step(v, theta, free):
        unit = theta / THETA_BY_PAPER
        u = v / unit
        fires = (u >= THETA_BY_PAPER) & (free > 0)
        s = torch.where(fires, u / torch.where(fires, u, 1.0).detach(), 0.0)
        after = u * (1 - (s if through_reset else s.detach()))
        return s, (after + 0.2 * s - 0.2 * s.detach()) * unit

    return step


def by_hand(drive, bias, theta, neuron, step):
    """Spikes, one step at a time."""
    spikes = []
    current, v, wait = (torch.zeros_like(drive[0]) for _ in range(3))
    for arriving in drive:
        free = (wait <= 0).to(v.dtype)
        current = neuron.current_keeps * current + arriving
        v = (neuron.membrane_keeps * v + current + bias) * free
        s, v = step(v, theta, free)
        spikes.append(s)
        wait = torch.where(s > 0, float(neuron.refractory), wait - 1)
    return torch.stack(spikes)


def problem():
    torch.manual_seed(4)
    drive = torch.randn(9, 5, 6, dtype=torch.float64) * 5 + 2
    bias = torch.randn(6, dtype=torch.float64)
    theta = torch.rand(6, dtype=torch.float64) * 6 + 3
    return [each.requires_grad_() for each in (drive, bias, theta)]


def assert_same(ours, wanted, inputs):
    assert torch.equal(ours, wanted)
    assert 0.1 < ours.mean() < 0.7
    weight = torch.randn_like(ours)
    given = torch.autograd.grad((ours * weight).sum(), inputs)
    right = torch.autograd.grad((wanted * weight).sum(), inputs)
    for one, other in zip(given, right, strict=True):
        assert other.abs().max() > 0.01
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("through_reset", [False, True])
@pytest.mark.parametrize("name", NEURONS)
def test_surrogate_gradients_are_those_of_autograd(name, through_reset):
    neuron, inputs = NEURONS[name], problem()
    ours = fire(*inputs, neuron, Surrogate(through_reset), rounding=False)
    wanted = by_hand(*inputs, neuron, surrogate_step(neuron, through_reset))
    assert_same(ours, wanted, inputs)


@pytest.mark.parametrize("through_reset", [False, True])
@pytest.mark.parametrize("name", TO_ZERO)
def test_bpsta_is_the_papers_trick_under_autograd(name, through_reset):
    neuron, inputs = NEURONS[name], problem()
    ours = fire(*inputs, neuron, Bpsta(through_reset), rounding=False)
    wanted = by_hand(*inputs, neuron, bpsta_step(through_reset))
    assert_same(ours, wanted, inputs)


@pytest.mark.parametrize("rule", [Surrogate, Bpsta])
def test_the_resets_gradient_makes_a_difference(rule):
    found = []
    for through_reset in (False, True):
        drive, bias, theta = problem()
        fire(drive, bias, theta, NEURONS["LIF"], rule(through_reset), False).sum().backward()
        found.append(drive.grad)
    assert not torch.allclose(*found)


@pytest.mark.parametrize("name", ["IF", "LIF", "two leaks"])
def test_a_read_out_is_exact(name):
    neuron = Neuron(
        current_leak=NEURONS[name].current_leak, membrane_leak=NEURONS[name].membrane_leak,
        fires=False,
    )  # fmt: skip
    drive, bias, _ = problem()
    assert torch.autograd.gradcheck(
        lambda *given: integrate(*given, neuron, rounding=False), (drive[:, :2], bias)
    )


@pytest.mark.parametrize("rule", ["surrogate", "bpsta"])
def test_a_recipe_lets_the_gradient_through_the_reset(rule):
    grads = []
    for through_reset in (False, True):
        torch.manual_seed(1)
        net = build_network(Recipe.model_validate({
            "name": "r", "rule": rule, "training": {"epochs": 1},
            "network": {
                "hidden": [12], "steps": 6, "input_bits": 3,
                "neuron": {"reset_gradient": through_reset},
            },
        }))  # fmt: skip
        k = torch.randint(0, 8, (8, 784)).float()
        (net.scores(k)[0] * torch.randn(8, 10)).sum().backward()
        grads.append(net.stages[0].weight.grad)
    assert not torch.equal(*grads)
