"""``spikeforge compare``: networks beside each other, accuracy and cost."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spikeforge.cli.common import (
    clock_option,
    data_option,
    images_option,
    json_option,
    lanes_option,
    technology_option,
)

__all__ = ["command"]


@click.command("compare")
@click.argument("networks", nargs=-1, required=True, metavar="NETWORK...",
                type=click.Path(path_type=Path, dir_okay=False))  # fmt: skip
@data_option
@images_option("Test images that run on the RTL of each network.", 1_000)
@lanes_option
@clock_option
@technology_option
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Also write the table and a plot as one HTML file.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Also write the figures as JSON, for `spikeforge models`.")  # fmt: skip
@json_option
def command(
    networks: tuple[Path, ...], data: Path | None, images: int, lanes: int | None,
    clock_mhz: float | None, technology: str, html: Path | None, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Compare networks by accuracy, cycles, power and energy, each on its own RTL.

    What was measured before comes from the cache, so an interrupted comparison goes on.

    \b
    Example:
      spikeforge compare models/*.safetensors --data path/to/mnist --html comparison.html
    """
    from deploy.compare import (
        Comparison,
        comparison_table,
        render_comparison,
        terminal_plot,
    )
    from deploy.power import load_profile
    from deploy.power.event import check_clock
    from spikeforge.cli.common import emit
    from spikeforge.cli.measuring import Terms, measure
    from spikeforge.errors import MismatchError
    from spikeforge.files import write_atomically
    from spikeforge.netfile import load_network
    from spikeforge.progress import progress

    profile = load_profile(technology)
    terms = Terms(data=data, images=images, lanes=lanes, profile=profile,
                  clock_mhz=check_clock(profile, clock_mhz))  # fmt: skip
    for path in networks:  # a bad file is found before the first long run
        load_network(path)
    rows = []
    with progress("Compare networks", len(networks)) as bar:
        for path in networks:
            rows.append(measure(path, terms))
            bar.advance()
    found = Comparison(rows=tuple(rows))
    if html is not None:
        write_atomically(html, render_comparison(rows))
    if out is not None:
        write_atomically(out, found.to_text())
    emit(json.loads(found.to_text()), as_json, comparison_table(rows))
    if not as_json:
        click.echo(terminal_plot(rows), nl=False)
    differing = [row.name for row in rows if row.mismatches]
    if differing:
        raise MismatchError(f"the RTL differs from the models: {', '.join(differing)}")
