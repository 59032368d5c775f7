"""``spikeforge doctor``: is everything here that the flow needs."""

from __future__ import annotations

import sys

import click

from spikeforge.cli.common import emit, json_option

__all__ = ["command"]


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Check compiler, make, perl, Verilator, packages, disk and data; say how to mend findings.

    \b
    Example:
      spikeforge doctor
    """
    from rich.markup import escape
    from rich.table import Table

    from spikeforge.doctor import State, diagnose

    findings = diagnose()
    table = Table(box=None, pad_edge=False)
    for title in ("", "what", "found", "how to mend it"):
        table.add_column(title, overflow="fold")
    marks = {State.OK: "[green]ok[/]", State.WARNING: "[yellow]warning[/]",
             State.ERROR: "[red]error[/]"}  # fmt: skip
    for item in findings:
        table.add_row(marks[item.state], item.name, escape(item.found), escape(item.mend))
    record: dict[str, object] = {
        "findings": [
            {"name": item.name, "state": item.state.value, "found": item.found, "mend": item.mend}
            for item in findings
        ]
    }
    emit(record, as_json, table)
    if any(item.state is State.ERROR for item in findings):
        sys.exit(2)
