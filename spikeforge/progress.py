"""Progress bars on standard error, silent where nobody looks at them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Bar", "console", "progress"]

console = Console(stderr=True, highlight=False)


class Bar:
    """One running bar; ``advance`` moves it, ``note`` changes the text behind it."""

    def __init__(self, bars: Progress, task: int) -> None:
        self._bars = bars
        self._task = task

    def advance(self, amount: float = 1) -> None:
        """Move on by ``amount`` of the total."""
        self._bars.advance(self._task, amount)  # type: ignore[arg-type]

    def note(self, text: str) -> None:
        """Show a short text behind the bar."""
        self._bars.update(self._task, note=text)  # type: ignore[arg-type]


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Bar]:
    """Show a bar while the body runs (``total`` None: length unknown, a moving bar)."""
    columns = (
        TextColumn("{task.description:<26}"),
        BarColumn(),
        MofNCompleteColumn() if total is not None else TextColumn(""),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
    )
    hidden = not sys.stderr.isatty()
    with Progress(*columns, console=console, disable=hidden) as bars:
        yield Bar(bars, bars.add_task(title, total=total, note=""))
