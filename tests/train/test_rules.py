from __future__ import annotations

import pytest
import torch

from spikeforge.errors import SpikeforgeError
from train import rules
from train.model import SpikingNet
from train.recipe import Recipe
from train.rules import RULES, build_network

NEEDS = {  # what a rule asks of a network
    "bpsta": {"input_bits": 4, "batch_norm": True},
    "lee2016": {"neuron": {"after_spike": "subtract"}},
    "st-rsbp": {"recurrent": True},
    "stidi-bp": {"psp": {"rise": 4}},
}


def recipe(**changes):
    return Recipe.model_validate(
        {"name": "r", "network": {"hidden": [9, 7]}, "training": {"epochs": 1}, **changes}
    )


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_builds_a_network_that_learns_and_exports(rule):
    torch.manual_seed(1)
    net = build_network(recipe(rule=rule, network={"hidden": [60, 40], **NEEDS.get(rule, {})}))
    assert isinstance(net, SpikingNet)
    scores, activity = net.scores(torch.randint(0, 16, (16, 784)).float())
    assert scores.shape == (16, 10)
    (scores.square().sum() + activity).backward()
    parameters = [p for group in net.parameter_groups(0.1) for p in group["params"]]
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
    assert len(net.chain()) == 3


def test_an_unknown_rule_gets_a_suggestion():
    with pytest.raises(
        SpikeforgeError, match=r"rule must be one of .*stdbp, .*windowed.*mean 'windowed'"
    ):
        build_network(recipe(rule="windowd"))


def test_a_new_rule_is_one_more_entry(monkeypatch):
    built = []

    def other(given):
        built.append(given.name)
        return RULES["windowed"](given)

    monkeypatch.setattr(rules, "RULES", {**RULES, "other": other})
    build_network(recipe(rule="other"))
    assert built == ["r"]
