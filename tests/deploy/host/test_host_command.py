"""``spikeforge host`` and ``spikeforge board``, as a user types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from deploy.host import SerialLine, exchange

SUBCOMMANDS = ("info", "classify", "load", "bench")


@pytest.fixture
def loaded(client, powered):
    """The port of a board with the small network's content, which nobody has open."""
    client._exchange._line.close()
    return powered.port


@pytest.mark.parametrize("command", [*(f"host {name}" for name in SUBCOMMANDS), "host", "board"])
def test_every_command_has_a_page_with_an_example(run_command, command):
    status, out, _ = run_command(*command.split(), "--help")
    assert status == 0
    assert re.search(rf"Example:\n\s+spikeforge {command}", out)
    assert "--json" in out


def test_info_tells_what_is_on_the_board(run_command, loaded, powered):
    status, out, _ = run_command("host", "info", "--port", loaded)
    assert status == 0
    crc = powered.content()[-4:][::-1].hex()
    assert f"content       CRC {crc}, {len(powered.content()):,} bytes (at power-up: from" in out
    assert "clock         24 MHz" in out
    status, out, _ = run_command("host", "info", "--port", loaded, "--json")
    found = json.loads(out)
    assert found["board"]["architecture"] == powered.content()[:8].hex()
    assert found["board"]["content_crc"] == crc
    assert found["board"]["loaded"] is True
    assert found["counters"]["packets"] > 0


def test_pictures_are_classified(run_command, loaded, powered, mnist, network_files, tmp_path):
    paths = []
    for number, pixels in enumerate(mnist[0][:3]):
        paths.append(tmp_path / f"[{number}].png")
        Image.fromarray(pixels).save(paths[-1])
    status, out, _ = run_command("host", "classify", *paths, "--port", loaded, "--json")
    assert status == 0
    found = json.loads(out)["images"]
    status, out, _ = run_command("classify", network_files["small"], *paths, "--json")
    wanted = json.loads(out)["images"]
    assert [each["class"] for each in found] == [each["class"] for each in wanted]
    assert [each["score"] for each in found] == [max(each["membranes"]) for each in wanted]
    assert found[0]["us"] == pytest.approx(found[0]["cycles"] / 24, abs=1e-3)
    status, out, _ = run_command(
        "host", "classify", paths[0], "--port", loaded, "--network", network_files["small"]
    )
    assert status == 0
    assert out.startswith(f"{paths[0]}: {found[0]['name']}  ({found[0]['cycles']} cycles, ")


def test_weights_are_loaded_and_measured(run_command, loaded, network_files):
    status, out, _ = run_command("host", "load", network_files["other"], "--port", loaded, "--json")
    assert (status, json.loads(out)["lanes"]) == (0, 2)
    status, _, err = run_command(
        "host", "bench", "--port", loaded, "--network", network_files["small"], "--images", "5"
    )
    assert status == 2
    assert "accelerator of small, but other content" in err
    status, out, _ = run_command("host", "load", network_files["small"], "--port", loaded)
    assert status == 0
    assert re.match(r"small is on the board: [\d,]+ bytes in [\d.]+ s, CRC [0-9a-f]{8}, 2 l", out)
    arguments = ["host", "bench", "--port", loaded, "--images", "20"]
    status, out, _ = run_command(*arguments, "--network", network_files["small"], "--json")
    assert status == 0
    found = json.loads(out)
    assert found["reference_differences"] == 0
    assert found["simulated"] is True
    assert found["dataset"]["images"] == 20
    assert found["us_per_image"] == pytest.approx(found["cycles"]["mean"] / 24, rel=1e-3)
    status, out, _ = run_command(*arguments)
    assert status == 0
    assert f"accuracy  {100 * found['accuracy']['board']:.2f} %" in out
    assert "images/s, the speed of the simulation" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["load", "@wider"], "error: the board has another network than wider with any lanes"),
        (["load", "@small", "--lanes", "3"], "another network than small with --lanes 3: its"),
        (["classify", "none.png"], "error: none.png: no such file; name a picture of a digit"),
        (["bench", "--images", "0"], "error: --images must be in 1.."),
        (["bench", "--network", "@wider"], "another network than wider with any lanes"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run_command, loaded, network_files, arguments, message):
    words = [
        str(network_files[word[1:]]) if word.startswith("@") else word for word in arguments
    ]  # fmt: skip
    status, out, err = run_command("host", *words, "--port", loaded)
    assert (status, out) == (2, "")
    lines = [line for line in err.splitlines() if not line.startswith(("Data:", "Note:"))]
    assert len(lines) == 1
    assert message in lines[0]


def test_a_board_without_content_says_how_to_load_it(run_command, powered, client, tmp_path):
    client.reset()  # whose flash memory is empty
    client._exchange._line.close()
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(tmp_path / "x.png")
    status, _, err = run_command("host", "classify", tmp_path / "x.png", "--port", powered.port)
    assert status == 2
    assert "refused CLASSIFY (NOT_LOADED)" in err
    assert "run 'spikeforge host load NETWORK'" in err
    status, out, _ = run_command("host", "info", "--port", powered.port)
    assert "content       none; run 'spikeforge host load'" in out


def test_a_virtual_board_serves_until_it_is_interrupted(run_command, network_files, tmp_path):
    link = tmp_path / "board"
    command = [sys.executable, "-m", "spikeforge", "board", str(network_files["small"]), "--board",
               "icebreaker", "--lanes", "2", "--link", str(link), "--json"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            record = json.loads(process.stdout.readline())
            assert os.readlink(link) == record["device"]
            assert (record["lanes"], record["clock_mhz"], record["flash"]) == (2, 24, True)
            status, out, _ = run_command("host", "info", "--port", link, "--json")
            found = json.loads(out)["board"]
            assert (status, found["architecture"]) == (0, record["architecture"])
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()
    assert not list(tmp_path.iterdir())


def test_a_port_in_use_is_said(run_command, loaded):
    with SerialLine(loaded):
        status, out, err = run_command("host", "info", "--port", loaded)
    assert (status, out) == (2, "")
    assert err == f"error: {loaded} is used by another program; end that one first\n"


def test_a_silent_port_is_not_waited_for_long(run_command, monkeypatch):
    monkeypatch.setattr(exchange, "_PATIENCE_S", 0.2)
    ours, theirs = os.openpty()
    status, _, err = run_command("host", "info", "--port", os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)
    assert status == 2
    assert "no answer from" in err
    assert "check that the baud rate is the bitstream's (here 1000000)" in err
