from __future__ import annotations

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from train.events.hdf5 import read_ntidigits, read_shd

h5py = pytest.importorskip("h5py")

SECONDS = [[0.25, 0.5, 1.0], [0.125]]
UNITS = [[0, 699, 3], [350]]


@pytest.fixture
def shd(tmp_path):
    """As shd_train.h5: rows of their own length, half-precision seconds, 16-bit units."""

    def write(seconds=SECONDS, units=UNITS, labels=(19, 0)):
        path = tmp_path / "shd_train.h5"
        with h5py.File(path, "w") as file:
            for name, rows, kind in (("times", seconds, "f2"), ("units", units, "u2")):
                array = file.create_dataset(
                    f"spikes/{name}", (len(rows),), h5py.vlen_dtype(np.dtype(kind))
                )
                for at, row in enumerate(rows):
                    array[at] = np.array(row, kind)
            file["labels"] = np.array(labels, "u2")
            file["extra/speaker"] = np.zeros(len(labels), "u2")
        return path

    return write


def test_shd_is_read_recording_by_recording(shd):
    (first, one), (second, two) = read_shd(shd())
    assert (one, two) == (19, 0)
    assert first.x.tolist() == UNITS[0]
    assert first.time_us.tolist() == [250_000, 500_000, 1_000_000]
    assert first.shape == (1, 700)
    assert not first.y.any()
    assert first.polarity.all()
    assert len(second) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": (19,)}, r"holds 2 times, 2 units and 1 labels; the counts must be equal"),
        ({"labels": (19, 20)}, r"label 1 must be in 0\.\.19, not 20"),
        (
            {"units": [[0, 700, 3], [350]]},
            r"recording 0: x of event 1 must be in 0\.\.699, not 700",
        ),
        ({"units": [[0, 3], [350]]}, r"recording 0: has 3 times for 2 channels"),
        ({"seconds": [[0.5, 0.25, 1], [0.5]]}, r"time of event 1 goes back from 500000 to 250000"),
        (
            {"seconds": [[0.5, np.nan, 1], [0.5]]},
            r"time of event 1 must be in 0\.\.1000000 s, not n",
        ),
        ({"seconds": [[-1, 0, 1], [0.5]]}, r"time of event 0 must be in 0\.\.1000000 s, not -1"),
        ({"seconds": [[], [0.5]], "units": [[], [3]]}, r"recording 0: a recording must have 1"),
    ],
)
def test_a_damaged_shd_is_one_line(shd, changes, message):
    with pytest.raises(SpikeforgeError, match=message) as caught:
        list(read_shd(shd(**changes)))
    assert "\n" not in str(caught.value)


def test_what_is_no_hdf5_or_cut_off_is_refused(shd, tmp_path):
    whole = shd().read_bytes()
    path = tmp_path / "x.h5"
    for data in (b"", b"hello", whole[:100], whole[:1500], whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(SpikeforgeError, match=r"x\.h5: ") as caught:
            list(read_shd(path))
        assert "\n" not in str(caught.value)
    with pytest.raises(SpikeforgeError, match=r"gone\.h5: no such file"):
        list(read_shd(tmp_path / "gone.h5"))


def test_links_to_other_files_are_not_followed(shd, tmp_path):
    path = shd()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["labels"] = np.zeros(2, "u2")
    for link in (h5py.ExternalLink(str(tmp_path / "other.h5"), "/labels"), h5py.SoftLink("/extra")):
        with h5py.File(path, "r+") as file:
            del file["labels"]
            file["labels"] = link
        with pytest.raises(SpikeforgeError, match=r"must hold, not link to, labels"):
            list(read_shd(path))


def test_arrays_kept_in_other_files_are_not_read(shd, tmp_path):
    path = shd()
    (tmp_path / "raw").write_bytes(bytes(4))
    with h5py.File(path, "r+") as file:
        del file["labels"]
        file.create_dataset("labels", (2,), "u2", external=[(str(tmp_path / "raw"), 0, 4)])
    with pytest.raises(SpikeforgeError, match=r"labels must be an array kept in this file"):
        list(read_shd(path))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("labels", np.zeros((2, 2), "u2"), r"labels must have one dimension of .*, not .*\(2, 2\)"),
        ("labels", np.zeros(2, "f4"), r"labels must be an array of numbers, not 2 of float32"),
        ("spikes/times", np.zeros(2, "f4"), r"times must be an array of lists of numbers"),
        ("spikes/times", None, r"holds no spikes/times; name a file of this data set"),
    ],
)
def test_parts_of_another_form_are_refused(shd, name, data, message):
    path = shd()
    with h5py.File(path, "r+") as file:
        del file[name]
        if data is not None:
            file.create_dataset(name, data=data, compression="gzip")
    with pytest.raises(SpikeforgeError, match=message):
        list(read_shd(path))


@pytest.fixture
def tidigits(tmp_path):
    """As n-tidigits.hdf5: names of recordings, and an array of each name in two groups."""

    def write(names=("ac-a-z", "ac-b-o7", "bh-a-o", "bh-b-5"), channels=(0, 63)):
        path = tmp_path / "n-tidigits.hdf5"
        with h5py.File(path, "w") as file:
            file["train_labels"] = np.array([name.encode() for name in names])
            for name in names:
                file[f"train_timestamps/{name}"] = np.array([0.1, 0.2])
                file[f"train_addresses/{name}"] = np.array(channels, "i4")
        return path

    return write


def test_ntidigits_gives_its_single_digits(tidigits):
    found = list(read_ntidigits(tidigits()))
    assert [label for _, label in found] == [0, 10, 5]
    assert found[0][0].time_us.tolist() == [100_000, 200_000]
    assert found[0][0].x.tolist() == [0, 63]
    assert found[0][0].shape == (1, 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": (0, 64)}, r"ac-a-z: x of event 1 must be in 0\.\.63, not 64"),
        ({"channels": (0, 1, 2)}, r"ac-a-z: has 2 times for 3 channels"),
        ({"names": ("ac-a-x",)}, r"must end in '-' and its digits \(1\.\.9, z, o\), not 'ac-a-x'"),
    ],
)
def test_a_damaged_ntidigits_is_one_line(tidigits, changes, message):
    with pytest.raises(SpikeforgeError, match=message):
        list(read_ntidigits(tidigits(**changes)))


def test_ntidigits_without_a_part_or_a_recording_is_refused(tidigits):
    with pytest.raises(SpikeforgeError, match=r"part must be train or test, not 'all'"):
        list(read_ntidigits(tidigits(), "all"))
    with pytest.raises(SpikeforgeError, match=r"holds no test_labels"):
        list(read_ntidigits(tidigits(), "test"))
    path = tidigits()
    with h5py.File(path, "r+") as file:
        del file["train_addresses/bh-a-o"]
    with pytest.raises(SpikeforgeError, match=r"holds no train_addresses/bh-a-o"):
        list(read_ntidigits(path))


def test_without_h5py_the_line_says_what_to_install(shd, monkeypatch):
    path = shd()
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(SpikeforgeError, match=r"needs h5py; .*pip install spikeforge\[events\]"):
        list(read_shd(path))


def test_a_size_beyond_reason_is_refused_before_anything_is_read(shd):
    path = shd()
    with h5py.File(path, "r+") as file:
        del file["labels"]
        file.create_dataset("labels", (1 << 40,), "u2", chunks=(1 << 20,), compression="gzip")
    with pytest.raises(SpikeforgeError, match=r"labels must have one dimension of at most"):
        list(read_shd(path))


def test_a_list_type_of_an_unknown_kind_is_refused_before_it_is_read(shd):
    """The HDF5 library would crash on it."""
    path = shd()
    data = bytearray(path.read_bytes())
    at = data.index(bytes.fromhex("1900000010000000"))
    data[at + 1] = 0xFF
    path.write_bytes(data)
    with pytest.raises(SpikeforgeError, match=r"must be an array of lists of numbers"):
        list(read_shd(path))
