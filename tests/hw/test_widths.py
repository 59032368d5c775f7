from __future__ import annotations

import pytest

from hw.widths import address_bits


@pytest.mark.parametrize(
    ("count", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9)]
)
def test_an_address_reaches_the_last_and_has_a_bit_at_least(count, bits):
    assert address_bits(count) == bits
