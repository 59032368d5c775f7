from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hw.link.protocol import END, frame, unframe


@given(st.binary(min_size=1, max_size=80))
def test_a_framed_packet_comes_back_and_holds_no_end(packet):
    wire = frame(packet)
    assert wire[0] == wire[-1] == END
    assert END not in wire[1:-1]
    assert unframe(wire[1:-1]) == packet


@given(st.binary(min_size=1, max_size=40), st.data())
def test_one_changed_byte_is_noticed(packet, data):
    wire = bytearray(frame(packet)[1:-1])
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] ^= data.draw(st.integers(1, 255))
    assert unframe(bytes(wire)) != packet
