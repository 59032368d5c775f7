"""The page in a real browser: plots are drawn, nothing fails, nothing is requested."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.report import render_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--enable-logging=stderr", "--virtual-time-budget=10000",
    "--window-size=1200,900",
)  # fmt: skip

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (apt install chromium)"
)


def browse(page: str, folder: Path) -> tuple[str, list[str]]:
    """Load a page; gives the document after its scripts ran, and the console's lines."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    done = subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom",
         path.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def drawn_plots(document: str) -> set[str]:
    """Ids of the plots that hold a drawing."""
    found = re.split(r'<div class="plot[^"]*" id="plot-', document)[1:]
    return {part.split('"', 1)[0] for part in found if "main-svg" in part.split("<figure", 1)[0]}


USE = """<script>
document.body.dataset.first = document.body.dataset.drawn;
document.querySelector("[data-pick='2']").click();
document.getElementById("play").click();
document.body.dataset.during = document.getElementById("play").textContent;
</script></body>"""


def test_plots_are_drawn_and_digits_picked_and_played_without_a_console_message(report, tmp_path):
    document, console = browse(render_html(report).replace("</body>", USE), tmp_path)
    assert console == []
    assert drawn_plots(document) == {
        "digit-0-layer-0", "digit-0-layer-1", "digit-0-membranes",
        "digit-2-layer-0", "digit-2-layer-1", "digit-2-membranes",
        "confusion", "history", "latency", "energy", "paper",
    }  # fmt: skip
    assert 'data-first="8"' in document
    assert 'data-drawn="11"' in document
    assert document.count('class="main-svg"') >= 2 * 11
    rasters = report["detail"]["rasters"]
    spikes = sum(len(layer["events"]) for k in (0, 2) for layer in rasters[k]["layers"])
    assert document.count('class="point"') >= spikes
    assert 'data-during="■ stop"' in document
    assert re.search(r'id="play">▶ play<', document)


def test_a_page_without_measurements_draws_and_a_request_is_refused(bare_report, tmp_path):
    image = '<img src="https://example.invalid/x.png"></body>'
    document, console = browse(render_html(bare_report).replace("</body>", image), tmp_path)
    assert drawn_plots(document) == {"paper"}
    assert len(console) == 1
    assert "Content Security Policy" in console[0]
