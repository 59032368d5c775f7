"""Every problem of a record on one readable line."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from spikeforge.errors import SpikeforgeError
from spikeforge.validation import StrictModel, parse


class Inner(StrictModel):
    rate: float = Field(default=0.5, gt=0, le=1)


class Outer(StrictModel):
    epochs: int = Field(ge=1)
    inner: Inner = Inner()
    names: tuple[Inner, ...] = Field(default=(), strict=False)


def refusal(data):
    with pytest.raises(SpikeforgeError) as caught:
        parse(Outer, data, "a.toml")
    return str(caught.value)


def test_a_right_record_is_parsed_and_frozen():
    found = parse(Outer, {"epochs": 3, "inner": {"rate": 0.25}}, "a.toml")
    assert (found.epochs, found.inner.rate) == (3, 0.25)
    with pytest.raises(ValidationError, match="frozen"):
        found.epochs = 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"epoch": 3, "epochs": 3}, "a.toml: unknown key epoch (did you mean 'epochs'?)"),
        ({"zzz": 1, "epochs": 3}, "a.toml: unknown key zzz, known are epochs, inner, names"),
        ({"epochs": 3, "inner": {"rat": 1}}, "unknown key inner.rat (did you mean 'rate'?)"),
        ({}, "a.toml: epochs is missing"),
        ({"epochs": 0}, "a.toml: epochs should be greater than or equal to 1, not 0"),
        ({"epochs": "3"}, "epochs should be a valid integer, not '3'"),
        ({"epochs": True}, "epochs should be a valid integer, not True"),
        ({"epochs": 1, "inner": {"rate": float("nan")}}, "inner.rate should be a finite number"),
        ({"epochs": 1, "inner": {"rate": float("inf")}}, "inner.rate should be a finite number"),
        ({"epochs": 1, "names": [{"rate": 2.0}]}, "names.0.rate should be less than or equal to 1"),
        ([], "a.toml: the whole file should be a valid dictionary"),
    ],
)
def test_the_line_names_field_value_and_range(data, message):
    assert message in refusal(data)


def test_several_problems_share_a_line():
    said = refusal({"epochs": 0, "inner": {"rate": 0}, "a": 1, "b": 2, "c": 3, "d": 4})
    assert said.count(";") == 4
    assert said.endswith("; and 2 more")


@pytest.mark.parametrize("key", ["a\nb", "\x1b[31m", "x" * 10_000, "\ud800"])
def test_odd_keys_and_values_stay_on_a_short_line(key):
    said = refusal({"epochs": key, key: 1})
    assert said.isprintable()
    assert len(said) < 300
