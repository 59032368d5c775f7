from __future__ import annotations

import pytest
import torch

from spikeforge.errors import SpikeforgeError
from train.model import WindowedMlp
from train.recipe import Recipe
from train.sparsity import Pruning, block_norms, kept_shares
from train.trainer import train

LANES = 4


def recipe(epochs=10, **sparsity):
    return Recipe.model_validate(
        {
            "name": "sparse",
            "network": {"hidden": [10]},
            "training": {"epochs": epochs, "batch_size": 64},
            "sparsity": {"lanes": LANES, "keep": 0.4, **sparsity},
        }
    )


def model_and_sample():
    """Ten neurons in blocks of 4, 4 and 2; of 20 inputs one never and one rarely spikes."""
    torch.manual_seed(1)
    model = WindowedMlp((20, 10, 10))
    sample = torch.randint(1, 16, (200, 20)).float() * (torch.rand(200, 20) < 0.5)
    sample[:, 7] = 0
    sample[5:, 8] = 0
    return model, sample


def test_the_share_falls_from_all_to_what_is_kept_and_only_then_counts():
    model, sample = model_and_sample()
    pruning = Pruning(recipe(epochs=11, start=0.2, end=0.6), model, 11, sample)
    shares = [pruning.share(epoch) for epoch in range(11)]
    assert shares[:3] == [1.0, 1.0, 1.0]
    assert shares == sorted(shares, reverse=True)
    assert shares[4] == pytest.approx(0.4 + 0.6 * 0.5**3)
    assert shares[6:] == [pytest.approx(0.4)] * 5
    assert [pruning.settled(epoch) for epoch in range(11)] == [False] * 6 + [True] * 5


def test_blocks_go_until_weights_and_reads_fit_and_no_further():
    model, sample = model_and_sample()
    pruning = Pruning(recipe(), model, 10, sample)
    pruning.begin(9)
    pruning.apply(model)
    weight, events = model.hidden[0].weight, (sample > 0).float().mean(0)
    stored, reads = kept_shares(weight, events, LANES)
    assert 0.3 < stored <= 0.4
    assert 0.3 < reads <= 0.4
    norms = block_norms(weight.detach(), LANES)
    assert not norms[:, 7].any()  # an input that never spikes needs no weights
    whole = torch.stack([(part != 0).all(0) for part in weight.split(LANES)])
    assert torch.equal(whole, norms > 0)  # blocks go as a whole, or stay untouched


def test_a_strong_block_stays_and_a_weak_one_goes():
    model, sample = model_and_sample()
    with torch.no_grad():
        model.hidden[0].weight[:4, 0] *= 100
        model.hidden[0].weight[:4, 1] *= 0.01
    pruning = Pruning(recipe(), model, 10, sample)
    pruning.begin(9)
    pruning.apply(model)
    norms = block_norms(model.hidden[0].weight.detach(), LANES)
    assert norms[0, 0] > 0
    assert norms[0, 1] == 0


def test_what_is_pruned_stays_pruned():
    model, sample = model_and_sample()
    pruning = Pruning(recipe(start=0.0, end=0.9), model, 10, sample)
    before = torch.zeros(3, 20, dtype=torch.bool)
    for epoch in range(10):
        pruning.begin(epoch)
        pruning.apply(model)
        gone = block_norms(model.hidden[0].weight.detach(), LANES) == 0
        assert (gone | ~before).all()
        before = gone
        with torch.no_grad():
            model.hidden[0].weight.mul_(torch.rand(10, 20))
    assert before.float().mean() > 0.5


def test_training_exports_a_network_with_no_more_blocks_than_asked_for(blob_dataset):
    chosen = recipe(epochs=6)
    result = train(chosen, blob_dataset)
    weight = torch.as_tensor(result.network.weight("hidden1").copy()).float()
    stored, _ = kept_shares(weight, torch.ones(784), LANES)
    assert 0.05 < stored <= 0.4 + 1e-6
    assert result.best_epoch >= 3  # the epochs before were not pruned enough to be chosen
    assert result.accuracy_quantized > 0.5


def test_without_sparsity_nothing_is_pruned():
    model, sample = model_and_sample()
    plain = recipe().model_copy(update={"sparsity": None})
    pruning = Pruning(plain, model, 10, sample)
    before = model.hidden[0].weight.detach().clone()
    pruning.begin(9)
    pruning.apply(model)
    assert torch.equal(before, model.hidden[0].weight)
    assert pruning.settled(0)


def test_a_network_without_such_a_layer_is_refused():
    model, sample = model_and_sample()
    model.prunable = list
    with pytest.raises(SpikeforgeError, match=r"recipe sparse: sparsity needs a hidden fully"):
        Pruning(recipe(), model, 10, sample)


def test_pruning_must_start_before_it_ends():
    with pytest.raises(ValueError, match=r"end must be above start = 0\.7, not 0\.5"):
        recipe(start=0.7, end=0.5)
