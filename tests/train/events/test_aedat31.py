from __future__ import annotations

import struct

import pytest

from spikeforge.errors import SpikeforgeError
from train.events.aedat31 import read_aedat31, read_gestures

HEADER = (
    b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n"
    b"#Start-Time: 2016-08-31 11:40:17 (TZ-0700)\r\n#!END-HEADER\r\n"
)  # fmt: skip
EVENTS = [(0, 0, 1, 3), (127, 5, 0, 4), (40, 127, 1, 900), (41, 66, 0, 70_000)]


def packet(events, kind=1, size=8, overflow=0, count=None, valid=1):
    """The header of 28 bytes and the events: valid, polarity, y, x from bit 0 up; then the time."""
    count = len(events) if count is None else count
    head = struct.pack("<hhiiiiii", kind, 1, size, 4, overflow, count, count, count)
    return head + b"".join(
        struct.pack("<II", x << 17 | y << 2 | p << 1 | valid, t) for x, y, p, t in events
    )


@pytest.fixture
def write(tmp_path):
    def _write(data, name="user01_fluorescent.aedat"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return _write


def test_every_field_of_an_event_is_read_over_packets(write):
    found = read_aedat31(write(HEADER + packet(EVENTS[:1]) + packet(EVENTS[1:])))
    fields = zip(found.x, found.y, found.polarity, found.time_us, strict=True)
    assert [tuple(map(int, each)) for each in fields] == EVENTS


def test_overflows_of_the_time_count_on(write):
    data = HEADER + packet([(1, 1, 1, 2**31 - 1)]) + packet([(1, 1, 1, 5)], overflow=1)
    assert read_aedat31(write(data)).time_us.tolist() == [2**31 - 1, 2**31 + 5]


def test_other_packets_and_invalid_events_are_passed_over(write):
    special = packet([], kind=0, count=3) + bytes(3 * 8)
    data = HEADER + special + packet(EVENTS[:2]) + packet([(9, 9, 1, 5)], valid=0)
    assert len(read_aedat31(write(data + packet(EVENTS[2:])))) == 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"must begin with '#!AER-DAT3\.1', not ''"),
        (b"#!AER-DAT2.0\r\n", r"not '#!AER-DAT2\.0'; name an AEDAT 3\.1 recording"),
        (b"#!AER-DAT3.1\r\n" + packet(EVENTS), r"its header has no #!END-HEADER within"),
        (HEADER.replace(b"RAW", b"Serial-TS") + packet(EVENTS), r"must be RAW, not 'Serial-TS'"),
        (HEADER, r"a recording must have 1\.\.\d+ events, not 0"),
        (HEADER + packet(EVENTS)[:20], r"truncated: 20 bytes at \d+, where the header"),
        (HEADER + packet(EVENTS)[:-1], r"promises 4 events of 8 bytes, 1 bytes more than the file"),
        (HEADER + packet(EVENTS, count=2**24), r"promises 16777216 events of 8 bytes, \d+ bytes"),
        (HEADER + packet(EVENTS, count=2**31 - 1), r"promises 2147483647 events of 8 bytes"),
        (HEADER + packet(EVENTS, count=-1), r"promises -1 events of 8 bytes"),
        (HEADER + packet(EVENTS, size=0), r"promises 4 events of 0 bytes"),
        (HEADER + packet(EVENTS, size=4), r"polarity events must have 8 bytes, not 4"),
        (HEADER + packet([(128, 0, 1, 1)]), r"x of event 0 must be in 0\.\.127, not 128"),
        (HEADER + packet([(0, 32_767, 1, 1)]), r"y of event 0 must be in 0\.\.127, not 32767"),
        (HEADER + packet(EVENTS) + packet(EVENTS), r"time of event 4 goes back from 70000 to 3 us"),
        (HEADER + packet(EVENTS, overflow=2**31 - 1), r"time of event 0 must be in 0\.\.\d+, not"),
    ],
)
def test_damage_is_one_line(write, data, message):
    with pytest.raises(SpikeforgeError, match=message) as caught:
        read_aedat31(write(data))
    assert "\n" not in str(caught.value)


TABLE = "class,startTime_usec,endTime_usec\n1,0,900\n11,900,80000\n"


def test_a_recording_is_cut_into_its_gestures(write):
    path = write(HEADER + packet(EVENTS))
    labels = write(TABLE.encode(), "user01_fluorescent_labels.csv")
    (first, one), (second, eleven) = read_gestures(path, labels)
    assert (one, eleven) == (0, 10)
    assert first.time_us.tolist() == [3, 4]
    assert second.time_us.tolist() == [900, 70_000]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "class,",
            "klass,",
            r"its first line must be 'class,startTime_usec,endTime_usec', not 'kl",
        ),
        ("\n11,", "\n12,", r"line 3 must be a class 1\.\.11, a start and a later end, not '12,900"),
        ("900,80000", "900,900", r"line 3 must be a class"),
        ("900,80000", "900", r"line 3 must be a class"),
        ("900,80000", "9e2,80000", r"line 3 must be a class"),
        ("0,900\n", "10,20\n", r"gesture 0 from 10 to 20 us has no event in user01_fluor"),
    ],
)
def test_a_damaged_table_is_refused(write, old, new, message):
    path = write(HEADER + packet(EVENTS))
    with pytest.raises(SpikeforgeError, match=message):
        read_gestures(path, write(TABLE.replace(old, new, 1).encode(), "labels.csv"))
