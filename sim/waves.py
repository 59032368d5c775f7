"""Turns the simulator's VCD into FST, the compact format of GTKWave and Surfer.

Verilator writes FST only with headers that few machines have; VCD it always writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pylibfst

from spikeforge.errors import SpikeforgeError
from spikeforge.progress import progress

__all__ = ["convert_to_fst"]

_LIB = pylibfst.lib
_KINDS = {"wire": _LIB.FST_VT_VCD_WIRE, "reg": _LIB.FST_VT_VCD_REG,
          "integer": _LIB.FST_VT_VCD_INTEGER, "parameter": _LIB.FST_VT_VCD_PARAMETER}  # fmt: skip


def convert_to_fst(vcd: Path, fst: Path) -> None:
    """Convert a whole VCD file.

    Raises:
        SpikeforgeError: If the FST file cannot be written.
    """
    part = fst.with_name(f".part-{fst.name}")
    writer = _LIB.fstWriterCreate(str(part).encode(), 1)
    if writer == pylibfst.ffi.NULL:
        raise SpikeforgeError(f"{fst}: cannot be written; choose another place with --wave")
    try:
        with vcd.open() as lines, progress("Write the waveform", None):
            handles = _declare(writer, lines)
            _copy_changes(writer, lines, handles)
    finally:
        _LIB.fstWriterClose(writer)
    part.replace(fst)


def _declare(writer: object, lines: Iterator[str]) -> dict[str, tuple[int, int]]:
    """Copy the hierarchy; returns handle and width by VCD's short name."""
    handles: dict[str, tuple[int, int]] = {}
    for line in lines:
        words = line.split()
        if not words:
            continue
        if words[0] == "$timescale":
            _LIB.fstWriterSetTimescaleFromString(writer, "".join(words[1:-1]).encode())
        elif words[0] == "$scope":
            scope = words[2].encode()
            _LIB.fstWriterSetScope(writer, _LIB.FST_ST_VCD_MODULE, scope, pylibfst.ffi.NULL)
        elif words[0] == "$upscope":
            _LIB.fstWriterSetUpscope(writer)
        elif words[0] == "$var":
            _, kind, width, short, *name = words[:-1]
            known = handles.get(short, (0, 0))[0]
            handle = _LIB.fstWriterCreateVar(
                writer, _KINDS.get(kind, _LIB.FST_VT_VCD_WIRE), _LIB.FST_VD_IMPLICIT, int(width),
                " ".join(name).encode(), known,
            )  # fmt: skip
            handles[short] = (handle, int(width))
        elif words[0] == "$enddefinitions":
            break
    return handles


def _copy_changes(
    writer: object, lines: Iterator[str], handles: dict[str, tuple[int, int]]
) -> None:
    for line in lines:
        line = line.strip()
        if not line or line[0] == "$":
            continue
        if line[0] == "#":
            _LIB.fstWriterEmitTimeChange(writer, int(line[1:]))
            continue
        value, short = line[1:].split() if line[0] == "b" else (line[0], line[1:])
        handle, width = handles[short]
        _LIB.fstWriterEmitValueChange(writer, handle, value.rjust(width, "0").encode())
