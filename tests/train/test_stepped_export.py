from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sim.reference import run_reference
from spikeforge.bounds import layer_ranges, signed_bits
from spikeforge.coding import encode
from spikeforge.errors import SpikeforgeError
from spikeforge.netfile import load_network, save_network
from spikeforge.network import Metadata
from spikeforge.schema import AfterSpike, Compare, LeakKind, ReadoutKind, Schedule
from spikeforge.traffic import source_traffic
from train.augment import code
from train.evaluation import accuracy, evaluate
from train.exporter import export
from train.stdbp import StdbpDense, StdbpOutput
from train.stdbp_net import StdbpMlp
from train.stepped import first_crossing, silenced, spike_times
from train.windowed import WindowedDense


def noisy(model, threshold=0, seed=1):
    """Random biases, and thresholds at which every layer fires some of its neurons."""
    torch.manual_seed(seed)
    pixels = torch.from_numpy(random_images().reshape(150, -1).astype(np.float32))
    arriving = spike_times(code(pixels, model.steps, threshold), model.steps)
    with torch.no_grad():
        for layer in model.chain():
            if layer.bias.requires_grad:
                layer.bias.normal_(0, 2 * layer.step.item())
            v, _ = layer.run(arriving)
            highest = v.amax(0) if layer.log_threshold.numel() > 1 else v.amax(0).view(-1, 1)
            typical = highest.quantile(0.6, dim=0).clamp(min=1) * layer.step
            layer.log_threshold.copy_(typical.log() + 0.1 * torch.randn_like(layer.log_threshold))
            arriving = silenced(*first_crossing(*layer.run(arriving)))
    return model


def random_images(count=150, seed=2):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, 28, 28))
    share = random.uniform(0.02, 0.4, (count, 1, 1))  # from nearly silent to bright
    return np.where(random.random(images.shape) < share, images, 0).astype(np.uint8)


@pytest.mark.parametrize(
    ("sizes", "options", "threshold"),
    [
        ((784, 40, 10), {"weight_bits": 4, "steps": 12, "bias": False}, 128),
        ((784, 30, 20, 10), {"weight_bits": 8, "steps": 15, "extra_steps": 5}, 0),
        ((784, 30, 10), {"weight_bits": 2, "steps": 6, "threshold_per_neuron": True}, 90),
    ],
)
def test_torch_in_evaluation_mode_equals_the_reference(sizes, options, threshold):
    torch.manual_seed(5)
    model = noisy(StdbpMlp(sizes, **options), threshold)
    network = export(model, input_threshold=threshold)
    images = random_images()
    trace = run_reference(network, encode(images, network.input))
    seen = evaluate(model, images, input_threshold=threshold)
    np.testing.assert_array_equal(seen.classes, trace.classes)
    np.testing.assert_array_equal(seen.membranes, trace.outputs)
    np.testing.assert_array_equal(seen.decided_step, trace.decided_step)
    assert len(seen.spikes) == len(trace.layers)
    for mine, layer in zip(seen.spikes, trace.layers, strict=True):
        np.testing.assert_array_equal(mine, layer.spikes)
        assert 0 < mine.any(1).mean() < 1
    assert len(np.unique(seen.decided_step)) > 1
    labels = trace.classes.astype(np.uint8)
    assert accuracy(model, images, labels, input_threshold=threshold) == 1


def test_the_contract_says_what_the_neurons_are():
    network = export(StdbpMlp((784, 30, 10), steps=8, extra_steps=3, bias=False))
    assert [layer.name for layer in network.layers] == ["hidden1", "output"]
    assert [layer.neuron.steps for layer in network.layers] == [8, 11]
    assert network.readout.kind is ReadoutKind.FIRST_SPIKE
    for layer in network.layers:
        neuron = layer.neuron
        assert (neuron.schedule, neuron.fires) == (Schedule.STEPPED, True)
        assert neuron.current_leak.kind is neuron.membrane_leak.kind is LeakKind.NONE
        assert neuron.after_spike is AfterSpike.SILENT
        assert neuron.compare is Compare.GREATER_EQUAL
        assert neuron.bias_bits == 0
        assert network.threshold(layer.name).shape == (1,)


def test_widths_are_the_narrowest_that_hold():
    network = export(noisy(StdbpMlp((784, 30, 10), steps=8, extra_steps=3)))
    sources = source_traffic(network)
    for layer, source in zip(network.layers, ("input", "hidden1"), strict=True):
        ranges = layer_ranges(layer, network.tensors, sources[source])
        assert layer.neuron.current_bits == signed_bits(*ranges.current)
        assert layer.neuron.membrane_bits == signed_bits(*ranges.membrane)


def test_a_users_own_sequential_exports_and_survives_a_file(tmp_path):
    torch.manual_seed(4)
    model = nn.Sequential(
        nn.Flatten(), nn.Dropout(0.1), nn.Sequential(StdbpDense(36, 20, steps=7), nn.Identity()),
        StdbpOutput(20, 4, steps=7),
    )  # fmt: skip
    network = export(model, name="mine", metadata=Metadata(dataset="my own", seed=3))
    save_network(network, tmp_path / "mine.safetensors")
    again = load_network(tmp_path / "mine.safetensors")
    assert again.content_hash == network.content_hash
    assert again.input.shape == (1, 1, 36)
    assert set(again.metadata.scales) == {"hidden1", "output"}


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Sequential(StdbpDense(9, 4), nn.ReLU(), StdbpOutput(4, 2)),
         r"module 1 is a ReLU among stepped layers; build the model from stepped layers only"),
        (nn.Sequential(WindowedDense(9, 4), StdbpOutput(4, 2)), r"module 0 is a WindowedDense"),
        (nn.Sequential(StdbpDense(9, 4), StdbpOutput(5, 2)),
         r"module 1 takes 5 inputs and runs 15 steps, but the layer before gives 4 and runs 15"),
        (nn.Sequential(StdbpDense(9, 4), StdbpOutput(4, 2, steps=9)), r"runs 9 steps, but .* 15"),
    ],
)  # fmt: skip
def test_what_is_no_stepped_network_is_refused(model, words):
    with pytest.raises(SpikeforgeError, match=words):
        export(model)


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("weight", float("nan"), r"hidden1\.weight must hold finite numbers only"),
        ("log_step", -300.0, r"hidden1\.step must be a finite number above 0, not 0\.0"),
        ("log_threshold", 60.0, r"hidden1\.threshold_bits must be at most 32, not \d+"),
    ],
)
def test_numbers_that_give_no_integers_are_refused(parameter, value, words):
    model = StdbpMlp((784, 5, 10))
    with torch.no_grad():
        getattr(model.hidden[0], parameter).fill_(value)
    with pytest.raises(SpikeforgeError, match=words):
        export(model)


def test_one_neurons_step_that_gives_no_integers_is_refused():
    model = nn.Sequential(StdbpDense(9, 4, batch_norm=True), StdbpOutput(4, 2))
    with torch.no_grad():
        model[0].log_step[2] = -300.0
    with pytest.raises(SpikeforgeError) as caught:
        export(model)
    assert "step must be a finite number above 0, not 0.0" in str(caught.value)
