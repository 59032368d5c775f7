from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from spikeforge.errors import SpikeforgeError
from train import trainer
from train.augment import code_for
from train.evaluation import accuracy
from train.quantize import fitted_step
from train.recalibrate import recalibrate
from train.recipe import Recipe
from train.trainer import train


def recipe(**training):
    return Recipe.model_validate(
        {
            "name": "blobs",
            "seed": 3,
            "network": {"hidden": [16]},
            "training": {"epochs": 4, "batch_size": 32, "learning_rate": 0.01, **training},
            "augmentation": {"rotation_degrees": 5.0, "elastic_pixels": 0.3},
        }
    )


class StopError(Exception):
    """Stands for a power cut between two epochs."""


@pytest.fixture
def stop_after(monkeypatch):
    """Make the run break off after some epochs, with a checkpoint after each of them."""
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
    whole = trainer.run_epoch

    def _stop_after(epochs, error=StopError):
        def run(state, *arguments):
            if state.epoch == epochs:
                raise error
            return whole(state, *arguments)

        monkeypatch.setattr(trainer, "run_epoch", run)

    return _stop_after


def test_a_network_learns_and_its_record_is_filled_in(blob_dataset):
    result = train(recipe(), blob_dataset)
    network, origin = result.network, result.network.metadata
    assert result.accuracy_quantized > 0.9
    assert result.accuracy_float > 0.9
    assert origin.accuracy_quantized == result.accuracy_quantized
    assert (network.name, origin.dataset, origin.split, origin.seed) == (
        "blobs",
        "blobs",
        "test",
        3,
    )
    assert Recipe.model_validate(origin.recipe) == recipe()
    assert len(origin.history["loss"]) == len(origin.history["validation_accuracy"]) == 4
    assert origin.history["loss"][-1] < origin.history["loss"][0]
    assert origin.history["validation_accuracy"][result.best_epoch] == result.accuracy_validation
    assert result.accuracy_validation == max(origin.history["validation_accuracy"])
    assert set(origin.scales) == {"hidden1", "readout"}


def test_the_figures_are_those_of_the_returned_model(blob_dataset):
    result = train(recipe(), blob_dataset)
    test, validation = blob_dataset.test, blob_dataset.validation
    assert accuracy(result.model, test.images, test.labels) == result.accuracy_quantized
    assert (
        accuracy(result.model, validation.images, validation.labels) == result.accuracy_validation
    )


def test_the_same_seed_gives_the_same_network_and_another_seed_another(blob_dataset):
    torch.manual_seed(123)
    first = train(recipe(), blob_dataset, seed=5)
    torch.manual_seed(456)
    again, other = train(recipe(), blob_dataset, seed=5), train(recipe(), blob_dataset, seed=6)
    assert first.network.content_hash == again.network.content_hash
    assert first.history == again.history
    assert first.network.content_hash != other.network.content_hash
    assert again.network.metadata.seed == 5


def test_the_callers_random_state_and_threads_stay(blob_dataset):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train(recipe(epochs=1), blob_dataset)
    assert torch.equal(state, torch.get_rng_state())
    assert threads == torch.get_num_threads()


@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt])
def test_an_interrupted_run_goes_on_and_ends_as_if_it_never_stopped(
    blob_dataset, tmp_path, stop_after, error, capsys
):
    checkpoint = tmp_path / "run.safetensors"
    whole = train(recipe(dropout=0.2), blob_dataset)
    stop_after(2, error)
    with pytest.raises(error):
        train(recipe(dropout=0.2), blob_dataset, checkpoint=checkpoint)
    assert checkpoint.exists()
    stop_after(-1)
    resumed = train(recipe(dropout=0.2), blob_dataset, checkpoint=checkpoint)
    assert "goes on after epoch 2 of 4" in " ".join(capsys.readouterr().err.split())
    assert resumed.network.content_hash == whole.network.content_hash
    assert resumed.history == whole.history
    assert not checkpoint.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda r, d: {"recipe": recipe(l1=0.1), "dataset": d, "seed": 3},
        lambda r, d: {"recipe": r, "dataset": d, "seed": 4},
        lambda r, d: {
            "recipe": r, "seed": 3,
            "dataset": dataclasses.replace(d, train_labels=(d.train_labels + 1) % 10),
        },
    ],
    ids=["recipe", "seed", "data"],
)  # fmt: skip
def test_a_checkpoint_of_another_run_is_not_used(blob_dataset, tmp_path, stop_after, change):
    checkpoint = tmp_path / "run.safetensors"
    stop_after(2)
    with pytest.raises(StopError):
        train(recipe(), blob_dataset, checkpoint=checkpoint)
    stop_after(-1)
    arguments = change(recipe(), blob_dataset)
    alone = train(**arguments)
    beside = train(**arguments, checkpoint=checkpoint)
    assert beside.network.content_hash == alone.network.content_hash


def test_test_images_change_nothing_but_the_final_figure(blob_dataset):
    random = np.random.default_rng(1)
    other = dataclasses.replace(
        blob_dataset, test_images=random.integers(0, 256, (9, 28, 28)).astype(np.uint8),
        test_labels=np.zeros(9, np.uint8),
    )  # fmt: skip
    first, second = train(recipe(), blob_dataset), train(recipe(), other)
    assert first.network.content_hash == second.network.content_hash


def test_validation_images_are_never_trained_on(blob_dataset):
    images = blob_dataset.train_images.copy()
    images[:128] = 255 - images[:128]
    other = dataclasses.replace(blob_dataset, train_images=images)
    one_epoch = recipe(epochs=1)  # nothing to choose, so validation cannot matter
    first, second = train(one_epoch, blob_dataset), train(one_epoch, other)
    assert first.network.content_hash == second.network.content_hash
    assert first.accuracy_validation != second.accuracy_validation


def test_l1_makes_hidden_neurons_quieter(blob_dataset):
    def spikes(result):
        from train.evaluation import evaluate

        return (evaluate(result.model, blob_dataset.test_images).levels[0] > 0).mean()

    loud, quiet = (
        train(recipe(epochs=6), blob_dataset),
        train(recipe(epochs=6, l1=0.3), blob_dataset),
    )
    assert spikes(quiet) < 0.7 * spikes(loud)
    assert quiet.accuracy_quantized > 0.8


def test_a_diverging_run_is_one_clear_line(blob_dataset, monkeypatch):
    monkeypatch.setattr(trainer, "run_epoch", lambda *arguments: float("nan"))
    with pytest.raises(
        SpikeforgeError, match=r"loss became nan in epoch 0; lower training\.learning"
    ):
        train(recipe(), blob_dataset)


def test_the_packages_tiny_recipe_learns_the_real_extract(extract_dataset):
    from train.recipe import load_recipe

    tiny = load_recipe("mnist-tiny")
    short = tiny.model_copy(
        update={"training": tiny.training.model_copy(update={"epochs": 12, "min_updates": 0})}
    )
    result = train(short, extract_dataset)
    assert result.accuracy_quantized > 0.88
    assert result.network.metadata.split == "validation-extract"


def normalized(epochs):
    return Recipe.model_validate(
        recipe(epochs=epochs).model_dump(exclude={"rule", "network"})
        | {"rule": "stdbp", "network": {"hidden": [16], "steps": 8, "batch_norm": True}}
    )


def test_the_chosen_network_is_normalized_by_its_own_slopes(blob_dataset):
    given = normalized(2)
    model = train(given, blob_dataset).model
    found = [each.norm.moments.mean.clone() for each in model.chain()]
    pixels = torch.from_numpy(blob_dataset.training.images[:2000]).flatten(1).float()
    recalibrate(model, code_for(given.network, pixels))
    for layer, before in zip(model.chain(), found, strict=True):
        torch.testing.assert_close(layer.norm.moments.mean, before)


def test_the_steps_of_the_chosen_network_are_those_of_its_averaged_weights(blob_dataset):
    model = train(normalized(2), blob_dataset).model
    for layer in model.chain():
        torch.testing.assert_close(layer.step, fitted_step(layer.weight, layer.weight_bits))
