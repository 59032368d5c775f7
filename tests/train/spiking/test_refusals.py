from __future__ import annotations

import pytest
import torch

from spikeforge.errors import SpikeforgeError
from train.exporter import export
from train.recipe import Recipe
from train.rules import build_network


def recipe(rule="surrogate", dropout=0.0, **network):
    return Recipe.model_validate({
        "name": "r", "rule": rule, "network": {"hidden": [6], "steps": 4, **network},
        "training": {"epochs": 1, "dropout": dropout},
    })  # fmt: skip


def conv(**more):
    return [{"channels": 2, "kernel": 3, **more}]


@pytest.mark.parametrize(("change", "message"), [
    ({"dropout": 0.1}, "training.dropout must be 0 for rule surrogate, not 0.1; leave it out"),
    ({"extra_steps": 2}, "network.extra_steps must be 0 for rule surrogate, not 2; leave it out"),
    ({"start_mean": 0.1}, "network.start_mean must be left out for rule surrogate, not 0.1; take"),
    ({"later_steps": 1}, "network.later_steps must be 0 for rule surrogate, not 1; leave it out"),
    ({"input_bits": 4, "input_threshold": 9}, "network.input_threshold must be 0 where pixels are"),
    ({"votes": 2}, "network.votes must be 1 for the readout max_membrane, not 2; ask for readout"),
    ({"conv": conv(residual="add", kernel=4)}, "kernel must be odd in a block with residual 'add'"),
    ({"conv": conv(pool=27)}, "pool must be at most 26 for a 26 x 26 map, not 27"),
    ({"conv": [*conv(pool=13), *conv()]}, "kernel must fit into the padded 2 x 2 map, not 3"),
    ({"recurrent": True}, "network.recurrent must be false for rule surrogate, not true"),
])  # fmt: skip
def test_what_no_network_can_do_is_refused_in_one_line(change, message):
    with pytest.raises(SpikeforgeError) as caught:
        build_network(recipe(**change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["weight", "bias", "log_step", "log_threshold"])
def test_numbers_that_are_not_finite_are_not_exported(name):
    model = build_network(recipe())
    getattr(model.stages[0], name).data.view(-1)[0] = torch.nan
    with pytest.raises(
        SpikeforgeError, match=rf"hidden1\.{name} must hold finite numbers only; train again"
    ):
        export(model, name="r")


def test_statistics_that_are_not_finite_are_not_exported():
    model = build_network(recipe(batch_norm=True))
    model.stages[0].norm.mean[1] = torch.inf
    with pytest.raises(SpikeforgeError, match=r"hidden1\.norm\.mean must hold finite numbers"):
        export(model, name="r")


def test_thresholds_wider_than_the_contract_are_not_exported():
    model = build_network(recipe())
    model.stages[0].log_threshold.data.fill_(30.0)
    with pytest.raises(SpikeforgeError, match=r"hidden1\.threshold_bits must be at most 32"):
        export(model, name="r")


def test_bpsta_wants_membranes_that_go_to_zero():
    with pytest.raises(
        SpikeforgeError,
        match=r'network\.neuron\.after_spike must be "zero" for rule bpsta, not "subtract"',
    ):
        build_network(recipe(rule="bpsta", neuron={"after_spike": "subtract"}))
