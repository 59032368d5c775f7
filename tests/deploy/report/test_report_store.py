"""``report.json`` and ``report.html`` on disk."""

from __future__ import annotations

import json

import pytest

from deploy.report import load_report, write_report
from spikeforge.errors import SpikeforgeError


def test_what_is_written_is_read_back(report, tmp_path):
    page = write_report(tmp_path / "out", report)
    assert page == tmp_path / "out" / "report.html"
    assert "mnist-mlp" in page.read_text(encoding="utf-8")
    again = load_report(tmp_path / "out")
    assert again == load_report(tmp_path / "out")
    assert again["accuracy"] == report["accuracy"]
    assert again["detail"]["links"] == report["detail"]["links"]
    assert again["cycles"]["encode"] is None
    assert not list((tmp_path / "out").glob(".part-*"))


def test_a_wrong_report_leaves_the_old_one(report, tmp_path):
    write_report(tmp_path, report)
    before = (tmp_path / "report.json").read_bytes()
    report["accuracy"]["rtl"] = -1
    with pytest.raises(SpikeforgeError, match=r"report.json: accuracy.rtl .* not -1"):
        write_report(tmp_path, report)
    assert (tmp_path / "report.json").read_bytes() == before


def test_a_folder_without_a_run_says_what_to_do(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SpikeforgeError, match=rf"no run .* `spikeforge run --out {folder}`"):
            load_report(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"schema": 1, "net', r"report.json: is not valid JSON \(Unterminated string"),
        (b"\xff\xfe", r"report.json: is not valid JSON"),
        (b"[" * 100_000, r"report.json: is not valid JSON"),
        (b"[1]", r"must hold one JSON object, not list"),
        (b'{"schema": 99}', r"schema must be 1, not 99: it was written by another version"),
        (b"{}", r"schema must be 1, not None"),
        (b'{"schema": 1}', r"network is missing; dataset is missing"),
    ],
)
def test_a_broken_file_is_one_clear_line(content, message, tmp_path):
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(SpikeforgeError, match=message) as caught:
        load_report(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "report.json").open("wb") as file:
        file.truncate((1 << 26) + 1)
    with pytest.raises(SpikeforgeError, match=r"must be at most 67108864 bytes, not 67108865"):
        load_report(tmp_path)


def test_the_file_is_plain_json_a_key_a_line(report, tmp_path):
    write_report(tmp_path, report)
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert json.loads(text)["schema"] == 1
    assert len(text.splitlines()) == 19
