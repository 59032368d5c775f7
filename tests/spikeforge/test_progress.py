"""Progress bars: on standard error, and only where somebody looks."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from spikeforge import progress as module
from spikeforge.progress import console, progress


@pytest.mark.parametrize("total", [3, None])
def test_nothing_is_drawn_into_a_pipe(capsys, total):
    with progress("Work", total) as bar:
        bar.advance()
        bar.note("half")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_title_count_and_note(monkeypatch):
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(module, "console", Console(file=screen, force_terminal=True, width=100))
    with progress("Training", 4) as bar:
        bar.advance(3)
        bar.note("loss 0.5")
    last = screen.getvalue()
    assert "Training" in last
    assert "3/4" in last
    assert "loss 0.5" in last


def test_messages_go_to_standard_error(capsys):
    console.print("hello")
    assert capsys.readouterr() == ("", "hello\n")
