"""Ctrl-C: status 130, no half-written file, and the same command goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spikeforge.netfile import load_network

# A checkpoint after every epoch, and Ctrl-C as a terminal gives it.
PROGRAM = """
import signal, sys
import train.trainer
from spikeforge.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
train.trainer.CHECKPOINT_SECONDS = 0
main()
"""
PATIENCE_SECONDS = 120


def wait_for(found, process):
    end = time.monotonic() + PATIENCE_SECONDS
    while not found():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_interrupted_training_leaves_no_half_and_goes_on(
    run_command, recipe, data, tmp_path, monkeypatch
):
    cache, out = tmp_path / "cache", tmp_path / "out" / "net.safetensors"
    monkeypatch.setenv("SPIKEFORGE_CACHE", str(cache))
    arguments = ["train", str(recipe("epochs = 2", "epochs = 60")), "--data", str(data), "--out",
                 str(out)]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    wait_for(lambda: list(cache.glob("networks/*.checkpoint")), process)
    process.send_signal(signal.SIGINT)
    said, problems = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, problems
    assert said == ""
    assert "interrupted; what was complete is kept, nothing is half-written" in problems
    assert "Traceback" not in problems
    left = [path.suffix for path in Path(tmp_path).rglob("*") if "networks" in path.parts]
    assert [suffix for suffix in left if suffix] == [".checkpoint"]
    assert list(out.parent.iterdir()) == []

    done = run_command(*arguments)
    assert done.status == 0, done.err
    assert "Training goes on after epoch" in done.err
    assert len(load_network(out).metadata.history["loss"]) == 60
    assert not list(cache.glob("networks/*.checkpoint"))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_interruption_anywhere_has_its_status(run_command, network_file, monkeypatch, stop):
    def interrupted(path):
        raise stop(130)

    monkeypatch.setattr("spikeforge.netfile.load_network", interrupted)
    done = run_command("inspect", network_file)
    assert (done.status, done.out) == (130, "")
    assert "Traceback" not in done.err
