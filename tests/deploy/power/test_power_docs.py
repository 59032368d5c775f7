"""The worked example in docs/power.md runs, and prints what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.power import load_profile
from deploy.power.operations import OperationEnergies

PAGE = (Path(__file__).parents[3] / "docs" / "power.md").read_text(encoding="utf-8")


def test_worked_example_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    code, output = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", PAGE, re.DOTALL).groups()
    exec(compile(code, "docs/power.md", "exec"), {})
    assert capsys.readouterr().out == output


def test_table_of_operations_holds_for_the_shipped_profile() -> None:
    energies = OperationEnergies.of(load_profile("ihp-sg13g2"))
    stated = [float(fj) for fj in re.findall(r"\| ([0-9.]+) fJ \|", PAGE)]
    derived = [*energies.pj_per_bit.values(), energies.flip_flop_clock_pj]
    assert stated == [round(pj * 1e3, 1) for pj in derived]
