"""``spikeforge power --images-per-second``: which lanes meet a rate with the least energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from deploy.power.operating import OperatingPoint
    from deploy.power.profile import Profile
    from spikeforge.cli.common import Images
    from spikeforge.network import Network

__all__ = ["find_points", "point_table"]

_LANES = (8, 16, 32, 64, 128)
_IMAGES = 100


def find_points(
    network: Network, images: Images, profile: Profile, clock_mhz: float, rate: float
) -> list[OperatingPoint]:
    """Estimate the network with several lanes, on up to 100 images each, at a rate."""
    from deploy.power import estimate
    from deploy.power.operating import operating_point
    from hw.census import take_inventory
    from hw.config import configure
    from sim.simulate import simulate
    from spikeforge.progress import progress

    widest = configure(network).lanes
    choices = [lanes for lanes in _LANES if lanes <= widest] or [widest]
    found = []
    with progress("Estimate with several lanes", len(choices)) as bar:
        for lanes in choices:
            config = configure(network, lanes)
            run = simulate(network, config, images.levels[:_IMAGES])
            power = estimate(take_inventory(network, config), run.activity, profile, clock_mhz)
            found.append(operating_point(power, lanes, rate))
            bar.advance()
    return found


def point_table(points: list[OperatingPoint], rate: float) -> Table:
    """All points, the best one marked."""
    from deploy.power.operating import best_point

    best = best_point(points)
    table = Table(title=f"At {rate:g} images/s (estimates, event method; up to {_IMAGES} images)")
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
