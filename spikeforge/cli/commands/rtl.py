"""``spikeforge rtl``: from a network file to Verilog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spikeforge.cli.common import emit, json_option, lanes_option, network_argument

__all__ = ["command"]


@click.command("rtl")
@network_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Output folder.")  # fmt: skip
@lanes_option
@click.option("--memory", type=click.Choice(["load", "init"]), default="load", show_default=True,
              help="Weights through the load stream, or in initialized memories.")  # fmt: skip
@click.option("--bus", type=click.Choice(["stream", "axi"]), default="stream", show_default=True,
              help="Ports: plain streams, or AXI4-Stream and AXI4-Lite registers.")  # fmt: skip
@json_option
def command(
    network: Path, out: Path, lanes: int | None, memory: str, bus: str, as_json: bool
) -> None:
    """Generate the accelerator's Verilog and the hex files of its memories.

    \b
    Example:
      spikeforge rtl models/mnist-tiny.safetensors --out build --lanes 32
    """
    from hw.axi.verilog import write_axi_rtl
    from hw.config import MemoryMode, configure
    from hw.content import hex_files, load_bytes
    from hw.geometry import geometry
    from hw.verilog import write_rtl
    from spikeforge.cli.sections import network_section, versions
    from spikeforge.files import prepare_folder, write_atomically
    from spikeforge.netfile import load_network

    loaded = load_network(network)
    config = configure(loaded, lanes, MemoryMode(memory))
    layers = geometry(loaded, config)
    folder = prepare_folder(out)
    if bus == "axi":
        written = [str(path) for path in write_axi_rtl(loaded, config, folder)]
    else:
        written = [str(write_rtl(loaded, config, folder))]
    written += [str(out / "weights" / f"{name}.hex") for name in hex_files(loaded, config)]
    if config.memory is MemoryMode.LOAD:
        write_atomically(out / "weights" / "content.bin", load_bytes(loaded, config))
        written.append(str(out / "weights" / "content.bin"))
    record = {"network": network_section(loaded, config), "files": written, "versions": versions()}
    emit(record, as_json, "\n".join([*map(_line, layers), "", *written]))


def _line(node: Any) -> str:
    """What a node of the graph is, in one line."""
    if hasattr(node, "bias_bits"):  # windowed, group by group
        return (f"{node.name}: {node.width} neurons in {node.groups} groups of {node.lanes} lanes, "
                f"{node.rows} weight rows")  # fmt: skip
    if hasattr(node, "weight_rows"):  # row by row
        return (f"{node.name}: {node.width} neurons in {node.rows} rows of {node.lanes} lanes, "
                f"{node.weight_rows} weight rows")  # fmt: skip
    return f"{node.name}: {node.width} addresses"
