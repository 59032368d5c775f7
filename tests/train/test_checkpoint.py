from __future__ import annotations

import pytest
import torch

from train.checkpoint import read_checkpoint, write_checkpoint
from train.recipe import Recipe
from train.trainer import start_run


def run(hidden=6):
    """A run after one update, with all parts of its state filled."""
    torch.manual_seed(hidden)
    recipe = {"name": "r", "network": {"hidden": [hidden]}, "training": {"epochs": 3}}
    state = start_run(Recipe.model_validate(recipe))
    for _ in range(2):
        state.model.scores(torch.randint(0, 16, (8, 784)).float())[0].square().sum().backward()
        state.optimizer.step()
        state.average.update_parameters(state.model)
    state.best = {key: value + 1 for key, value in state.model.state_dict().items()}
    state.epoch, state.best_epoch = 2, 1
    state.history = {"loss": [2.0, 1.5], "validation_accuracy": [0.1, 0.25]}
    return state


def fresh(hidden=6):
    torch.manual_seed(99)
    recipe = {"name": "r", "network": {"hidden": [hidden]}, "training": {"epochs": 3}}
    return start_run(Recipe.model_validate(recipe))


def test_everything_comes_back(tmp_path):
    state = run()
    write_checkpoint(tmp_path / "c", state, "mark")
    expected_random = torch.rand(3)
    other = fresh()
    assert read_checkpoint(tmp_path / "c", other, "mark")
    torch.testing.assert_close(torch.rand(3), expected_random, rtol=0, atol=0)
    assert (other.epoch, other.best_epoch, other.history) == (2, 1, state.history)
    for ours, theirs in (
        (other.model.state_dict(), state.model.state_dict()),
        (other.average.state_dict(), state.average.state_dict()),
        (other.best, state.best),
    ):
        assert ours.keys() == theirs.keys()
        for key in ours:
            torch.testing.assert_close(ours[key], theirs[key], rtol=0, atol=0)
    for at, slot in state.optimizer.state_dict()["state"].items():
        for key, value in slot.items():
            torch.testing.assert_close(other.optimizer.state_dict()["state"][at][key], value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"",
        lambda raw: b"\x80\x04pickle",
        lambda raw: raw.replace(b"spikeforge-training", b"spikeforge-something"),
        lambda raw: raw.replace(b"best.readout.bias", b"best.readout.bits"),
        lambda raw: raw.replace(b'"random"', b'"rondom"'),
    ],
    ids=["cut off", "empty", "pickle", "another file", "a part missing", "no random state"],
)
def test_a_damaged_file_is_left_aside_and_nothing_changes(tmp_path, damage):
    write_checkpoint(tmp_path / "c", run(), "mark")
    (tmp_path / "c").write_bytes(damage((tmp_path / "c").read_bytes()))
    state = fresh()
    before = {key: value.clone() for key, value in state.model.state_dict().items()}
    assert not read_checkpoint(tmp_path / "c", state, "mark")
    assert state.epoch == 0
    for key, value in state.model.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_a_missing_file_and_one_of_another_run_are_left_aside(tmp_path):
    assert not read_checkpoint(tmp_path / "none", fresh(), "mark")
    write_checkpoint(tmp_path / "c", run(), "mark")
    assert not read_checkpoint(tmp_path / "c", fresh(), "another mark")
    assert not read_checkpoint(tmp_path / "c", fresh(hidden=7), "mark")
