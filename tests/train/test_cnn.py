from __future__ import annotations

import numpy as np
import torch

from sim.reference import run_reference
from spikeforge.coding import encode
from train.cnn import WindowedCnn
from train.evaluation import evaluate
from train.exporter import export
from train.network_shape import ConvShape
from train.recipe import Recipe, load_recipe
from train.rules import build_network
from train.trainer import train

CONVOLUTIONS = (
    ConvShape(channels=6, kernel=6, stride=3, padding=1),
    ConvShape(channels=70, kernel=3, stride=2),
)


def network(**options):
    torch.manual_seed(2)
    model = WindowedCnn((1, 28, 28), CONVOLUTIONS, (30, 10), **options)
    with torch.no_grad():
        for layer in model.chain():
            layer.bias.normal_(0, 20 * layer.step.item())
        for layer in model.hidden:
            layer.log_threshold.add_(0.3 * torch.randn_like(layer.log_threshold) - 1.5)
    return model


def random_images(count=40):
    random = np.random.default_rng(6)
    images = random.integers(0, 256, (count, 28, 28))
    return np.where(random.random(images.shape) < 0.2, images, 0).astype(np.uint8)


def test_torch_in_evaluation_mode_equals_the_integer_reference():
    for per_neuron in (False, True):
        model = network(threshold_per_neuron=per_neuron)
        exported = export(model, input_threshold=64)
        assert [layer.name for layer in exported.layers] == [
            "conv1", "conv2", "flatten", "hidden1", "readout",
        ]  # fmt: skip
        images = random_images()
        trace = run_reference(exported, encode(images, exported.input))
        result = evaluate(model, images, input_threshold=64)
        np.testing.assert_array_equal(result.classes, trace.classes)
        np.testing.assert_array_equal(result.membranes, trace.outputs)
        fired = {part.name: part.levels for part in trace.layers if part.levels is not None}
        for name, ours in zip(("conv1", "conv2", "hidden1"), result.levels, strict=True):
            np.testing.assert_array_equal(ours, fired[name])
            assert 0 < (ours > 0).mean() < 1


def test_activity_is_the_kilocycles_that_strong_spikes_cause():
    model = network().train()
    images = torch.as_tensor(random_images().reshape(40, -1), dtype=torch.float32)
    k = (images / 17).floor()
    with torch.no_grad():
        _, activity = model.scores(k)
        maps1 = model.hidden[0](k)
        maps2 = model.hidden[1](maps1)
        dense = model.hidden[2](maps2)
    positions = np.zeros((9, 9))
    for row, column in np.ndindex(4, 4):
        positions[2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += 1
    share = [(part.numpy().clip(0, 4) / 4).sum() for part in (maps2, dense)]
    first = (maps1.numpy().clip(0, 4) / 4 * positions).sum() * 2  # 70 channels: two rows of 64
    np.testing.assert_allclose(activity, (first + sum(share)) / 40 / 1000, rtol=1e-5)


def test_a_recipe_with_convolutions_trains_and_its_penalty_saves_events(blob_dataset):
    def trained(l1):
        recipe = Recipe.model_validate(
            {
                "name": "small-cnn",
                "network": {
                    "conv": [{"channels": 8, "kernel": 6, "stride": 3, "padding": 1}],
                    "hidden": [16],
                },
                "training": {"epochs": 5, "batch_size": 32, "l1": l1},
            }
        )
        return train(recipe, blob_dataset)

    loud, quiet = trained(0.0), trained(2.0)
    assert loud.accuracy_quantized > 0.9
    assert quiet.accuracy_quantized > 0.8
    spikes = [
        (evaluate(result.model, blob_dataset.test_images).levels[0] > 0).mean()
        for result in (loud, quiet)
    ]
    assert spikes[1] < 0.8 * spikes[0]


def test_every_parameter_is_in_exactly_one_group():
    model = network(threshold_per_neuron=True)
    grouped = [p for group in model.parameter_groups(0.01) for p in group["params"]]
    assert len(grouped) == len(set(map(id, grouped)))
    assert set(map(id, grouped)) == set(map(id, model.parameters()))


def test_dropout_acts_in_training_only():
    model = network(dropout=0.5).train()
    k = (torch.as_tensor(random_images().reshape(40, -1), dtype=torch.float32) / 17).floor()
    assert not torch.equal(model(k), model(k))
    model.eval()
    assert torch.equal(model(k), model(k))


def test_the_recipe_is_a_network_within_its_memory():
    model = build_network(load_recipe("mnist-cnn"))
    assert export(model).weight_bits_total <= 2_000_000
    assert [layer.outputs for layer in model.chain()][-1] == 10
