from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.errors import SpikeforgeError
from spikeforge.schema import Conv2d, Dense, FirstSpikePool, Flatten
from train.augment import code
from train.evaluation import accuracy, evaluate
from train.exporter import export
from train.first_spike_pool import FirstSpikePool as Pool
from train.recipe import Recipe
from train.rules import build_network
from train.stdbp import StdbpConv, StdbpDense, StdbpOutput
from train.stepped import first_crossing, silenced, spike_times

CONV = [{"channels": 4, "kernel": 5, "stride": 2, "pool": 2},
        {"channels": 6, "kernel": 3, "padding": 1, "pool": 3}]  # fmt: skip


def network_of(rule, seed=3, **network):
    """A network with random biases, and thresholds that about half of its neurons reach."""
    network = {"hidden": [20], "steps": 7, "threshold_per_neuron": True, **network}
    recipe = Recipe.model_validate(
        {"name": "r", "rule": rule, "network": network, "training": {"epochs": 1}}
    )
    torch.manual_seed(seed)
    model = build_network(recipe)
    pixels = torch.from_numpy(random_images().reshape(60, -1).astype(np.float32))
    arriving = spike_times(code(pixels, model.steps), model.steps)
    with torch.no_grad():
        for stage in model.chain():
            if isinstance(stage, Pool):
                arriving = stage(arriving)
                continue
            stage.numbers(arriving)  # statistics to normalize by, where it does
            scale = 0.1 if stage.norm is not None else 2 * stage.step.item()
            stage.bias.normal_(0, scale)
            v, _ = stage.run(arriving)
            typical = v.amax(0).quantile(0.6).clamp(min=1) * stage.step
            noise = 0.1 * torch.randn_like(stage.log_threshold)
            stage.log_threshold.add_(typical.log() - stage.numbers()[1] + noise)
            arriving = silenced(*first_crossing(*stage.run(arriving)))
    return model


def random_images(count=60, seed=2):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, 28, 28))
    share = random.uniform(0.02, 0.4, (count, 1, 1))  # from nearly silent to bright
    return np.where(random.random(images.shape) < share, images, 0).astype(np.uint8)


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("stdbp", {"conv": CONV, "extra_steps": 2}),
        ("stdbp", {"conv": CONV, "later_steps": 3, "extra_steps": 1}),
        ("stdbp", {"conv": CONV, "later_steps": 2, "batch_norm": True}),
        ("stidi-bp", {"conv": CONV, "psp": {"rise": 5}, "weight_bits": 1, "batch_norm": True}),
        ("stdbp", {"conv": CONV[:1], "weight_bits": 1, "threshold_per_neuron": False, "seed": 7}),
        ("stidi-bp", {"conv": CONV, "psp": {"rise": 3}, "weight_bits": 8, "extra_steps": 3}),
        ("stidi-bp", {"conv": CONV, "psp": {"rise": 2, "fall": 3}, "weight_bits": 1}),
        ("stidi-bp", {"psp": {"rise": 4, "fall": 40}, "weight_bits": 3}),
        ("stidi-bp", {"conv": CONV, "psp": {"rise": 2, "fall": 3}, "later_steps": 3}),
    ],
)
def test_torch_in_evaluation_mode_equals_the_reference(rule, options):
    model = network_of(rule, **options)
    network = export(model)
    images = random_images()
    trace = run_reference(network, encode(images, network.input))
    seen = evaluate(model, images)
    np.testing.assert_array_equal(seen.classes, trace.classes)
    np.testing.assert_array_equal(seen.membranes, trace.outputs)
    np.testing.assert_array_equal(seen.decided_step, trace.decided_step)
    layers = [layer for layer in trace.layers if layer.membranes is not None]
    for mine, layer in zip(seen.spikes, layers, strict=True):
        np.testing.assert_array_equal(mine, layer.spikes)
        assert 0.05 < mine.any(1).mean() < 0.95
    assert len(np.unique(seen.decided_step)) > 1
    assert accuracy(model, images, trace.classes.astype(np.uint8)) == 1


def test_the_contract_says_what_the_layers_are():
    network = export(network_of("stidi-bp", conv=CONV, psp={"rise": 2, "fall": 3}, weight_bits=1))
    assert [(layer.name, type(layer)) for layer in network.layers] == [
        ("conv1", Conv2d), ("pool1", FirstSpikePool), ("conv2", Conv2d), ("pool2", FirstSpikePool),
        ("flatten", Flatten), ("hidden1", Dense), ("output", Dense),
    ]  # fmt: skip
    for layer in network.layers:
        if isinstance(layer, Conv2d | Dense):
            taps = [(tap.delay, tap.gain) for tap in layer.neuron.taps]
            assert taps == [(0, 3), (2, -5), (5, 2)]
            assert layer.weight_bits == 1
            assert set(np.unique(network.weight(layer.name))) == {-1, 0}
    assert (network.layers[1].kernel, network.layers[1].stride) == (2, 2)


def test_each_layer_runs_longer_than_the_one_before_it_by_the_later_steps():
    network = export(network_of("stdbp", conv=CONV, later_steps=3, extra_steps=2))
    weighted = [layer for layer in network.layers if isinstance(layer, Conv2d | Dense)]
    assert [layer.neuron.steps for layer in weighted] == [10, 13, 16, 21]
    assert network.input.steps == 7


def test_a_network_may_start_with_inhibition_alone():
    assert export(network_of("stdbp", start_mean=-1.0)).weight("hidden1").mean() < 0


def test_windows_that_get_too_long_are_refused_before_training():
    with pytest.raises(SpikeforgeError) as caught:
        network_of("stdbp", hidden=[9] * 15, steps=255, later_steps=64)
    assert str(caught.value) == (
        "network.later_steps must leave the last of 16 layers at most 1023 steps, not 1279 "
        "(steps = 255, 64 more a layer, extra_steps = 0); take fewer"
    )


def test_taps_behind_the_last_step_are_left_out():
    network = export(network_of("stidi-bp", psp={"rise": 4, "fall": 40}))
    assert [(tap.delay, tap.gain) for tap in network.layers[0].neuron.taps] == [(0, 10), (4, -11)]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Sequential(StdbpConv((1, 6, 6), 2, 3), Pool((2, 4, 4), 2), StdbpOutput(9, 2)),
         r"module 2 takes 9 inputs and runs 15 steps, but the layer before gives 8 and runs 15"),
        (nn.Sequential(StdbpConv((1, 6, 6), 2, 3), StdbpConv((8, 2, 2), 3, 1), StdbpOutput(12, 2)),
         r"module 1 takes maps of the shape \(8, 2, 2\), but the layer before gives \(2, 4, 4\)"),
        (nn.Sequential(StdbpDense(9, 16), Pool((1, 4, 4), 2)), r"shape \(1, 4, 4\).*\(16, 1, 1\)"),
        (nn.Sequential(StdbpConv((1, 6, 6), 2, 3), Pool((2, 4, 4), 2)),
         r"the last module must be a layer of neurons, not a FirstSpikePool; add a layer"),
    ],
)  # fmt: skip
def test_what_is_no_network_is_refused(model, words):
    with pytest.raises(SpikeforgeError, match=words):
        export(model)
