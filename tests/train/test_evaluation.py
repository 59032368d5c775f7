from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from spikeforge.errors import SpikeforgeError
from train.evaluation import accuracy, evaluate
from train.model import WindowedMlp
from train.windowed import WindowedReadout


def tied_model():
    """All classes alike: every image is a tie."""
    model = nn.Sequential(WindowedReadout(784, 10))
    with torch.no_grad():
        model[0].weight.fill_(0.1)
    return model


def images(count):
    return np.random.default_rng(1).integers(0, 256, (count, 28, 28)).astype(np.uint8)


def test_ties_go_to_the_lowest_class():
    assert evaluate(tied_model(), images(20)).classes.tolist() == [0] * 20


def test_results_do_not_depend_on_the_batch(monkeypatch):
    model = WindowedMlp((784, 12, 10))
    whole = evaluate(model, images(50))
    monkeypatch.setattr("train.evaluation._BATCH", 7)
    parts = evaluate(model, images(50))
    np.testing.assert_array_equal(whole.membranes, parts.membranes)
    np.testing.assert_array_equal(whole.levels[0], parts.levels[0])
    assert whole.levels[0].dtype == np.uint8


def test_accuracy_is_the_share_of_right_classes():
    labels = np.array([0, 0, 0, 5, 9, 0], np.uint8)
    assert accuracy(tied_model(), images(6), labels) == pytest.approx(4 / 6)


@pytest.mark.parametrize("training", [True, False])
def test_the_models_mode_and_rounding_stay_as_they_were(training):
    model = WindowedMlp((784, 12, 10)).train(training)
    accuracy(model, images(5), np.zeros(5, np.uint8), rounding=False)
    evaluate(model, images(5))
    assert {layer.training for layer in model.chain()} == {training}
    assert {layer.rounding for layer in model.chain()} == {True}


def test_without_rounding_another_network_is_judged():
    torch.manual_seed(1)
    model = WindowedMlp((784, 12, 10), weight_bits=2)
    labels = evaluate(model, images(200)).classes.astype(np.uint8)
    assert accuracy(model, images(200), labels) == 1
    assert accuracy(model, images(200), labels, rounding=False) < 1


def test_no_images_are_refused():
    with pytest.raises(SpikeforgeError, match="at least 1 image, not 0"):
        accuracy(tied_model(), images(0), np.zeros(0, np.uint8))
