"""The streams between the parts of the accelerator."""

from __future__ import annotations

from amaranth import signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.widths import address_bits

__all__ = ["event_stream", "handover_port", "load_stream", "result_stream"]


def event_stream(addresses: int, steps: int) -> stream.Signature:
    """Windowed events: (address, k), then one mark an image.

    Payload:
        last: 1 for the mark that ends an image (address and level are 0 then).
        address: Neuron or pixel, 0..addresses-1.
        level: k in 1..steps; the spike came at step ``steps - k`` of the window.
    """
    return stream.Signature(
        data.StructLayout(
            {
                "last": unsigned(1),
                "address": unsigned(address_bits(addresses)),
                "level": unsigned(steps.bit_length()),
            }
        )
    )


def handover_port(lanes: int, membrane_bits: int) -> wiring.Signature:
    """Membranes of one neuron group, integrated over all events of an image.

    A stream in all but its payload, which is one port a lane (a packed one would make simulators
    pack and unpack it in every cycle).

    Members:
        valid, ready: As in a stream.
        membranes: One for each lane, in LSBs.
    """
    return wiring.Signature(
        {
            "valid": Out(1),
            "ready": In(1),
            "membranes": Out(signed(membrane_bits)).array(lanes),
        }
    )


def result_stream(neurons: int, membrane_bits: int) -> stream.Signature:
    """Results: a beat for each output neuron in order, then one with the class.

    Payload:
        last: 1 for the beat that names the class.
        index: The neuron, or the class.
        membrane: Its final membrane, or the winner's, in LSBs.
    """
    return stream.Signature(
        data.StructLayout(
            {
                "last": unsigned(1),
                "index": unsigned(address_bits(neurons)),
                "membrane": signed(membrane_bits),
            }
        )
    )


def load_stream() -> stream.Signature:
    """Content bytes; ``first`` marks the first byte of a load and restarts the loader."""
    return stream.Signature(data.StructLayout({"first": unsigned(1), "data": unsigned(8)}))
