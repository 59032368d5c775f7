"""The register map, declared once: decoder, page for readers and JSON all come from here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from hw.interface import Interface

__all__ = [
    "BASE", "BITS", "LAYER_BASE", "LAYER_COUNTERS", "LAYER_STRIDE", "MAGIC", "VERSION", "Access",
    "BitField", "Register", "address_width", "layer_counters", "register_bank",
]  # fmt: skip

MAGIC = 0x464B5053  # "SPKF", first letter in the lowest byte
VERSION = 0x0001_0000  # major, minor
BITS = 32
LAYER_BASE = 0x100
LAYER_STRIDE = 0x40


class Access(StrEnum):
    """What a host may do; anything else is answered by SLVERR and has no effect."""

    READ = "read"
    WRITE = "write"
    BOTH = "read, write"


@dataclass(frozen=True, kw_only=True)
class BitField:
    """Some bits of a register.

    Attributes:
        name: Its name.
        low: Lowest bit.
        width: In bits.
        text: What it means.
    """

    name: str
    low: int
    width: int = 1
    text: str


@dataclass(frozen=True, kw_only=True)
class Register:
    """One register of one or two 32-bit words, the low word first.

    Attributes:
        name: Its name; ``<layer>.<counter>`` for those of a layer.
        offset: Byte address of the first word.
        access: What a host may do.
        text: What it holds.
        words: 1, or 2 for a 64-bit register.
        fields: Its bits, where they have names.
        value: Content of a constant; what a register that can be written holds after reset.
        load_only: There only where content is loaded at run time.
    """

    name: str
    offset: int
    access: Access
    text: str
    words: int = 1
    fields: tuple[BitField, ...] = ()
    value: int = 0
    load_only: bool = False

    @property
    def key(self) -> str:
        """Its name as the name of a signal."""
        return self.name.replace(".", "__")

    def field(self, name: str) -> BitField:
        """One of its fields by name."""
        return next(field for field in self.fields if field.name == name)


def _counter(name: str, offset: int, text: str) -> Register:
    return Register(name=name, offset=offset, access=Access.READ, text=text, words=2)


_CONTROL = (
    BitField(name="enable", low=0, text="Take in images. Cleared in the middle of an image, it "
                                        "acts after that image."),
)  # fmt: skip
_COMMAND = (
    BitField(name="snapshot", low=0, text="Copy all counters to where they are read."),
    BitField(name="clear", low=1, text="Set all counters to 0; with `snapshot` in the same write "
                                       "no count is lost or taken twice."),
    BitField(name="reset", low=2, text="Empty the accelerator; what was loaded is gone as well. "
                                     "`control` and the counters stay."),
    BitField(name="clear_errors", low=3, text="Clear `frame_error` and `event_error`."),
)  # fmt: skip
_STATUS = (
    BitField(name="loaded", low=0, text="Content is complete and checked."),
    BitField(name="busy", low=1, text="An image is under way: begun, its class not handed over."),
    BitField(name="loading", low=2, text="A load has begun and is not complete."),
    BitField(name="draining", low=3, text="The rest of a packet that was cut off is being dropped, "
                                          "up to its TLAST."),
    BitField(name="load_error", low=4, width=2, text="Why the last load did not count: 0 none, "
                                                     "1 another architecture, 2 wrong CRC."),
    BitField(name="frame_error", low=8, text="TLAST came elsewhere than on the mark that ends an "
                                             "image, or was missing there. Stays set."),
    BitField(name="event_error", low=9, text="An event's address or level was out of range; it "
                                             "was dropped. Stays set."),
)  # fmt: skip

BASE = (
    Register(name="magic", offset=0x00, access=Access.READ, value=MAGIC,
             text="`SPKF`, first letter in the lowest byte."),
    Register(name="version", offset=0x04, access=Access.READ, value=VERSION,
             text="Version of this map, major in the upper half, minor in the lower."),
    Register(name="identity", offset=0x08, access=Access.READ, words=2,
             text="Architecture id: the first 8 bytes of the architecture hash, first byte in "
                  "the lowest bits."),
    Register(name="content", offset=0x10, access=Access.READ,
             text="CRC-32 of the content that is loaded; 0 while none is, and with initialized "
                  "memories."),
    Register(name="layers", offset=0x14, access=Access.READ, text="Blocks of layer counters."),
    Register(name="load_length", offset=0x18, access=Access.READ,
             text="Bytes of a complete load; 0 with initialized memories."),
    Register(name="control", offset=0x20, access=Access.BOTH, fields=_CONTROL,
             text="Settings. All 0 after reset."),
    Register(name="command", offset=0x24, access=Access.WRITE, fields=_COMMAND,
             text="Writing 1 to a bit does something once."),
    Register(name="status", offset=0x28, access=Access.READ, fields=_STATUS,
             text="What goes on now."),
    Register(name="load_first", offset=0x30, access=Access.WRITE, load_only=True,
             text="As `load_data`, but its first byte begins a new load and empties the "
                  "accelerator."),
    Register(name="load_data", offset=0x34, access=Access.WRITE, load_only=True,
             text="The next bytes of the content, lowest byte first; only bytes with their strobe "
                  "set count. The write waits until the word before has gone (4 cycles)."),
    Register(name="load_count", offset=0x38, access=Access.READ, load_only=True,
             text="Bytes taken since the load began, at most `load_length`; what follows is "
                  "dropped."),
    _counter("cycles", 0x80, "Clock cycles."),
    _counter("busy_cycles", 0x88, "Cycles with `status.busy`."),
    _counter("input_events", 0x90, "Events taken in, marks and dropped ones not counted."),
    _counter("images_done", 0x98, "Classes handed over on m_axis."),
    _counter("input_stalls", 0xA0, "Cycles with s_axis_tvalid and without s_axis_tready."),
    _counter("result_stalls", 0xA8, "Cycles with m_axis_tvalid and without m_axis_tready."),
)  # fmt: skip

# Offset within a layer's block, and the port and field that is counted: those that a layer has.
LAYER_COUNTERS = (
    (_counter("rows_read", 0x00, "Weight rows read."), "probe", "row_read"),
    (_counter("updates", 0x08, "Weight rows added to the layer's membranes."), "probe",
     "row_added"),
    (_counter("compares", 0x10, "Cycles in which membranes met a threshold; in the last layer, "
                                "membranes read out."), "probe", "compared"),
    (_counter("spikes", 0x18, "Events sent to the next layer, marks not counted."), "tap", ""),
)  # fmt: skip


def layer_counters(outside: Interface) -> tuple[tuple[Register, str, str], ...]:
    """Counters of all layers, in the order of their ports.

    Returns:
        For each the register, the port that shows what is counted, and the field there ("" for a
        stream, of which events are counted).
    """
    probes = [port.name for port in outside.ports if port.name.startswith("probe_")]
    found = []
    for number, probe in enumerate(probes):
        layer = probe.removeprefix("probe_")
        for register, kind, field in LAYER_COUNTERS:
            port = f"{kind}_{layer}"
            if port not in outside.fields or (field and field not in outside.fields[port]):
                continue
            offset = LAYER_BASE + LAYER_STRIDE * number + register.offset
            own = replace(register, name=f"{layer}.{register.name}", offset=offset)
            found.append((own, port, field))
    return tuple(found)


def register_bank(outside: Interface) -> tuple[Register, ...]:
    """The registers of one accelerator, in ascending order of their offsets."""
    base = [register for register in BASE if outside.loadable or not register.load_only]
    return (*base, *(register for register, _, _ in layer_counters(outside)))


def address_width(registers: tuple[Register, ...]) -> int:
    """Bits of an address, in bytes: 4 KiB, the least that AXI maps, or what is needed."""
    return max(12, (max(part.offset + 4 * part.words for part in registers) - 1).bit_length())
