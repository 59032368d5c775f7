"""What a tool that fails is said to have failed of."""

from __future__ import annotations

import pytest

from deploy.running import Running
from spikeforge.errors import SpikeforgeError


def failure(folder, *said):
    lines = "; ".join(f"print({line!r})" for line in said) or "pass"
    running = Running(["-c", f"import sys; {lines}; sys.exit(1)"], folder, "tool.log")
    with pytest.raises(SpikeforgeError) as caught:
        running.finish()
    return str(caught.value)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (("ERROR: no such part", "bye"), "no such part"),
        (("a.v:3: ERROR: syntax error", "Parsing a.v"), "a.v:3: ERROR: syntax error"),
        (("Parsing a.v", "a.v:3: ERROR: syntax error"), "a.v:3: ERROR: syntax error"),
        (("half a sentence",), "half a sentence"),
        ((), "it said nothing"),
    ],
)
def test_the_last_error_is_named_wherever_it_stands(said, reason, tmp_path):
    log = tmp_path / "tool.log"
    assert failure(tmp_path, *said) == f"tool failed: {reason}; all it said: {log}"


def test_a_missing_package_says_what_installs_it(tmp_path):
    said = failure(tmp_path, "ModuleNotFoundError: No module named 'pyosys'")
    assert "No module named 'pyosys'; run 'pip install spikeforge[fpga]'" in said


def test_a_tool_that_succeeds_raises_nothing(tmp_path):
    running = Running(["-c", "print('ERROR: harmless')"], tmp_path, "tool.log")
    running.finish()
    assert running.done
