"""What a class is sent with, by hand, and that a wrong one is noticed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sim.decide import winning_score
from sim.differences import first_difference, wrong_answers
from spikeforge.schema import Readout

# Two classes with two votes each; two images, of which the second one's output never fires.
MEMBRANES = np.array([[5, -2, 7, 1], [-4, -3, -8, -6]])
SPIKES = np.zeros((2, 3, 4), np.uint8)
SPIKES[0, 1, 1] = SPIKES[0, 1, 3] = SPIKES[0, 2, 3] = 1
DECIDED = np.array([1, -1])


@pytest.mark.parametrize(
    ("kind", "classes", "scores"),
    [
        ("max_membrane", [1, 0], [8, -7]),
        ("spike_count", [1, 0], [2, 0]),
        # Neuron 2 is higher, but does not fire in the deciding step.
        ("first_spike", [1, 0], [1, -3]),
    ],
)
def test_score_of_the_winner(kind, classes, scores):
    readout = Readout(kind=kind, classes=2, votes=2)
    found = winning_score(readout, np.array(classes), MEMBRANES, SPIKES, DECIDED)
    assert found.tolist() == scores


def test_a_windowed_network_has_no_spikes():
    readout = Readout(kind="max_membrane", classes=4)
    found = winning_score(readout, np.array([2, 1]), MEMBRANES, None, np.array([-1, -1]))
    assert found.tolist() == [7, -3]


def test_a_wrong_score_alone_is_a_difference():
    trace = SimpleNamespace(outputs=MEMBRANES, classes=np.array([1, 0]), scores=np.array([8, -7]))
    batch = SimpleNamespace(membranes=MEMBRANES, classes=np.array([1, 0]), scores=np.array([8, -8]))
    assert wrong_answers(trace, batch).tolist() == [False, True]
    told = first_difference(np.array([30, 31]), trace, None, batch, single=False)
    assert told == ["image 31: the RTL's class 0 has -8, the reference's -7"]
