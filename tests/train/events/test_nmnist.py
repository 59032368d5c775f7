from __future__ import annotations

import pytest

from spikeforge.errors import SpikeforgeError
from train.events import base
from train.events.nmnist import nmnist_files, read_nmnist

EVENTS = [(0, 33, 1, 0), (33, 0, 0, 5), (7, 9, 1, 70_000), (7, 10, 1, 8_388_607)]


def packed(events):
    """Five bytes an event: x, y, polarity in the top bit of 24 bits, time in the other 23."""
    return b"".join(bytes([x, y]) + (p << 23 | t).to_bytes(3, "big") for x, y, p, t in events)


@pytest.fixture
def write(tmp_path):
    def _write(data):
        path = tmp_path / "00002.bin"
        path.write_bytes(data)
        return path

    return _write


def test_every_field_of_an_event_is_read(write):
    found = read_nmnist(write(packed(EVENTS)))
    fields = zip(found.x, found.y, found.polarity, found.time_us, strict=True)
    assert [tuple(map(int, each)) for each in fields] == EVENTS
    assert found.shape == (34, 34)
    assert len(found) == 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"00002\.bin: a recording must have 1\.\.\d+ events, not 0"),
        (packed(EVENTS)[:-1], r"truncated: 19 bytes are no whole number of events of 5 bytes"),
        (packed([(34, 0, 1, 9)]), r"x of event 0 must be in 0\.\.33, not 34"),
        (packed([(0, 0, 1, 9), (0, 200, 0, 9)]), r"y of event 1 must be in 0\.\.33, not 200"),
        (packed([(0, 0, 1, 9), (0, 0, 1, 8)]), r"time of event 1 goes back from 9 to 8 us"),
    ],
    ids=["empty", "truncated", "x", "y", "time"],
)
def test_damage_is_one_line(write, data, message):
    with pytest.raises(SpikeforgeError, match=message) as caught:
        read_nmnist(write(data))
    assert "\n" not in str(caught.value)


def test_times_that_go_back_can_be_put_in_order(write):
    found = read_nmnist(write(packed([(1, 0, 1, 9), (2, 0, 1, 8), (3, 0, 0, 9)])), sort=True)
    assert found.time_us.tolist() == [8, 9, 9]
    assert found.x.tolist() == [2, 1, 3]


def test_a_file_too_large_is_not_taken_in(write, monkeypatch):
    monkeypatch.setattr("train.events.nmnist.MAX_EVENTS", 3)
    with pytest.raises(SpikeforgeError, match=r"must have at most 15 bytes"):
        read_nmnist(write(packed(EVENTS)))
    assert base.MAX_EVENTS > 1_000_000


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(SpikeforgeError, match=r"gone\.bin: no such file"):
        read_nmnist(tmp_path / "gone.bin")
    with pytest.raises(SpikeforgeError, match=r"cannot be read \(Is a directory\)"):
        read_nmnist(tmp_path)
    with pytest.raises(SpikeforgeError, match=r"0: holds no \.bin file; name N-MNIST's folder"):
        nmnist_files(tmp_path)


def test_the_folder_of_a_recording_is_its_class(tmp_path):
    for digit in range(10):
        (tmp_path / str(digit)).mkdir()
        for number in range(2):
            (tmp_path / str(digit) / f"{digit}{number}.bin").write_bytes(packed(EVENTS))
    found = nmnist_files(tmp_path)
    assert [label for _, label in found] == [digit for digit in range(10) for _ in range(2)]
    assert [path.name for path, _ in found[:3]] == ["00.bin", "01.bin", "10.bin"]
