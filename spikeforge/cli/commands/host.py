"""``spikeforge host``: images to a board over its serial port, and answers back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spikeforge.cli.common import (
    data_option,
    emit,
    images_option,
    json_option,
    network_argument,
    tell_dataset,
)
from spikeforge.cli.ports import (
    check_network,
    is_simulated,
    microseconds,
    network_option,
    open_board,
    port_options,
)

if TYPE_CHECKING:
    from spikeforge.network import Network
    from train.data import Dataset

__all__ = ["command"]

_LANES_HELP = "Lanes of the bitstream. Default: those that the board's answer tells."


@click.group("host")
def command() -> None:
    """Talk to a board, real or virtual, over its serial port.

    Each of the commands has a --help page of its own, and --json.

    \b
    Example:
      spikeforge host classify seven.png --port /dev/ttyUSB1
    """


@command.command("info")
@port_options
@json_option
def info(port: str, baud: int, as_json: bool) -> None:
    """Ask what is on the board, and what it has done since its last reset.

    \b
    Example:
      spikeforge host info --port /dev/ttyUSB1
    """
    with open_board(port, baud) as client:
        board, counters = client.info(), client.counters()
    if board.loaded:
        content = f"CRC {board.content_crc:08x}, {board.load_bytes:,} bytes"
    else:
        content = (
            "being read from flash" if board.flash_busy else "none; run 'spikeforge host load'"
        )
    source = "from flash" if board.flash else "from the bitstream" if board.preloaded else "loaded"
    lines = [
        f"architecture  {board.architecture.hex()}",
        f"content       {content} (at power-up: {source})",
        f"input         {board.inputs} pixels, {board.coding.name.lower()}, {board.steps} steps",
        f"classes       {board.classes}",
        f"clock         {board.clock_khz / 1000:g} MHz",
        f"since reset   {counters.images:,} images, {counters.events:,} events, "
        f"{counters.packets:,} packets ({counters.damaged:,} damaged)",
    ]
    emit({"port": port, "board": board.section(), "counters": asdict(counters)}, as_json,
         "\n".join(lines))  # fmt: skip


@command.command("classify")
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path),
                metavar="IMAGE.png...")  # fmt: skip
@port_options
@network_option("The network on the board. It tells an image's shape and the classes' names.")
@json_option
def classify(
    pictures: tuple[Path, ...], port: str, baud: int, network: Path | None, as_json: bool
) -> None:
    """Classify pictures on the board: any size, dark on light or light on dark.

    \b
    Example:
      spikeforge host classify seven.png --port /dev/ttyUSB1
    """
    from spikeforge.class_names import class_names
    from spikeforge.netfile import load_network
    from spikeforge.pictures import load_picture

    loaded = None if network is None else load_network(network)
    answers: list[dict[str, Any]] = []
    with open_board(port, baud) as client:
        if loaded is not None:
            check_network(loaded, client)
        shape = client.board.image_shape if loaded is None else loaded.input.shape
        data = "" if loaded is None else loaded.metadata.dataset
        names = class_names(data, client.board.classes)
        read = [load_picture(path, shape) for path in pictures]
        for path, (pixels, notes) in zip(pictures, read, strict=True):
            found = client.classify(pixels)
            answers.append(
                {"image": str(path), "class": found.winner, "name": names[found.winner],
                 "score": found.score, "cycles": found.cycles,
                 "us": microseconds(found.cycles, client), "notes": notes}
            )  # fmt: skip
    lines = [
        f"{each['image']}: {each['name']}  ({each['cycles']} cycles, {each['us']:g} µs; "
        f"{', '.join(each['notes']) or 'taken as it is'})"
        for each in answers
    ]
    emit({"port": port, "by": "board", "images": answers}, as_json, "\n".join(lines))


@command.command("load")
@network_argument
@port_options
@click.option("--lanes", type=int, metavar="N", help=_LANES_HELP)
@json_option
def load(network: Path, port: str, baud: int, lanes: int | None, as_json: bool) -> None:
    """Load a network's weights into a board that has its accelerator.

    \b
    Example:
      spikeforge host load models/mnist-tiny.safetensors --port /dev/ttyUSB1
    """
    import time

    from deploy.host.identity import matching_config
    from hw.content import load_bytes
    from spikeforge.netfile import load_network
    from spikeforge.progress import progress

    loaded = load_network(network)
    with open_board(port, baud) as client:
        config = matching_config(loaded, client.board, lanes)
        content = load_bytes(loaded, config)
        begin = time.monotonic()
        with progress("Load the weights", len(content)) as bar:
            client.load(content, bar.advance)
        seconds = time.monotonic() - begin
        board = client.info()
    record = {
        "port": port, "network": {"name": loaded.name}, "lanes": config.lanes,
        "bytes": len(content), "seconds": round(seconds, 3), "board": board.section(),
    }  # fmt: skip
    said = (
        f"{loaded.name} is on the board: {len(content):,} bytes in {seconds:.1f} s, "
        f"CRC {board.content_crc:08x}, {config.lanes} lanes"
    )
    emit(record, as_json, said)


@command.command("bench")
@port_options
@images_option("Test images to send.", default=1000)
@data_option
@network_option("The network on the board. Its integer reference then checks every class.")
@json_option
def bench(
    port: str, baud: int, images: int, data: Path | None, network: Path | None, as_json: bool
) -> None:
    """Measure speed and accuracy of a board on test images, one at a time.

    \b
    Example:
      spikeforge host bench --port /dev/ttyUSB1 --network models/mnist-tiny.safetensors
    """
    from deploy.host.bench import differences, run_bench
    from spikeforge.cli.common import select_images
    from spikeforge.errors import MismatchError, SpikeforgeError
    from spikeforge.netfile import load_network
    from spikeforge.progress import progress

    loaded = None if network is None else load_network(network)
    with open_board(port, baud) as client:
        if loaded is not None:
            check_network(loaded, client)
        dataset = _test_set(loaded, data)
        pixels, labels = select_images(dataset, images)
        if pixels[0].size != client.board.inputs:
            raise SpikeforgeError(
                f"the board takes {client.board.inputs} pixels, and images of {dataset.name} have "
                f"{pixels[0].size}; name another set with --data, or the network with --network"
            )
        with progress("Images to the board", len(labels)) as bar:
            found = run_bench(client, pixels, labels, bar.advance)
    record: dict[str, Any] = {
        "port": port, "baud": baud, "simulated": is_simulated(port),
        "dataset": {"name": dataset.name, "split": dataset.split, "images": len(labels)},
        **found.section(),
    }  # fmt: skip
    lines = [
        f"images    {len(labels)} of {dataset.name} (split: {dataset.split})",
        f"accuracy  {100 * found.accuracy:.2f} %",
        f"on board  {found.cycles_mean:,.1f} cycles an image, {found.us_per_image:,.1f} µs at "
        f"{found.clock_mhz:g} MHz",
        f"over line {found.images_per_second:,.1f} images/s"
        + (", the speed of the simulation" if record["simulated"] else ""),
    ]
    message = ""
    if loaded is not None:
        differing, message = differences(loaded, pixels, found)
        record["reference_differences"] = differing
        lines.append(f"reference {differing} of {len(labels)} classes or scores differ")
    emit(record, as_json, "\n".join(lines))
    if message:
        raise MismatchError(message)


def _test_set(network: Network | None, data: Path | None) -> Dataset:
    from train.data import load_dataset

    name = "mnist" if network is None else str(network.metadata.recipe.get("data", "mnist"))
    dataset = load_dataset(data, name)
    tell_dataset(dataset)
    return dataset
