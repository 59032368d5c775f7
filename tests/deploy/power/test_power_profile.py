"""Technology profiles: what is shipped holds, and bad ones are refused in one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.power import load_profile, profile_names
from spikeforge.errors import SpikeforgeError

TINY = Path(__file__).parent / "data" / "tiny_profile.toml"


def edited(folder: Path, old: str, new: str) -> Path:
    text = TINY.read_text()
    assert old in text
    path = folder / "edited.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize("name", profile_names())
def test_shipped_profiles_load_under_their_own_name(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert {macro.ports for macro in profile.macros} == {1, 2}
    assert all(0 < macro.idle.value + macro.read.value < macro.write.value * 1.1
               for macro in profile.macros)  # fmt: skip


def test_maximum_clock_lets_the_slowest_macro_answer_within_a_cycle() -> None:
    profile = load_profile("ihp-sg13g2")
    slowest_ns = max(macro.access.value for macro in profile.macros)
    assert 1e3 / profile.clock.maximum.value > slowest_ns
    assert profile.clock.default.value == 50


def test_leakage_remark_in_the_shipped_profile_is_true() -> None:
    profile = load_profile("ihp-sg13g2")
    for ports, remark in zip((1, 2), profile.notes, strict=True):
        per_bit_pw = [
            macro.leakage.value * 1e3 / (macro.width_bits * macro.depth)
            for macro in profile.macros
            if macro.ports == ports and macro.leakage is not None
        ]
        assert max(per_bit_pw) == pytest.approx(min(per_bit_pw), rel=1e-4)
        assert f"{per_bit_pw[0]:.2f} pW a bit" in remark


def test_misspelt_name_names_the_nearest() -> None:
    with pytest.raises(
        SpikeforgeError,
        match=r"unknown technology 'ihp-sg13'.*did you mean 'ihp-sg13g2'.*ending in \.toml",
    ):
        load_profile("ihp-sg13")


def test_missing_file_says_what_to_give() -> None:
    with pytest.raises(SpikeforgeError, match=r"nowhere\.toml: cannot be read \(No such file"):
        load_profile("nowhere.toml")


def test_broken_toml_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[[macros\n")
    with pytest.raises(SpikeforgeError, match=r"broken\.toml: not a TOML file"):
        load_profile(path)


def test_huge_file_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "huge.toml"
    path.write_text("#" * ((1 << 20) + 1))
    with pytest.raises(SpikeforgeError, match="larger than 1 MiB"):
        load_profile(path)


def test_other_unit_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, 'value = 4.5, unit = "pJ"', 'value = 4500, unit = "fJ"')
    with pytest.raises(SpikeforgeError, match=r"macros\.0\.read\.unit should be 'pJ', not 'fJ'"):
        load_profile(path)


def test_number_without_source_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, ', source = "made up for tests" }', " }")
    with pytest.raises(SpikeforgeError, match=r"operating\.voltage\.source is missing"):
        load_profile(path)


def test_negative_energy_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, "value = 4.5", "value = -4.5")
    with pytest.raises(SpikeforgeError, match=r"macros\.0\.read\.value should be greater than or"):
        load_profile(path)


def test_unknown_key_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, "toggle_rate", "togle_rate")
    with pytest.raises(SpikeforgeError, match=r"assumptions\.togle_rate.*did you mean 'toggle_ra"):
        load_profile(path)


def test_default_clock_beyond_maximum_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, "value = 10.0, unit", "value = 200.0, unit")
    with pytest.raises(SpikeforgeError, match="default must be at most the maximum of 100 MHz"):
        load_profile(path)
