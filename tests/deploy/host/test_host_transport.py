"""What can be wrong with a serial port, each in one line that says what to do."""

from __future__ import annotations

import errno
import os
import sys
import tty
from contextlib import suppress

import pytest

serial = pytest.importorskip("serial")

from serial.tools import list_ports  # noqa: E402
from serial.tools.list_ports_common import ListPortInfo  # noqa: E402

from deploy.host import SerialLine  # noqa: E402
from spikeforge.errors import SpikeforgeError  # noqa: E402


@pytest.fixture
def pair():
    """A pseudo-terminal: our end, and the name of the other."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    for each in (ours, theirs):
        with suppress(OSError):
            os.close(each)


def refuse(monkeypatch, number):
    def opened(*args, **options):
        raise serial.SerialException(number, f"could not open port: {os.strerror(number)}")

    monkeypatch.setattr(serial, "Serial", opened)


def ports(monkeypatch, *found):
    made = []
    for device, description in found:
        port = ListPortInfo(device, skip_link_detection=True)
        port.description = description
        made.append(port)
    monkeypatch.setattr(list_ports, "comports", lambda: made)


def said(port="/dev/ttyUSB7", **options):
    with pytest.raises(SpikeforgeError) as caught:
        SerialLine(port, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_bytes_go_both_ways(pair):
    ours, port = pair
    with SerialLine(port, 1_000_000) as line:
        line.write(b"\x00\xc0\xff\x11\x13\x0d")
        assert os.read(ours, 100) == b"\x00\xc0\xff\x11\x13\x0d"
        os.write(ours, b"\x0a\x0d\x03")
        assert line.read(1) == b"\x0a\x0d\x03"
        assert line.read(0.01) == b""
        os.write(ours, b"old")
        line.drain()
        assert line.read(0.01) == b""


@pytest.mark.parametrize(
    ("found", "there"),
    [
        ([], "none is plugged in"),
        ([("/dev/ttyUSB1", "iCEBreaker")], r"there is /dev/ttyUSB1 \(iCEBreaker\)"),
        ([("/dev/ttyUSB1", "n/a"), ("/dev/ttyS0", "n/a")], "there are /dev/ttyS0, /dev/ttyUSB1"),
    ],
)
def test_no_such_port_tells_which_there_are(monkeypatch, found, there):
    ports(monkeypatch, *found)
    with pytest.raises(SpikeforgeError, match=f"^there is no port /dev/ttyUSB7; {there}$"):
        SerialLine("/dev/ttyUSB7")


def test_a_port_without_permission_says_how_to_get_it(monkeypatch):
    refuse(monkeypatch, errno.EACCES)
    assert said() == (
        "/dev/ttyUSB7 may not be opened; become a member of its group, "
        "'sudo usermod -aG dialout $USER', and log in again"
    )


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EAGAIN])
def test_a_port_in_use_says_so(monkeypatch, number):
    refuse(monkeypatch, number)
    assert said() == "/dev/ttyUSB7 is used by another program; end that one first"


def test_a_port_can_be_opened_only_once(pair):
    with SerialLine(pair[1]):
        assert said(pair[1]) == f"{pair[1]} is used by another program; end that one first"


def test_a_file_is_no_port(monkeypatch, tmp_path):
    ports(monkeypatch)
    path = tmp_path / "file"
    path.touch()
    assert said(str(path)) == f"{path} is no serial port; none is plugged in"
    assert said(str(tmp_path)) == f"{tmp_path} is no serial port; none is plugged in"


def test_another_failure_is_passed_on(monkeypatch):
    refuse(monkeypatch, errno.EIO)
    assert said().startswith("/dev/ttyUSB7 cannot be opened (")


def test_a_baud_rate_that_the_port_cannot_have(monkeypatch):
    def opened(*args, **options):
        raise ValueError("Invalid custom baud rate")

    monkeypatch.setattr(serial, "Serial", opened)
    assert said(baud=5) == "/dev/ttyUSB7 cannot run at 5 baud (Invalid custom baud rate)"


def test_without_pyserial_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    assert said() == "a serial port needs pyserial; run 'pip install spikeforge[fpga]'"


@pytest.mark.parametrize(
    "act", [lambda line: line.read(1), lambda line: line.write(b"x"), lambda line: line.drain()]
)
def test_a_port_that_goes_away_says_so(act):
    ours, theirs = os.openpty()
    line = SerialLine(os.ttyname(theirs))
    os.close(theirs)
    os.close(ours)
    with pytest.raises(
        SpikeforgeError,
        match=r"^/dev/pts/\d+ was disconnected \(.+\); plug the board in again and start anew$",
    ):
        act(line)
    line.close()
