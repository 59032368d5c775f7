"""``spikeforge power --images-per-second``: which lanes meet a rate with the least energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.power.operating import OperatingPoint
    from deploy.power.result import PowerReport
    from spikeforge.network import Network

__all__ = ["POINT_IMAGES", "find_points", "point_table"]

_LANES = (8, 16, 32, 64, 128)
POINT_IMAGES = 100
"""Images that each point is estimated on, at most."""


def find_points(
    network: Network, estimate_with: Callable[[int], PowerReport], rate: float, lanes: int | None
) -> list[OperatingPoint]:
    """Estimate a network with several lanes, all by the same method, at a rate.

    Args:
        network: The network.
        estimate_with: The estimate with so many lanes.
        rate: Images a second.
        lanes: Only these; None: all usual ones that the network can have.
    """
    from deploy.power.operating import operating_point
    from spikeforge.progress import progress

    choices = [lanes] if lanes is not None else _choices(network)
    found = []
    with progress("Estimate with several lanes", len(choices)) as bar:
        for count in choices:
            found.append(operating_point(estimate_with(count), count, rate))
            bar.advance()
    return found


def _choices(network: Network) -> list[int]:
    from hw.config import configure
    from spikeforge.errors import SpikeforgeError

    able = []
    for lanes in _LANES:
        try:
            configure(network, lanes)
        except SpikeforgeError:  # more than the widest layer
            break
        able.append(lanes)
    return able or [configure(network).lanes]


def point_table(points: list[OperatingPoint], rate: float) -> Table:
    """All points, the best one marked."""
    from deploy.power.operating import best_point

    best = best_point(points)
    table = Table(title=f"At {rate:g} images/s (estimates by events, up to {POINT_IMAGES} images)")
    for name in ("lanes", "slowest clock, MHz", "busy", "dynamic uJ", "static uJ", "uJ an image",
                 "mW"):  # fmt: skip
        table.add_column(name, justify="right")
    for point in points:
        table.add_row(
            f"{point.lanes}{' *' if point is best else ''}", f"{point.least_mhz:.4g}",
            f"{point.duty:.2%}" if point.reaches else "too slow", f"{point.dynamic_uj:.4g}",
            f"{point.static_uj:.4g}", f"{point.energy_uj:.4g}", f"{point.power_mw(rate):.4g}",
            style="bold" if point is best else None,
        )  # fmt: skip
    table.caption = (
        "* least energy at this rate. The clock stops between images; one as slow as the second "
        "column spends the same dynamic energy. SRAM leakage as the profile states it."
    )
    return table
