"""``spikeforge bitstream``: from a network file to an FPGA's bitstream."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spikeforge.cli.common import (
    board_option,
    data_option,
    emit,
    images_option,
    json_option,
    network_argument,
)

if TYPE_CHECKING:
    from deploy.bitstream.build import Built
    from deploy.bitstream.record import Speed
    from deploy.boards import Board
    from hw.config import HardwareConfig
    from hw.link.gateware import LinkConfig
    from sim.simulate import Simulation
    from spikeforge.cli.common import Images
    from spikeforge.network import Network

__all__ = ["command"]


@click.command("bitstream")
@network_argument
@board_option
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Output folder.")  # fmt: skip
@click.option("--lanes", type=int, metavar="N",
              help="Neurons updated in one cycle. Default: the most that fit.")  # fmt: skip
@click.option("--clock-mhz", type=float, metavar="F",
              help="System clock in MHz. Default: the fastest that is reached.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, (1 << 31) - 1), metavar="N",
              help="Seed of place and route. Default: several, if need be.")  # fmt: skip
@click.option("--baud", type=click.IntRange(1200, 12_000_000), metavar="N",
              help="Of the serial line. Default: 1000000, or what the clock can time.")  # fmt: skip
@click.option("--prove", type=int, default=0, metavar="N",
              help="Run the netlist on N of the images, which must equal the RTL.")  # fmt: skip
@data_option
@images_option("Test images to count cycles on.", default=100)
@json_option
def command(
    network: Path, board: str, out: Path, lanes: int | None, clock_mhz: float | None,
    seed: int | None, baud: int | None, prove: int, data: Path | None, images: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Build a board's bitstream: synthesis, place and route, packing, all by tools from PyPI.

    \b
    Example:
      spikeforge bitstream models/mnist-tiny.safetensors --board icebreaker --out build
    """
    from deploy.bitstream.build import build_bitstream
    from deploy.bitstream.fit import Fitting
    from deploy.bitstream.record import write_bitstream
    from deploy.boards import board_named
    from deploy.boards.design import board_config, board_link
    from spikeforge.errors import SpikeforgeError
    from spikeforge.files import prepare_folder
    from spikeforge.netfile import load_network
    from spikeforge.progress import progress

    chosen = board_named(board)
    loaded = load_network(network)
    if not 0 <= prove <= images:
        raise SpikeforgeError(f"--prove must be in 0..{images}, the --images, not {prove}")
    prepare_folder(out)
    fitting = Fitting(loaded, chosen)
    with progress("Check what fits", None):
        if lanes is None:
            config = fitting.choose()
        else:
            config = board_config(loaded, chosen, lanes)
            fitting.check(config)
    built = build_bitstream(loaded, config, chosen, clock_mhz=clock_mhz, seed=seed, baud=baud)
    measured = _measure(loaded, config, data, images)
    link = board_link(chosen, built.clock, baud)
    if prove:
        if measured is None:
            raise SpikeforgeError("--prove needs images; name their folder with --data")
        _prove(prove, built, loaded, config, chosen, link, measured)
    record = write_bitstream(
        built,
        loaded,
        network,
        config,
        chosen,
        link,
        measured.speed if measured else None,
        prove,
        out,
    )
    emit(record, as_json, _shown(record, out))


@dataclass(frozen=True)
class _Measured:
    """Images and what the RTL made of them."""

    speed: Speed
    images: Images
    found: Simulation


def _measure(
    network: Network, config: HardwareConfig, data: Path | None, images: int
) -> _Measured | None:
    """Cycles on test images, or nothing where there are none."""
    from deploy.bitstream.record import Speed
    from sim.simulate import simulate
    from spikeforge.cli.common import test_images
    from spikeforge.errors import MismatchError, SpikeforgeError
    from spikeforge.progress import console

    try:
        chosen = test_images(network, data, images)
    except SpikeforgeError as error:
        if data is not None:
            raise
        console.print(f"cycles an image were not counted: {error}", markup=False, soft_wrap=True)
        return None
    found = simulate(network, config, chosen.levels)
    if found.message:
        raise MismatchError(found.message)
    latency = float(found.latency_cycles.mean())
    speed = Speed(latency, found.interval_mean, images, chosen.dataset.name)
    return _Measured(speed, chosen, found)


def _prove(
    count: int, built: Built, network: Network, config: HardwareConfig, board: Board,
    link: LinkConfig, measured: _Measured,
) -> None:  # fmt: skip
    from deploy.bitstream.proof import run_netlist
    from spikeforge.errors import MismatchError

    pixels = measured.images.pixels[:count]
    proof = run_netlist(built.folder, network, config, board, built.clock, link, pixels)
    for what, here, there in (
        ("class", proof.classes, measured.found.classes),
        ("cycles", proof.cycles, measured.found.latency_cycles),
    ):
        wrong = (here != there[:count]).nonzero()[0]
        if len(wrong):
            first = int(wrong[0])
            raise MismatchError(
                f"the netlist differs from the RTL in the {what} of {len(wrong)} of {count} "
                f"images; the first is image {first}: {here[first]}, not {there[first]}"
            )


def _shown(record: dict[str, Any], out: Path) -> str:
    clock, cells, has, speed = (record[key] for key in ("clock_mhz", "cells", "available", "speed"))
    used = ", ".join(
        f"{cells[key]} of {count} {key.replace('_', ' ')}" for key, count in has.items() if count
    )
    lines = [
        f"{record['network']['name']} on {record['title']} ({record['device']}), "
        f"{record['lanes']} lanes",
        f"clock    {clock['asked']:g} MHz, from {clock['source']}; timing allows "
        f"{clock['reached']:g} MHz (seed {record['seed']})",
        f"cells    {used}",
    ]
    if speed:
        lines.append(
            f"speed    {speed['cycles_per_image']:g} cycles, {speed['us_per_image']:g} µs an image "
            f"({speed['images']} images of {speed['data']}); {speed['images_per_second']:,.0f} "
            f"images/s back to back, {speed['link_images_per_second']:,.1f} over the serial line"
        )
    if record["netlist_images_equal"]:
        lines.append(f"netlist  equal to the RTL on {record['netlist_images_equal']} images")
    lines += [
        f"built    in {record['build_seconds']:g} s",
        f"program  {record['program']}  (in {out})",
    ]
    return "\n".join(lines)
