"""``spikeforge report``: the page of a run, made again."""

from __future__ import annotations

from pathlib import Path

import click

from spikeforge.cli.common import emit, json_option

__all__ = ["command"]


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@json_option
def command(folder: Path, as_json: bool) -> None:
    """Show a run's table again and rebuild report.html from its report.json.

    \b
    Example:
      spikeforge report out/mnist-mlp
    """
    from deploy.report import load_report, summary_table, write_report
    from spikeforge.progress import console

    report = load_report(folder)
    page = write_report(folder, report)
    record = {key: value for key, value in report.items() if key != "detail"}
    emit(record, as_json, summary_table(report))
    console.print(f"Report: {page}", soft_wrap=True, markup=False)
