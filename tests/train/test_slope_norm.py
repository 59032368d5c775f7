"""Single-spike layers normalized by their slopes are layers whose slopes are normal."""

from __future__ import annotations

import pytest
import torch

from train.crossing import NEVER, first_crossing, silenced
from train.first_spike_pool import FirstSpikePool
from train.recalibrate import recalibrate
from train.recipe import Recipe
from train.rules import build_network
from train.stdbp import StdbpConv, StdbpDense, StdbpOutput
from train.stidi import StidiDense, psp_taps

STEPS, LATER = 6, 4


def normed(kind, *, seed=0, **options):
    """A layer in float64 that does not round, with input spikes; its window is 10 steps."""
    torch.manual_seed(seed)
    options = {"weight_bits": 8, "steps": STEPS, "extra_steps": LATER, "batch_norm": True,
               **options}  # fmt: skip
    layer = (
        kind((2, 4, 4), 3, 3, padding=1, **options) if kind is StdbpConv else kind(32, 7, **options)
    ).double()
    layer.rounding = False
    layer.fit_step = lambda: None
    with torch.no_grad():
        layer.log_step.fill_(-2.5)  # far from clipping any weight
        layer.bias.normal_(0, 0.2)
        layer.log_threshold.add_(0.3 * torch.randn_like(layer.log_threshold))
    times = torch.randint(0, STEPS + 3, (40, 32)).double()
    return layer, torch.where(times < STEPS, times, NEVER)


def textbook(layer, times):
    """Spike times if each channel's slope after step 8 is made normal, and biases are added."""
    real = layer.response(times).potentials(
        layer.weight.detach(), torch.zeros(1, dtype=times.dtype)
    )
    slope = real[7] / 8
    floor = layer.step.square()  # one LSB squared
    deviation = (slope.var(0, correction=0) + floor).sqrt()
    passed = torch.arange(1, STEPS + LATER + 1, dtype=times.dtype).view(-1, 1, 1)
    normal = (real - passed * slope.mean(0)) / deviation + passed * layer.bias
    return layer.shaped(silenced(*first_crossing(normal, layer.log_threshold.exp())))


@pytest.mark.parametrize(
    ("kind", "options"),
    [(StdbpDense, {}), (StdbpConv, {}), (StidiDense, {"taps": psp_taps(3)})],
    ids=["dense", "conv", "bent"],
)
def test_training_fires_where_normal_slopes_cross(kind, options):
    layer, times = normed(kind, **options)
    ours, wanted = layer.train()(times), textbook(layer, times)
    torch.testing.assert_close(ours, wanted.to(ours.dtype), rtol=0, atol=0)
    assert 0.1 < (ours < NEVER).double().mean() < 0.9
    assert len(ours.unique()) > 3


def test_gradients_go_through_the_statistics(assert_gradients_are_slopes):
    layer, times = normed(StdbpOutput)
    given = torch.randn(40, 7, dtype=torch.float64)
    (layer.train()(times) * given).sum().backward()
    parameters = layer.bias, layer.log_threshold, layer.weight
    assert all(each.grad.abs().max() > 0.1 for each in parameters)
    assert_gradients_are_slopes(lambda: (layer(times) * given).sum().item(), parameters)


def test_gradients_reach_the_spikes_before_through_the_statistics_too(
    assert_gradients_are_slopes,
):
    layer, times = normed(StdbpOutput)
    times.requires_grad_()
    given = torch.randn(2, 7, dtype=torch.float64)

    def total():
        bias, log_threshold = layer.numbers(times)
        return (given[0] * bias + given[1] * log_threshold).sum()

    total().backward()
    assert times.grad.abs().max() > 1e-3
    assert_gradients_are_slopes(lambda: total().item(), [times], every=37)


def test_evaluation_normalizes_by_what_training_saw():
    layer, times = normed(StdbpDense)
    trained = layer.train()(times)
    for _ in range(200):  # the running statistics become those of the batch
        layer.numbers(times)
    v, theta = layer.eval().run(times)
    torch.testing.assert_close(silenced(*first_crossing(v, theta)).double(), trained)
    whole = layer.integers()
    assert (len(whole.bias), len(whole.threshold)) == (7, 7)
    assert whole.bias.abs().max() > 0


def test_neurons_behind_which_a_pool_takes_the_earliest_have_to_stand_out_further():
    shape = {"conv": [{"channels": 2, "kernel": 3, "pool": 2}, {"channels": 2, "kernel": 3}],
             "hidden": [5], "steps": 8, "batch_norm": True}  # fmt: skip
    net = build_network(Recipe.model_validate(
        {"name": "r", "rule": "stdbp", "network": shape, "training": {"epochs": 1}}
    ))  # fmt: skip
    layers = [each for each in net.chain() if not isinstance(each, FirstSpikePool)]
    given = [each.log_threshold.exp()[0].item() / each.norm.steps for each in layers]
    assert given == pytest.approx([1.2, 0.6, 0.6, 0.6])


def test_recalibration_measures_the_network_as_it_is():
    torch.manual_seed(4)
    net = build_network(Recipe.model_validate(
        {"name": "r", "rule": "stdbp", "training": {"epochs": 1},
         "network": {"hidden": [20], "steps": 8, "later_steps": 4, "batch_norm": True}}
    )).eval()  # fmt: skip
    k = torch.randint(0, 9, (250, 784)).float()
    recalibrate(net, k)
    assert not net.training
    before = net.hidden[0].norm.moments.mean.clone()
    with torch.no_grad():
        net.hidden[0].weight.neg_()  # statistics of weights that were
    stale = net.scores(k)[0]
    recalibrate(net, k)
    torch.testing.assert_close(net.hidden[0].norm.moments.mean, -before, rtol=0.2, atol=0.1)
    ours = net.scores(k)[0]
    torch.testing.assert_close(ours, net.train().scores(k)[0])
    assert not torch.equal(ours, stale)


@pytest.mark.parametrize("bits", [1, 4])
@pytest.mark.parametrize(("rule", "psp"), [("stdbp", None), ("stidi-bp", {"rise": 8})])
def test_steps_of_normalized_networks_follow_their_weights(rule, psp, bits):
    torch.manual_seed(5)
    network = {"hidden": [30], "psp": psp, "batch_norm": True, "weight_bits": bits}
    net = build_network(Recipe.model_validate(
        {"name": "r", "rule": rule, "network": network, "training": {"epochs": 1}}
    ))  # fmt: skip
    k = torch.randint(0, 9, (16, 784)).float()
    before = net.scores(k)[0]
    grids = [layer.grids(True)[0] for layer in net.chain()]
    with torch.no_grad():
        for layer in net.chain():
            layer.weight.mul_(torch.linspace(0.2, 7, len(layer.weight))[:, None])
    torch.testing.assert_close(net.scores(k)[0], before)
    for layer, grid in zip(net.chain(), grids, strict=True):
        torch.testing.assert_close(layer.grids(True)[0], grid, rtol=0, atol=0)
        sizes = layer.weight.detach().square().mean(1).sqrt() / layer.step
        torch.testing.assert_close(sizes, torch.full_like(sizes, 3.0 if bits == 4 else 1.0))
        assert not layer.log_step.requires_grad


def test_steps_stay_in_evaluation():
    torch.manual_seed(6)
    network = {"hidden": [30], "batch_norm": True}
    net = build_network(Recipe.model_validate(
        {"name": "r", "rule": "stdbp", "network": network, "training": {"epochs": 1}}
    ))  # fmt: skip
    k = torch.randint(0, 9, (16, 784)).float()
    net.scores(k)
    net.eval()
    steps = [layer.step.tolist() for layer in net.chain()]
    with torch.no_grad():
        net.output.weight.mul_(3.0)
        net.scores(k)
    assert [layer.step.tolist() for layer in net.chain()] == steps


@pytest.mark.parametrize(("rule", "psp"), [("stdbp", None), ("stidi-bp", {"rise": 8})])
def test_the_size_of_the_weights_behind_a_layer_means_nothing_to_it(rule, psp):
    torch.manual_seed(7)
    network = {"hidden": [30, 20], "psp": psp, "batch_norm": True}
    net = build_network(Recipe.model_validate(
        {"name": "r", "rule": rule, "network": network, "training": {"epochs": 1}}
    ))  # fmt: skip
    k, targets = torch.randint(0, 9, (16, 784)).float(), torch.randint(0, 10, (16,))
    found = []
    for _ in range(2):
        net.zero_grad()
        net.loss(net.scores(k)[0], targets, 0.0).backward()
        found.append(net.hidden[0].weight.grad.clone())
        with torch.no_grad():
            net.hidden[1].weight.mul_(50)
            net.output.weight.mul_(20)
    most = float(found[0].abs().max())
    assert most > 0
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-3 * most)


@pytest.mark.parametrize(("normal", "paces"), [(True, [1, 0.25, 0.25]), (False, [1, 2, 1])])
def test_biases_and_scales_of_normal_slopes_move_slowly(normal, paces):
    net = build_network(Recipe.model_validate(
        {"name": "r", "rule": "stdbp", "training": {"epochs": 1},
         "network": {"hidden": [5], "batch_norm": normal}}
    ))  # fmt: skip
    weights, biases, scales = net.parameter_groups(0.016)
    assert [each["lr"] / 0.016 for each in (weights, biases, scales)] == paces
    assert {id(layer.bias) for layer in net.chain()} == {id(each) for each in biases["params"]}
