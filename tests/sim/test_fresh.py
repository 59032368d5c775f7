from __future__ import annotations

import os

from sim.fresh import in_fresh_processes


def where(item):
    return item, os.getpid()


def test_processes_are_renewed_and_results_stay_in_order():
    found = list(in_fresh_processes(where, list(range(7)), 1, 2))
    assert [item for item, _ in found] == list(range(7))
    processes = [process for _, process in found]
    assert os.getpid() not in processes
    assert [processes[at] == processes[at + 1] for at in range(0, 6)] == [
        True, False, True, False, True, False,
    ]  # fmt: skip
