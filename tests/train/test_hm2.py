from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from spikeforge.errors import SpikeforgeError
from spikeforge.schema import Leak, LeakKind
from train.hm2 import Hm2, Hm2Conv, Hm2Dense
from train.recipe import Recipe
from train.rules import build_network
from train.spiking.neuron import Neuron, run_neurons

SHIFT = [Leak(kind=LeakKind.SHIFT, shift=places) for places in range(5)]
NEURONS = [
    Neuron(current_leak=SHIFT[1], membrane_leak=SHIFT[3]),
    Neuron(current_leak=SHIFT[2], membrane_leak=SHIFT[4], refractory=2),
    Neuron(current_leak=SHIFT[2], membrane_leak=SHIFT[2], refractory=1),
    Neuron(membrane_leak=SHIFT[3]),
    Neuron(),
]


def layer(inputs, outputs, neuron, kind=Hm2Dense, **options):
    made = kind(inputs, outputs, neuron=neuron, rule=Hm2(), steps=14, weight_bits=8, **options)
    made.rounding = False
    made.log_step.data.fill_(-2.0)  # far from clipping
    return made.double()


def trains(*shape):
    return (torch.rand(*shape) < 0.3).double()


def membranes(part, x):
    bias, theta = part.numbers()
    return run_neurons(part.drive(x), bias, theta, part.neuron, False).membranes / theta


@pytest.mark.parametrize("neuron", NEURONS)
def test_gradients_are_those_of_the_sum_over_pairs_of_spikes(neuron, spike_pairs):
    marked, psp_matrix = spike_pairs.marked, spike_pairs.psp_matrix
    torch.manual_seed(3)
    first, second = layer(6, 7, neuron), layer(7, 4, neuron)
    first.weight.data.mul_(3)
    second.weight.data.mul_(6).add_(0.2)
    x = trains(14, 3, 6)
    hidden = first(x)
    out = second(hidden)
    assert 1 <= (hidden.sum(0) == 0).sum() < 21
    assert (hidden.sum(0) > 1).sum() >= 3
    assert 0 < (out.sum(0) > 0).sum() < 12
    by_out = torch.randn_like(out)
    out.backward(by_out)

    w2 = second.weight.detach()
    by_w1, by_w2 = torch.zeros_like(first.weight), torch.zeros_like(w2)
    for image in range(3):
        pre, mid, post = (part.detach()[:, image] for part in (x, hidden, out))
        u1 = membranes(first, x).detach()[:, image]
        u2 = membranes(second, hidden).detach()[:, image]
        ends = marked(post, u2)
        delta2 = bounded((ends * by_out[:, image]).sum(0) / ends.sum(0), post, u2, neuron)
        seen = marked(mid, u1)  # a silent neuron's effect is that of its one stand-in spike
        e2, e2_true = psp_matrix(seen, post, u2, neuron), psp_matrix(mid, post, u2, neuron)
        by_w2 += delta2[:, None] * e2_true * factor(w2, e2_true, post)
        delta1 = bounded(delta2 @ (w2 * e2 / seen.sum(0)), mid, u1, neuron)
        e1 = psp_matrix(pre, mid, u1, neuron)
        by_w1 += delta1[:, None] * e1 * factor(first.weight.detach(), e1, mid)
    assert torch.allclose(second.weight.grad, by_w2, atol=1e-5, rtol=1e-5)
    assert torch.allclose(first.weight.grad, by_w1, atol=1e-5, rtol=1e-5)
    assert by_w1.abs().max() > 1e-2


def bounded(delta, spikes, u, neuron):
    """Over the mean of u at the spikes; 0 if it asks for more where a train is full."""
    count = spikes.sum(0)
    delta = delta / ((u * spikes).sum(0) / count.clamp(min=1)).clamp(min=1)
    full = count == -(-len(spikes) // (neuron.refractory + 1))
    return torch.where(full & (delta < 0), 0.0, delta)


def test_a_neuron_that_can_fire_no_more_is_not_asked_to():
    torch.manual_seed(5)
    part = layer(3, 2, NEURONS[2])
    part.weight.data.copy_(torch.tensor([[9.0, 9.0, 9.0], [0.3, 0.0, 0.0]]))
    x = torch.ones(14, 1, 3, dtype=torch.float64)
    for sign in (-1.0, 1.0):
        part.weight.grad = None
        counts = part(x).sum((0, 1))
        assert counts[0] == 7 > counts[1] > 0
        (counts * sign).sum().backward()
        moved = part.weight.grad.abs().amax(1) > 0
        assert moved.tolist() == [sign > 0, True]


def factor(w, e, post):
    """1 + sum_k w_jk e_{j|k} / o_j, thresholds being 1; the ratio is 1/2 where j is silent."""
    count = post.sum(0)
    ratio = (w * e).sum(1) / count.clamp(min=1)
    return (1 + torch.where(count > 0, ratio, 0.5))[:, None]


@pytest.mark.parametrize(("stride", "padding", "side"), [(1, 0, 6), (2, 1, 6), (2, 0, 6)])
def test_a_convolution_learns_as_the_same_dense_layer_would(stride, padding, side):
    torch.manual_seed(4)
    conv = layer((2, side, side), 3, NEURONS[1], Hm2Conv, kernel=3, stride=stride, padding=padding)
    x = trains(14, 2, 2, side, side).requires_grad_()
    one = torch.eye(2 * side * side, dtype=torch.float64).view(-1, 2, side, side)
    conv.weight.data.mul_(8)
    matrix = functional.conv2d(one, conv.weight.detach(), None, stride, padding).flatten(1).T
    dense = layer(2 * side * side, len(matrix), NEURONS[1])
    dense.weight.data.copy_(matrix)
    flat = x.detach().flatten(2).requires_grad_()
    spikes, same = conv(x), dense(flat)
    assert torch.equal(spikes.flatten(2), same)
    assert spikes.sum() > 10
    by = torch.randn_like(same)
    same.backward(by)
    spikes.backward(by.view_as(spikes))
    assert torch.allclose(x.grad.flatten(2), flat.grad, atol=1e-9)
    spread = torch.autograd.functional.jacobian(
        lambda w: functional.conv2d(one, w, None, stride, padding).flatten(1).T, conv.weight
    )
    expected = torch.einsum("ji,jicdef->cdef", dense.weight.grad, spread)
    assert torch.allclose(conv.weight.grad, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"recurrent": True}, r"network\.recurrent must be false for rule hm2-bp.*st-rsbp"),
        ({"neuron": {"after_spike": "subtract"}}, r"after_spike must be \"zero\" for rule hm2-bp"),
        ({"neuron": {"reset_gradient": True}}, r"reset_gradient must be false for rule hm2-bp"),
        ({"steps": 65}, r"network\.steps must be 1\.\.64 for rule hm2-bp, not 65; take fewer"),
    ],
)
def test_what_the_rule_cannot_do_is_refused(network, message):
    asked = {"name": "r", "rule": "hm2-bp", "network": {"hidden": [9], **network}}
    with pytest.raises(SpikeforgeError, match=message):
        build_network(Recipe.model_validate({**asked, "training": {"epochs": 1}}))
