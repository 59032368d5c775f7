"""``spikeforge run``: the whole flow."""

from __future__ import annotations

from pathlib import Path

import click

from spikeforge.cli.common import (
    clock_option,
    data_option,
    emit,
    images_option,
    json_option,
    lanes_option,
    seed_option,
    technology_option,
)

__all__ = ["command"]


@click.command("run")
@click.option("--recipe", default="mnist-mlp", show_default=True, metavar="NAME|FILE.toml",
              help="What to train.")  # fmt: skip
@data_option
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR",
              help="Output folder. Default: out/<recipe>.")  # fmt: skip
@images_option("Test images for the compiled run. Default: all.")
@click.option("--cocotb-images", type=int, default=100, show_default=True, metavar="N",
              help="Images for the cocotb benches.")  # fmt: skip
@lanes_option
@clock_option
@technology_option
@seed_option
@json_option
def command(
    recipe: str, data: Path | None, out: Path | None, images: int | None, cocotb_images: int,
    lanes: int | None, clock_mhz: float | None, technology: str, seed: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Train, quantize, generate, prove, run and estimate; ends with one table and a report.

    \b
    Example:
      spikeforge run --recipe mnist-tiny --data path/to/mnist --lanes 32
    """
    from deploy.report import summary_table
    from spikeforge.cli.flow import FlowOptions, run_flow
    from spikeforge.progress import console

    report, folder = run_flow(
        FlowOptions(
            recipe=recipe, data=data, out=out, images=images, cocotb_images=cocotb_images,
            lanes=lanes, clock_mhz=clock_mhz, technology=technology, seed=seed,
        )
    )  # fmt: skip
    record = {key: value for key, value in report.items() if key != "detail"}
    emit(record, as_json, summary_table(report))
    console.print(f"Report: {folder / 'report.html'}", soft_wrap=True, markup=False)
