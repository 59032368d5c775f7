"""The whole flow, stage after stage: train, generate, verify, run, estimate, report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.power import estimate, load_profile
from deploy.power.event import check_clock
from deploy.report import write_report
from hw.census import take_inventory
from hw.config import HardwareConfig, check_lanes, configure
from hw.verilog import write_rtl
from sim.simulate import Simulation, simulate
from sim.verify import Verification, verify
from sim.workload import workload
from spikeforge.cli.common import Images, select_images, tell_dataset
from spikeforge.cli.detail import detail_section
from spikeforge.cli.sections import (
    accuracy_section,
    cocotb_section,
    network_section,
    power_section,
    rtl_section,
    versions,
)
from spikeforge.cli.training import Trained, train_or_reuse
from spikeforge.doctor import require_tools
from spikeforge.errors import MismatchError
from spikeforge.files import prepare_folder
from spikeforge.netfile import save_network
from spikeforge.progress import console
from train.data import load_dataset
from train.recipe import load_recipe

if TYPE_CHECKING:
    from deploy.power import PowerReport, Profile
    from spikeforge.network import Network
    from train.data import Dataset
    from train.recipe import Recipe

__all__ = ["FlowOptions", "run_flow"]


@dataclass(frozen=True, kw_only=True)
class FlowOptions:
    """What a user may ask of the flow; None stands for the default."""

    recipe: str
    data: Path | None = None
    out: Path | None = None
    images: int | None = None
    cocotb_images: int = 100
    lanes: int | None = None
    clock_mhz: float | None = None
    technology: str = "ihp-sg13g2"
    seed: int | None = None


class _Stopwatch:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage and time it."""
        console.print(f"[bold]{name}[/]")
        begun = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begun


def run_flow(options: FlowOptions) -> tuple[dict[str, object], Path]:
    """Run every stage; returns the report and its folder.

    Everything a user can get wrong is checked before the first long stage begins.

    Raises:
        SpikeforgeError: On bad input or a missing tool.
        MismatchError: If two models differ that must be equal (the report is written first).
    """
    recipe = load_recipe(options.recipe)
    profile = load_profile(options.technology)
    clock_mhz = check_clock(profile, options.clock_mhz)
    check_lanes(options.lanes, max(*recipe.network.hidden, recipe.classes), recipe.name)
    require_tools()
    out = prepare_folder(options.out or Path("out") / recipe.name)
    dataset = load_dataset(options.data, recipe.data)
    tell_dataset(dataset)
    select_images(dataset, options.images)
    select_images(dataset, options.cocotb_images, "--cocotb-images")
    clock = _Stopwatch()
    with clock.stage("Train and quantize"):
        trained = train_or_reuse(recipe, dataset, options.seed)
        save_network(trained.network, out / "network.safetensors")
    config = configure(trained.network, options.lanes)
    with clock.stage("Generate the RTL"):
        write_rtl(trained.network, config, out)
    every = Images(dataset, trained.network, None)
    images = Images(dataset, trained.network, options.images)
    with clock.stage("Verify through cocotb"):
        verification = verify(
            trained.network, config, every.levels[: options.cocotb_images],
            log=out / "logs" / "cocotb.log",
        )  # fmt: skip
    with clock.stage("Run the compiled RTL on the test images"):
        simulation = simulate(trained.network, config, images.levels)
    with clock.stage("Estimate power"):
        power = estimate(
            take_inventory(trained.network, config), simulation.activity, profile, clock_mhz
        )
    results = _Results(dataset, recipe, trained, config, images, verification, simulation,
                       profile, power)  # fmt: skip
    report = _report(results, clock.seconds)
    write_report(out, report)
    _check_exact(trained, verification, simulation)
    return report, out


@dataclass(frozen=True)
class _Results:
    dataset: Dataset
    recipe: Recipe
    trained: Trained
    config: HardwareConfig
    images: Images
    verification: Verification
    simulation: Simulation
    profile: Profile
    power: PowerReport

    @property
    def network(self) -> Network:
        return self.trained.network


def _report(results: _Results, seconds: dict[str, float]) -> dict[str, object]:
    network, simulation = results.network, results.simulation
    rtl = rtl_section(simulation)
    exact = {**dict(rtl["exact"]), **cocotb_section(results.verification)}  # type: ignore[call-overload]
    return {
        "schema": 1,
        "network": network_section(network, results.config),
        "dataset": results.images.describe(),
        "accuracy": accuracy_section(network, simulation, results.images.labels),
        "exact": exact,
        "cycles": rtl["cycles"],
        **power_section(results.power, simulation),
        "workload": workload(network, simulation.trace),
        "versions": versions(),
        "detail": detail_section(
            network, results.config, results.images, results.trained.torch,
            results.verification, simulation, results.power, results.profile.title, seconds,
        ),
    }  # fmt: skip


def _check_exact(trained: Trained, verification: Verification, simulation: Simulation) -> None:
    if trained.torch.mismatches:
        raise MismatchError(
            f"torch and the integer reference differ on {trained.torch.mismatches} of "
            f"{trained.torch.images} images"
        )
    for message in (verification.message, simulation.message):
        if message:
            raise MismatchError(message)
