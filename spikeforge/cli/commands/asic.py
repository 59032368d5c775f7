"""``spikeforge asic``: from a network file to what silicon flows take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spikeforge.cli.common import (
    clock_option,
    emit,
    frugal_option,
    json_option,
    lanes_option,
    network_argument,
)

__all__ = ["command"]


@click.command("asic")
@network_argument
@click.option("--pdk", required=True, metavar="NAME",
              help="Process design kit: ihp-sg13g2, sky130.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Output folder: new, empty, or of an earlier run.")  # fmt: skip
@lanes_option
@click.option("--bank-words", type=int, metavar="N",
              help="Depth of the deepest memory macro: shallow ones need more area, less energy. "
              "Default: the smallest area.")  # fmt: skip
@frugal_option
@clock_option
@json_option
def command(
    network: Path, pdk: str, out: Path, lanes: int | None, bank_words: int | None, frugal: bool,
    clock_mhz: float | None, as_json: bool,
) -> None:  # fmt: skip
    """Write what LibreLane and SiliconCompiler take, linted and elaborated; neither is run.

    \b
    Example:
      spikeforge asic models/mnist-tiny.safetensors --pdk ihp-sg13g2 --out build --lanes 16
    """
    from deploy.asic.design import asic_config
    from deploy.asic.handoff import write_handoff
    from deploy.asic.pdk import check_pdk_clock, pdk_named
    from spikeforge.netfile import load_network
    from spikeforge.progress import console

    kit = pdk_named(pdk)
    clock = check_pdk_clock(kit, clock_mhz)
    loaded = load_network(network)
    config = asic_config(loaded, kit, lanes, bank_words, frugal)
    record = write_handoff(loaded, network, config, kit, clock, out)
    emit(record, as_json, _shown(record, out))
    for note in record["notes"]:
        console.print(f"- {note}", style="dim", soft_wrap=True, markup=False)


def _shown(record: dict[str, Any], out: Path) -> str:
    macros, clock = record["macros"], record["clock"]
    lines = [
        f"{record['network']['name']} in {record['pdk']['title']}, {record['lanes']} lanes",
        f"clock    {clock['mhz']:g} MHz ({clock['period_ns']:g} ns), timing {clock['timing']}",
        f"macros   {sum(each['count'] for each in macros)}, {record['macro_area_mm2']:g} mm2",
        *(f"         {each['count']:3} x {each['name']}" for each in macros),
        f"cells    {record['flip_flops']:,} flip-flops and {record['memory_bits_in_flip_flops']:,} "
        f"in memories, {record['clock_gates']} clock gates; about {record['cell_area_mm2']:g} mm2",
        f"checked  {', '.join(record['checks'])}",
        f"next     librelane --pdk {record['pdk']['librelane']} config.json  (in {out}; README.md)",
    ]
    return "\n".join(lines)
