from __future__ import annotations

import gzip
import hashlib
import io
import threading
import time
import urllib.error

import pytest

from spikeforge.errors import SpikeforgeError
from train import download
from train.download import SOURCES, RemoteFile, Source

CONTENT = {"one-idx3-ubyte": b"first" * 100, "two-idx1-ubyte": b"second" * 50}


FILES = tuple(
    RemoteFile(name, len(data), hashlib.md5(data).hexdigest()) for name, data in CONTENT.items()
)
SOURCE = Source("MNIST", ("https://a.test", "https://b.test"), FILES)


def fetch(folder):
    return download.download(SOURCE, folder)


@pytest.fixture
def web(monkeypatch):
    """Two small files on two mirrors; the dictionary maps URLs to answers or exceptions."""
    answers = {f"https://a.test/{name}.gz": gzip.compress(data) for name, data in CONTENT.items()}

    def urlopen(request, timeout):
        assert timeout <= 5
        url = request if isinstance(request, str) else request.full_url
        answer = answers.get(url, urllib.error.URLError("no route to host"))
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)

    monkeypatch.delenv("SPIKEFORGE_OFFLINE", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    return answers


def test_files_arrive_whole(web, tmp_path):
    assert fetch(tmp_path / "cache")
    for name, data in CONTENT.items():
        assert gzip.decompress((tmp_path / "cache" / f"{name}.gz").read_bytes()) == data


def test_the_second_mirror_helps_out(web, tmp_path):
    web["https://b.test/two-idx1-ubyte.gz"] = web.pop("https://a.test/two-idx1-ubyte.gz")
    web["https://a.test/two-idx1-ubyte.gz"] = TimeoutError("timed out")
    assert fetch(tmp_path)


def test_without_network_one_note_and_nothing_written(web, tmp_path, capsys):
    web.clear()
    assert not fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []
    note = capsys.readouterr().err
    assert "MNIST could not be downloaded" in note
    assert "no route to host" in note


def test_a_download_that_breaks_off_leaves_nothing(web, tmp_path):
    web["https://a.test/two-idx1-ubyte.gz"] = ConnectionResetError("reset by peer")
    assert not fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "answer",
    [
        gzip.compress(b"Second" * 50),
        gzip.compress(b"second" * 51),
        gzip.compress(b"second" * 49),
        b"<html>please log in</html>",
        gzip.compress(b"second" * 50)[:-12],
    ],
    ids=["changed", "longer", "shorter", "a web page", "cut off"],
)
def test_a_wrong_checksum_is_one_clear_line(web, tmp_path, answer):
    web["https://a.test/two-idx1-ubyte.gz"] = answer
    with pytest.raises(
        SpikeforgeError, match=r"two-idx1-ubyte\.gz: wrong checksum.*nothing was kept.*--data"
    ) as caught:
        fetch(tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_mirrors_that_never_answer_are_given_up_together(web, tmp_path, monkeypatch, capsys):
    silent = threading.Event()
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.2)

    def urlopen(request, timeout):
        silent.wait(5)
        raise TimeoutError

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    began = time.monotonic()
    assert not fetch(tmp_path)
    assert time.monotonic() - began < 2
    silent.set()
    assert "no answer within" in capsys.readouterr().err


def test_offline_is_not_even_tried(web, tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKEFORGE_OFFLINE", "1")
    monkeypatch.setattr("urllib.request.urlopen", None)
    began = time.monotonic()
    assert not fetch(tmp_path)
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("key", ["mnist", "fashion"])
def test_the_checksums_are_of_the_four_files_in_the_order_in_which_they_are_read(key):
    files = SOURCES[key].files
    assert [file.name.split("-")[0] for file in files] == ["train", "train", "t10k", "t10k"]
    assert [file.size for file in files] == [47_040_016, 60_008, 7_840_016, 10_008]
    assert len({file.md5 for each in SOURCES.values() for file in each.files}) == 8
