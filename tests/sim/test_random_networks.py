"""A hundred random networks on their RTL: every stream, membrane, class and cycle.

``make fuzz`` runs more of them. To repeat one: ``python benchmarks/fuzz.py --seed N``.
"""

from __future__ import annotations

import pytest

from sim.fuzz import Coverage
from sim.fuzz.run import Finding, fuzz_case, run_seed

SEEDS = range(1, 101)
AT_ONCE = 5


@pytest.mark.parametrize("first", SEEDS[::AT_ONCE])
def test_random_networks_equal_the_models(first):
    found = [run_seed(seed) for seed in range(first, first + AT_ONCE)]
    differing = {one.seed: one.differences for one in found if one.differences}
    assert differing == {}
    assert all(one.items for one in found)


def test_these_networks_make_every_choice_and_fire():
    coverage = Coverage()
    for seed in SEEDS:
        coverage.add(fuzz_case(seed))
    assert coverage.missing == []
    assert coverage.share_within(0.05, 0.6) >= 0.9


def test_a_difference_is_found(monkeypatch):
    """The check can fail: a reference that is off by one in one membrane is noticed."""
    import dataclasses

    import sim.equality
    from sim.reference import run_reference

    def wrong(network, inputs):
        trace = run_reference(network, inputs)
        last = trace.layers[-1]
        moved = dataclasses.replace(last, membranes=last.membranes + 1)
        return dataclasses.replace(trace, layers=(*trace.layers[:-1], moved))

    monkeypatch.setattr(sim.equality, "run_reference", wrong)
    found = run_seed(2)
    assert isinstance(found, Finding)
    assert len(found.differences) == 3
    assert "back to back: image 0, output neuron 0: the RTL's membrane is" in found.differences[0]


def test_a_cycle_too_many_is_found_where_nothing_stalls(monkeypatch):
    import dataclasses

    import sim.equality
    from sim.cycles import count_cycles

    def late(*given, **options):
        count = count_cycles(*given, **options)
        return dataclasses.replace(count, result=count.result + 1)

    monkeypatch.setattr(sim.equality, "count_cycles", late)
    found = run_seed(2)
    assert [text.split(":")[0] for text in found.differences] == ["back to back", "one by one"]
    assert all("the cycle model says" in text for text in found.differences)
