"""Networks with every feature at once, against the reference and the cycle model."""

from __future__ import annotations

import pytest

from hw.config import configure
from sim.equality import check
from sim.fuzz import Coverage, choices_of
from sim.model import Stalls
from sim.verify import verify

NAMES = (
    "windowed", "windowed, votes", "first spike of spikes", "spike count of graded values",
    "membranes of levels",
)  # fmt: skip


def test_no_network_loses_a_value_that_it_could_hold(everything):
    assert set(NAMES) == set(everything.TWINS)
    every = Coverage().missing
    held = set()
    for name in NAMES:
        network, _, shares = everything.make(name)
        choices = choices_of(network)
        assert set(every) - choices == everything.left_out(name), name
        assert all(0.05 <= share <= 0.6 for share in shares.values()), (name, shares)
        held |= choices
    assert held >= set(every)


WIDE = (NAMES[0], NAMES[2])  # one windowed, one stepped


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "three lanes") for name in NAMES), *((name, "widest") for name in WIDE)],
)
def test_compiled_with_stalls_and_without(everything, name, kind):
    network, images, _ = everything.make(name)
    found = check(network, everything.hardware(name, kind), images, Stalls(seed=5))
    assert found.differences == ()
    assert found.items > 2000


@pytest.mark.parametrize("name", NAMES)
def test_through_cocotb_with_stalls_and_without(everything, name):
    network, images, _ = everything.make(name)
    config = configure(network, 1, skip_zero_rows=False)
    found = verify(network, config, images[[0, 2, 5]], seed=3, brief=True)
    assert found.message == ""
    assert (found.event_mismatches, found.cycle_mismatches, found.images) == (0, 0, 3)
    assert all(outcome.events > 150 for outcome in found.outcomes)
