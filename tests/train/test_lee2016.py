from __future__ import annotations

import pytest
import torch

from spikeforge.errors import SpikeforgeError
from spikeforge.schema import AfterSpike, Leak, LeakKind
from train.lee2016 import Lee2016, lee2016_network
from train.recipe import Recipe
from train.spiking.layer import SpikingDense
from train.spiking.neuron import Neuron

STEPS = 10
LEAK = Leak(kind=LeakKind.SHIFT, shift=3)


def recipe(**network):
    return Recipe.model_validate(
        {"name": "r", "rule": "lee2016", "training": {"epochs": 1},
         "network": {"hidden": [9], "neuron": {"after_spike": "subtract"}, **network}}
    )  # fmt: skip


def layer(inputs, outputs, membrane_leak, *, fires=True):
    neuron = Neuron(membrane_leak=membrane_leak, after_spike=AfterSpike.SUBTRACT, fires=fires)
    made = SpikingDense(
        inputs, outputs, neuron=neuron, rule=Lee2016(), steps=STEPS, weight_bits=8, bias=False
    )
    made.rounding = False
    made.log_step.data.fill_(-2.0)
    made.log_threshold.requires_grad_(fires)
    made.log_threshold.data.fill_(0.3)
    return made.double()


def trace(train, keeps):
    """What is left at the end of a train (steps,) of spikes that decay as V does."""
    return sum(keeps ** (STEPS - 1 - t) for t in torch.nonzero(train).flatten().tolist())


def taking_part(drives, theta, keeps):
    """Simulate one neuron: its spikes, and its share in learning."""
    v, high, fired = 0.0, 0.1, 0
    for drive in drives:
        v = keeps * v + drive
        high = max(high, v / theta)
        if v >= theta:
            fired, v = fired + 1, v - theta
    assert fired < STEPS
    return fired, min(1.0, high)


@pytest.mark.parametrize(("leak", "keeps"), [(LEAK, 0.875), (Leak(), 1.0)])
def test_gradients_are_those_of_the_linear_transfer_between_traces(leak, keeps):
    torch.manual_seed(8)
    parts = [layer(8, 7, leak), layer(7, 6, leak), layer(6, 3, leak, fires=False)]
    for part in parts[:2]:
        part.weight.data.mul_(1.6)
    parts[0].weight.data.add_(0.06)
    parts[1].weight.data.add_(0.3)
    x = (torch.rand(STEPS, 1, 8) < 0.4).double()
    first = parts[0](x)
    second = parts[1](first)
    delta = torch.randn(1, 3).double()
    parts[2](second).backward(delta)

    w1, w2, w3 = (part.weight.detach() for part in parts)
    theta1, theta2 = (float(part.log_threshold.detach().exp()) for part in parts[:2])
    trains = [each.detach()[:, 0] for each in (x, first, second)]
    x0, x1, x2 = (
        torch.tensor([float(trace(train, keeps)) for train in each.T]).double() for each in trains
    )
    part1 = [taking_part((trains[0] @ w).tolist(), theta1, keeps) for w in w1]
    part2 = [taking_part((trains[1] @ w).tolist(), theta2, keeps) for w in w2]
    assert [count for count, _ in part1] == trains[1].sum(0).tolist()
    shares = [share for _, share in part1 + part2]
    assert min(shares) < 1
    assert shares.count(1.0) > 2
    assert all(any(count for count, _ in each) for each in (part1, part2))
    gate1, gate2 = (torch.tensor([share for _, share in each]) for each in (part1, part2))
    by_v2 = (delta[0] @ w3) * gate2 / theta2
    by_v1 = (by_v2 @ w2) * gate1 / theta1
    for part, by_v, given in zip(parts[:2], (by_v1, by_v2), (x0, x1), strict=True):
        assert torch.allclose(part.weight.grad, by_v[:, None] * given, atol=1e-5)
    assert torch.allclose(parts[2].weight.grad, delta[0][:, None] * x2, atol=1e-5)
    for part, by_v, given in zip(parts[:2], (by_v1, by_v2), (x0, x1), strict=True):
        activity = part.weight.detach() @ given  # theta times what a stands for
        assert float(part.log_threshold.grad) == pytest.approx(-float((by_v * activity).sum()))


def test_a_neuron_that_fires_in_every_step_cannot_be_asked_for_more():
    neuron = layer(1, 1, Leak())
    neuron.weight.data.fill_(2.0)
    x = torch.ones(STEPS, 1, 1).double()
    spikes = neuron(x)
    assert spikes.sum() == STEPS
    spikes.backward(-torch.ones_like(spikes))  # more spikes would lower the loss
    assert neuron.weight.grad.abs().sum() == 0
    neuron(x).backward(torch.ones_like(spikes))
    assert neuron.weight.grad.sum() > 0


def test_hidden_thresholds_learn_and_those_of_the_output_do_not():
    net = lee2016_network(recipe())
    learning = [layer.log_threshold.requires_grad for layer in net.weighted()]
    assert learning == [True, False]
    groups = [id(p) for group in net.parameter_groups(0.1) for p in group["params"]]
    assert id(net.weighted()[0].log_threshold) in groups


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            {"neuron": {}},
            r"after_spike must be \"subtract\" for rule lee2016, not \"zero\"; set it",
        ),
        ({"recurrent": True}, r"network\.recurrent must be false for rule lee2016"),
        (
            {"neuron": {"after_spike": "subtract", "refractory": 2}},
            r"network\.neuron\.refractory must be 0 for rule lee2016, not 2",
        ),
    ],
)
def test_what_the_rule_cannot_do_is_refused(network, message):
    with pytest.raises(SpikeforgeError, match=message):
        lee2016_network(recipe(**network))
