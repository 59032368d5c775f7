from __future__ import annotations

import struct

import pytest

from spikeforge.errors import SpikeforgeError
from train.events.aedat import CLASSES, cifar10_dvs_files, read_aedat

HEADER = (
    b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
    b"# Timestamps tick is 1 us\r\n"
)  # fmt: skip
EVENTS = [(0, 0, 1, 3), (127, 5, 0, 4), (40, 127, 1, 900), (41, 66, 0, 70_000)]


def packed(events):
    """Address and time, big-endian; columns from the right, bit 0 set for OFF, as in dat2mat."""
    words = [(y << 8 | (127 - x) << 1 | 1 - p, t) for x, y, p, t in events]
    return b"".join(struct.pack(">II", *each) for each in words)


@pytest.fixture
def write(tmp_path):
    def _write(data):
        path = tmp_path / "cifar10_airplane_0.aedat"
        path.write_bytes(data)
        return path

    return _write


def test_every_field_of_an_event_is_read(write):
    found = read_aedat(write(HEADER + packed(EVENTS)))
    fields = zip(found.x, found.y, found.polarity, found.time_us, strict=True)
    assert [tuple(map(int, each)) for each in fields] == EVENTS
    assert found.shape == (128, 128)


def test_what_is_no_pixel_is_passed_over(write):
    special = struct.pack(">II", 0x8000, 4)
    data = HEADER + packed(EVENTS[:1]) + special + packed(EVENTS[1:])
    assert len(read_aedat(write(data))) == 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"must begin with '#!AER-DAT2\.0', not ''"),
        (b"#!AER-DAT3.1\r\n" + packed(EVENTS), r"2\.0', not '#!AER-DAT3\.1'; name an AEDAT 2\.0"),
        (b"#!AER-DAT2.0", r"its header has no end within 65536 bytes"),
        (b"#!AER-DAT2.0\r\n#" + b"x" * 70_000, r"its header has no end within 65536 bytes"),
        (HEADER, r"a recording must have 1\.\.\d+ events, not 0"),
        (HEADER + packed(EVENTS)[:-3], r"truncated: 29 bytes of events are no whole number"),
        (HEADER + struct.pack(">II", 0x12345, 4),
         r"address of event 0 must be in 0x0000\.\.0xffff, not 0x00012345"),
        (HEADER + packed(EVENTS[::-1]), r"time of event 1 goes back from 70000 to 900 us"),
    ],
    ids=["empty", "version", "no end", "long header", "no events", "truncated", "camera", "time"],
)  # fmt: skip
def test_damage_is_one_line(write, data, message):
    with pytest.raises(SpikeforgeError, match=message) as caught:
        read_aedat(write(data))
    assert "\n" not in str(caught.value)


def test_the_folder_of_a_recording_is_its_class(tmp_path):
    for name in CLASSES:
        (tmp_path / name).mkdir()
        (tmp_path / name / f"cifar10_{name}_0.aedat").write_bytes(HEADER + packed(EVENTS))
    found = cifar10_dvs_files(tmp_path)
    assert [label for _, label in found] == list(range(10))
    assert found[6][0].parent.name == "frog"
    (tmp_path / "frog" / "cifar10_frog_0.aedat").unlink()
    with pytest.raises(SpikeforgeError, match=r"frog: holds no \.aedat or \.mat file"):
        cifar10_dvs_files(tmp_path)
