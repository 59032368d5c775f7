"""What ``spikeforge power --method event`` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spikeforge.errors import MismatchError

if TYPE_CHECKING:
    from deploy.power.profile import Profile
    from deploy.power.result import PowerReport
    from hw.config import HardwareConfig
    from sim.simulate import Simulation
    from spikeforge.cli.common import Images
    from spikeforge.network import Network

__all__ = ["run_event"]


def run_event(
    network: Path, data: Path | None, images: int | None, lanes: int | None,
    clock_mhz: float | None, technology: str, images_per_second: float | None, as_json: bool,
) -> None:  # fmt: skip
    """Estimate a network by events, and print or emit what was found.

    Raises:
        SpikeforgeError: For bad input.
        MismatchError: If RTL and reference differ.
    """
    from deploy.power import load_profile
    from deploy.power.event import check_clock
    from deploy.power.operating import check_rate
    from deploy.report import summary_table
    from sim.simulate import simulate
    from spikeforge.cli.common import emit, test_images
    from spikeforge.cli.operating import POINT_IMAGES, find_points, point_table
    from spikeforge.netfile import load_network
    from spikeforge.progress import console

    if images_per_second is not None:
        check_rate(images_per_second)
    profile = load_profile(technology)
    clock = check_clock(profile, clock_mhz)
    loaded = load_network(network)
    config = _config(loaded, profile, lanes)
    chosen = test_images(loaded, data, images)
    found = simulate(loaded, config, chosen.levels)
    power = _power(loaded, config, profile, found, clock)
    record = _record(loaded, config, chosen, found, power)
    if images_per_second is None:
        emit(record, as_json, summary_table(record))
    else:

        def with_lanes(count: int) -> PowerReport:
            other = _config(loaded, profile, count)
            run = simulate(loaded, other, chosen.levels[:POINT_IMAGES])
            return _power(loaded, other, profile, run, clock)

        points = find_points(loaded, with_lanes, images_per_second, lanes)
        record["operating_points"] = [point.to_json() for point in points]
        emit(record, as_json, point_table(points, images_per_second))
    for note in power.notes:
        console.print(f"- {note}", style="dim", soft_wrap=True, markup=False)
    if found.message:
        raise MismatchError(found.message)


def _record(
    network: Network, config: HardwareConfig, chosen: Images, found: Simulation, power: PowerReport
) -> dict[str, object]:
    from sim.workload import workload
    from spikeforge.cli.sections import (
        accuracy_section,
        network_section,
        power_section,
        rtl_section,
        versions,
    )

    return {
        "schema": 1,
        "network": network_section(network, config),
        "dataset": chosen.describe(),
        "accuracy": accuracy_section(network, found, chosen.labels),
        **rtl_section(found),
        **power_section(power, found),
        "workload": workload(network, found.trace),
        "versions": versions(),
    }


def _config(network: Network, profile: Profile, lanes: int | None) -> HardwareConfig:
    """The hardware that a profile is for: fitted energies know gated clocks and real macros."""
    from deploy.power.gate.banks import gate_config
    from deploy.power.gate.technology import technology_named
    from hw.config import configure

    if profile.fitted is None:
        return configure(network, lanes)
    return gate_config(network, technology_named(profile.base or ""), lanes, None)


def _power(
    network: Network, config: HardwareConfig, profile: Profile, found: Simulation, clock_mhz: float
) -> PowerReport:
    from deploy.power import estimate
    from deploy.power.fitted import fitted_estimate
    from hw.census import take_inventory

    inventory = take_inventory(network, config)
    if profile.fitted is None:
        return estimate(inventory, found.activity, profile, clock_mhz)
    return fitted_estimate(network, inventory, found.activity, config, profile, clock_mhz)
