"""Lanes that a rate is estimated with, and the table of them."""

from __future__ import annotations

from types import SimpleNamespace

from rich.console import Console

from spikeforge.cli.operating import find_points, point_table


def with_lanes(lanes):
    return SimpleNamespace(
        interval_cycles=8000 / lanes, dynamic_uj=1.0 / lanes, static_mw=0.001 * lanes,
        clock_mhz=50.0,
    )  # fmt: skip


def test_all_usual_lanes_that_the_network_can_have(mnist_shaped):
    points = find_points(mnist_shaped("lanes", 40), with_lanes, 100.0, None)
    assert [point.lanes for point in points] == [8, 16, 32]
    assert [p.lanes for p in find_points(mnist_shaped("few", 5), with_lanes, 100.0, None)] == [8]
    assert [p.lanes for p in find_points(mnist_shaped("lanes", 40), with_lanes, 100.0, 20)] == [20]


def test_the_best_is_marked_and_what_is_too_slow_named(mnist_shaped):
    points = find_points(mnist_shaped("lanes", 40), with_lanes, 60_000.0, None)
    console = Console(width=120)
    with console.capture() as shown:
        console.print(point_table(points, 60_000.0))
    lines = [line for line in shown.get().splitlines() if line.startswith("│")]
    assert [("too slow" in line, "*" in line) for line in lines] == [
        (True, False), (False, False), (False, True),
    ]  # fmt: skip
