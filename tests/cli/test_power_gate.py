"""``spikeforge power --method gate``: bad input gives one line, and nothing is run."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("liberty", reason="the optional package liberty-parser")

NETWORK = Path(__file__).parents[2] / "models" / "mnist-tiny.safetensors"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--technology", "ihp-sg13"), "--technology must be one of ihp-sg13g2, sky130hd, asap7,"),
        (("--liberty", "nowhere"), "--liberty must be a folder with Liberty files, not nowhere"),
        (("--images-per-second", "0"), "--images-per-second must be above 0, not 0"),
        (("--bitstream", "x"), "--bitstream belongs to --method fpga; leave it out or choose that"),
    ],
)  # fmt: skip
def test_what_is_refused(run_command, options, says):
    done = run_command("power", NETWORK, "--method", "gate", *options)
    assert done.status == 2
    assert says in done.line


def test_no_liberty_files(run_command, tmp_path):
    done = run_command("power", NETWORK, "--method", "gate", "--liberty", tmp_path)
    assert done.status == 2
    assert "no Liberty file sg13g2_stdcell_typ_1p20V_25C.lib in" in done.line
    assert "name the folder of IHP SG13G2, 130 nm, open PDK with --liberty DIR" in done.line


def test_options_of_the_other_methods(run_command):
    done = run_command("power", NETWORK, "--liberty", "x")
    assert done.status == 2
    assert "--liberty belongs to --method gate" in done.line


def test_help_has_an_example(run_command):
    done = run_command("power", "--help")
    assert done.status == 0
    assert "--method gate --liberty DIR --images 20" in done.out
