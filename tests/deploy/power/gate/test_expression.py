"""Boolean expressions of Liberty, against Python's own evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.power.gate.expression import parse_expression
from spikeforge.errors import SpikeforgeError

PINS = "ABCD"
ROWS = {pin: np.array([sum(((n >> i) & 1) << n for n in range(16))], np.uint64)
        for i, pin in enumerate(PINS)}  # fmt: skip
ONES = np.array([0xFFFF], np.uint64)


def trees():
    """Pairs of Liberty text and the same in Python."""
    leaf = st.sampled_from(PINS).map(lambda pin: (pin, pin))

    def grow(inner):
        pair = st.tuples(inner, inner)
        return st.one_of(
            inner.map(lambda a: (f"!({a[0]})", f"(1 ^ {a[1]})")),
            inner.map(lambda a: (f"({a[0]})'", f"(1 ^ {a[1]})")),
            pair.map(lambda p: (f"({p[0][0]}) * ({p[1][0]})", f"({p[0][1]} & {p[1][1]})")),
            pair.map(lambda p: (f"({p[0][0]}) ({p[1][0]})", f"({p[0][1]} & {p[1][1]})")),
            pair.map(lambda p: (f"({p[0][0]}) + ({p[1][0]})", f"({p[0][1]} | {p[1][1]})")),
            pair.map(lambda p: (f"({p[0][0]}) ^ ({p[1][0]})", f"({p[0][1]} ^ {p[1][1]})")),
        )

    return st.recursive(leaf, grow, max_leaves=8)


@given(trees())
def test_all_rows_of_the_truth_table_at_once(pair):
    text, python = pair
    expected = sum(
        eval(python, {pin: (n >> i) & 1 for i, pin in enumerate(PINS)}) << n for n in range(16)
    )
    found = parse_expression(text).words(ROWS.__getitem__, ONES)
    assert int(found[0]) == expected


@given(trees())
def test_verilog_says_the_same(pair):
    text, python = pair
    verilog = parse_expression(text).verilog(str)
    for n in range(16):
        values = {pin: (n >> i) & 1 for i, pin in enumerate(PINS)}
        # Python binds ~ & ^ | as Verilog does; of an inverted number the lowest bit counts.
        assert eval(verilog, dict(values)) & 1 == eval(python, dict(values))


def test_binding_not_then_xor_then_and_then_or():
    assert parse_expression("!A B ^ C + D").verilog(str) == "((~A & (B ^ C)) | D)"
    assert parse_expression("1").verilog(str) == "1'b1"
    assert parse_expression("A_ADDR[3] & B").pins == {"A_ADDR[3]", "B"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A &", "ends too early"), ("(A", "lacks a closing bracket"), ("A )", "ends at ')'"),
        ("A $ B", "cannot be read: 'A $ B'"), ("", "cannot be read"), ("(" * 999, "cannot be read"),
        ("& A", "misplaced '&'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(text, says):
    with pytest.raises(SpikeforgeError, match=r"a function or condition") as caught:
        parse_expression(text)
    assert says in str(caught.value)
