from __future__ import annotations

import torch

from train.model import WindowedMlp


def test_sizes_become_hidden_layers_and_a_readout():
    model = WindowedMlp((20, 8, 6, 3), weight_bits=5, steps=7)
    assert [(layer.inputs, layer.outputs, layer.fires) for layer in model.chain()] == [
        (20, 8, True), (8, 6, True), (6, 3, False),
    ]  # fmt: skip
    assert {layer.weight_bits for layer in model.chain()} == {5}
    assert {layer.steps for layer in model.chain()} == {7}


def test_activity_is_the_mean_hidden_level():
    model = WindowedMlp((20, 8, 3))
    k = torch.randint(0, 16, (5, 20)).float()
    _, activity = model.scores(k)
    torch.testing.assert_close(activity, model.hidden[0](k).mean())


def test_every_parameter_is_in_exactly_one_group():
    model = WindowedMlp((20, 8, 6, 3), threshold_per_neuron=True)
    grouped = [p for group in model.parameter_groups(0.01) for p in group["params"]]
    assert len(grouped) == len(set(map(id, grouped)))
    assert set(map(id, grouped)) == set(map(id, model.parameters()))
    decays = [g["params"] for g in model.parameter_groups(0.01) if "weight_decay" not in g]
    assert all(p.ndim == 2 for group in decays for p in group)


def test_dropout_acts_in_training_only():
    torch.manual_seed(1)
    model = WindowedMlp((20, 50, 3), dropout=0.5)
    k = torch.randint(0, 16, (5, 20)).float()
    assert not torch.equal(model(k), model(k))
    model.eval()
    assert torch.equal(model(k), model(k))
