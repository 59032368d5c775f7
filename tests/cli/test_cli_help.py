"""Help pages, versions, and words that are no commands."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from spikeforge import __version__

COMMANDS = ["run", "train", "rtl", "verify", "simulate", "power", "compare", "models", "classify",
            "inspect", "report", "bitstream", "asic", "host", "board", "doctor"]  # fmt: skip
OPTIONS = {
    "run": "--recipe --data --out --images --cocotb-images --lanes --clock-mhz --technology --seed",
    "train": "--data --out --seed",
    "rtl": "--out --lanes --memory --frugal",
    "verify": "--data --images --lanes --memory --frugal --seed --wave",
    "simulate": "--data --images --lanes --memory --frugal --workers",
    "power": "--data --images --lanes --clock-mhz --technology --method --bitstream",
    "compare": "--data --images --lanes --clock-mhz --technology --html --out",
    "models": "",
    "classify": "--rtl --lanes",
    "inspect": "",
    "report": "",
    "bitstream": "--board --out --lanes --clock-mhz --seed --baud --prove --data --images",
    "asic": "--pdk --out --lanes --frugal --clock-mhz",
    "host": "",
    "board": "--board --lanes --clock-mhz --baud --link --flash",
    "doctor": "",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_with_an_example_and_its_options(run_command, command):
    done = run_command(command, "--help")
    assert done.status == 0
    assert re.search(rf"Example:\n\s+spikeforge {command}", done.out)
    for option in ["--json", *OPTIONS[command].split()]:
        assert option in done.out


@pytest.mark.parametrize("ask", [["--help"], ["-h"]])
def test_the_first_page_lists_all_commands(run_command, ask):
    done = run_command(*ask)
    assert done.status == 0
    assert "Example" in done.out
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", done.out, re.MULTILINE)


def test_the_version(run_command):
    assert run_command("--version").out == f"spikeforge, version {__version__}\n"


def test_as_a_module_it_is_the_same_program():
    command = [sys.executable, "-m", "spikeforge", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"spikeforge, version {__version__}\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["simulat"], "no command 'simulat' (did you mean 'simulate'?); there are run, train,"),
        (["rtl", "x.safetensors"], "Missing option '--out'"),
        (["inspect"], "Missing argument 'NETWORK'"),
        (["classify", "x.safetensors"], "Missing argument 'IMAGE.png...'"),
        (["run", "--lane", "3"], "No such option"),
        (["run", "--lanes", "many"], "'many' is not a valid integer"),
        (["train", "mnist-tiny", "--out", "x", "--seed", "-1"], "-1 is not in the range 0<=x<="),
        (["run", "--seed", "4294967296"], "4294967296 is not in the range"),
    ],
)
def test_wrong_usage_is_bad_input(run_command, args, message):
    done = run_command(*args)
    assert done.status == 2
    assert message in done.err
    assert done.out == ""
