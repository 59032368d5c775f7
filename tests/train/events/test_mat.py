from __future__ import annotations

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from train.events.mat import read_mat

h5py = pytest.importorskip("h5py")
scipy_io = pytest.importorskip("scipy.io")

TABLE = np.array(
    [[0, 0, -1, 0, 0, 1], [4, 0, -1, 127, 5, -1], [900, 0, -1, 40, 127, 1]], np.float64
)  # fmt: skip


@pytest.fixture
def classic(tmp_path):
    """What MATLAB's ``save`` writes, compressed as it does by default."""

    def write(table, **more):
        path = tmp_path / "0.mat"
        scipy_io.savemat(path, {"out1": table, **more}, do_compression=True)
        return path

    return write


def modern(path, table, name="out1"):
    """Version 7.3: HDF5 behind 512 bytes of MATLAB's own, the matrix transposed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset(name, data=table.T).attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def check(found):
    assert found.x.tolist() == [0, 127, 40]
    assert found.y.tolist() == [0, 5, 127]
    assert found.polarity.tolist() == [1, 0, 1]
    assert found.time_us.tolist() == [0, 4, 900]


def test_the_six_columns_are_read_from_both_versions(classic, tmp_path):
    check(read_mat(classic(TABLE)))
    check(read_mat(modern(tmp_path / "new.mat", TABLE)))


def test_other_variables_are_passed_over(classic):
    check(read_mat(classic(TABLE, note="some text", size=np.array([[128.0, 128.0]]))))


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        ((1, 3), 128, r"x of event 1 must be in 0\.\.127, not 128"),
        ((1, 4), -1, r"y of event 1 must be in 0\.\.127, not -1"),
        ((2, 5), 0, r"polarity of event 2 must be in 0\.\.1, not -1"),
        ((2, 0), 3, r"time of event 2 goes back from 4 to 3 us"),
        ((0, 0), -7, r"time of event 0 must be in 0\.\..*, not -7"),
        ((2, 0), np.nan, r"must be whole numbers"),
        ((0, 3), 0.5, r"must be whole numbers"),
    ],
)
def test_wrong_numbers_are_refused(classic, at, value, message):
    table = TABLE.copy()
    table[at] = value
    with pytest.raises(SpikeforgeError, match=message):
        read_mat(classic(table))


def test_a_file_without_or_with_two_such_matrices_is_refused(classic, tmp_path):
    with pytest.raises(SpikeforgeError, match=r"one matrix of 6 columns .*, not none"):
        read_mat(classic(TABLE[:, :5]))
    with pytest.raises(SpikeforgeError, match=r"one matrix of 6 columns .*, not out1, out2"):
        read_mat(classic(TABLE, out2=TABLE))
    with pytest.raises(SpikeforgeError, match=r"one matrix of 6 columns .*, not none"):
        read_mat(modern(tmp_path / "n.mat", TABLE[:, :5]))


def test_too_many_events_are_refused_by_the_header_alone(classic, tmp_path, monkeypatch):
    monkeypatch.setattr("train.events.mat.MAX_ROWS", 2)
    for path in (classic(TABLE), modern(tmp_path / "n.mat", TABLE)):
        with pytest.raises(SpikeforgeError, match=r"must have at most 2 events, not 3"):
            read_mat(path)


def test_damaged_files_are_one_line(classic, tmp_path):
    whole = classic(np.tile(TABLE[:1], (500, 1))).read_bytes()
    newer = modern(tmp_path / "n.mat", TABLE).read_bytes()
    path = tmp_path / "damaged.mat"
    for data in (b"", b"hello", whole[:60], whole[:200], whole[:-9], newer[:900], bytes(4_000)):
        path.write_bytes(data)
        with pytest.raises(SpikeforgeError, match=r"damaged\.mat: ") as caught:
            read_mat(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(SpikeforgeError, match=r"gone\.mat: no such file"):
        read_mat(tmp_path / "gone.mat")
