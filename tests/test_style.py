"""Style and types, as `make lint` checks them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("tool", [("ruff", "check", "."), ("ruff", "format", "--check", "."),
                                  ("mypy",)], ids=" ".join)  # fmt: skip
def test_tool_has_nothing_to_say(tool):
    done = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
