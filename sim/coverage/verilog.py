"""Reads marked Verilog: which Python line stands behind each line of it.

Works on the text that Verilator got: modules and statements carry ``(* src = "hw/file.py:12" *)``,
blocks a marker (:mod:`hw.marked`), and modules written by hand are found in their files again.
Models of a technology's cells (``hw/memory/*.v``) are no part of the design and do not count.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

import hw
from hw.marked import MARKER
from sim.coverage.constants import constant_bits

__all__ = ["Mark", "ModuleText", "VerilogText", "without_uncounted"]

_BY_HAND = {"hw": ("ram.v", "icg.v")}
_ROOT = Path(hw.__file__).parent.parent
_COPY = re.compile(r"\$\d+")
_MODULE = re.compile(r"^module (\\?[^\s(#;]+)")
_SOURCE = re.compile(r'^\s*\(\* src = "([^"]*)" \*\)')
_NET = re.compile(
    r"^(?:/\*\w+ coverage_off\*/)?\s*(input|output|wire|reg)\b[^;]*?"
    r"(\\\S+|\w+)\s*(?:=[^;]*)?[;,]?(?:/\*.*)?$"
)
_MEMORY = re.compile(r"^  reg \[.*\] \w+ \[0:.*\];")
_ASSIGN = re.compile(r"^  assign (.+?) = (.+);$")
_RANGE = re.compile(r"\[(\d+):0\] ")
_MARKED = re.compile(rf"^\s*{MARKER}_(\d+) = 1'h1;$")
_TABLE = re.compile(r"^// mark (\d+) (\S+) (\S+) ?(.*)$")


@dataclass(frozen=True)
class Mark:
    """What a marker's number stands for.

    Attributes:
        place: Python line of the ``m.If`` or ``m.Switch``; ``-`` for a block that always runs.
        side: Which of its sides: ``case0``, ``case1``, ..., ``else``; or ``-``.
        lines: Python lines of the assignments in the block.
    """

    place: str
    side: str
    lines: tuple[str, ...]


@dataclass
class ModuleText:
    """One module of the Verilog.

    Attributes:
        file: File in the repository that it comes from; empty for a shell of the measurement.
        kind: Its class in Python, or the module written by hand.
        offset: Line in ``file`` less line in the Verilog, of a module written by hand.
        nets: Declared name by line.
        widths: Width by name.
        assigns: Left and right side of every continuous assignment.
        ports: Names of its ports.
    """

    file: str = ""
    kind: str = ""
    offset: int | None = None
    nets: dict[int, str] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    assigns: list[tuple[str, str]] = field(default_factory=list)
    ports: set[str] = field(default_factory=set)

    @cached_property
    def counted(self) -> dict[int, str]:
        """Nets whose toggles count, by line, each named as in Python.

        Yosys tells nets of one name apart by ``$12``: a port is the module's own, any other a copy
        of another module's port.
        """
        own = {_COPY.sub("", name) for name in self.ports}
        packed = {name.rpartition(".")[0] for name in self.nets.values()}
        found = {}
        for line, name in self.nets.items():
            record, plain = name.partition(".")[0], _COPY.sub("", name)
            copy = record not in self.ports and (_COPY.sub("", record) != record or record in own)
            hidden = not plain or plain.startswith(("$", MARKER)) or name in packed
            if not (copy or hidden):
                found[line] = plain
        return found

    @cached_property
    def constant(self) -> set[tuple[str, int]]:
        """Bits that this elaboration ties to a constant, as (name, bit)."""
        return constant_bits(self.assigns, self.widths)


class VerilogText:
    """The Verilog of one model.

    Attributes:
        marks: Mark by number.
        marked: Number of the mark by line.
        sources: Python line by the line of a statement.
    """

    def __init__(self, text: str):
        self.marks: dict[int, Mark] = {}
        self.marked: dict[int, int] = {}
        self.sources: dict[int, str] = {}
        self._begins = [0]
        self._modules = [ModuleText()]
        source = ""
        for number, line in enumerate(text.splitlines(), start=1):
            found = _SOURCE.match(line)
            if found:
                source = found[1]
                continue
            self._take(number, line, source)
            if not line.lstrip().startswith("(*"):
                source = ""

    def module(self, line: int) -> ModuleText:
        """The module that a line lies in."""
        return self._modules[bisect_right(self._begins, line) - 1]

    def _take(self, number: int, line: str, source: str) -> None:
        if source:
            self.sources[number] = source
        module = self._modules[-1]
        if found := _MODULE.match(line):
            self._begins.append(number)
            self._modules.append(_module(found[1], source, number))
        elif found := _MARKED.match(line):
            self.marked[number] = int(found[1])
        elif found := _TABLE.match(line):
            self.marks[int(found[1])] = Mark(found[2], found[3], tuple(found[4].split()))
        elif found := _ASSIGN.match(line):
            module.assigns.append((found[1], found[2]))
        elif found := _NET.match(line):
            name = found[2].removeprefix("\\")
            module.nets[number] = name
            wide = _RANGE.search(line)
            module.widths[name] = int(wide[1]) + 1 if wide else 1
            if found[1] in ("input", "output"):
                module.ports.add(name)


def without_uncounted(verilog: str) -> str:
    """The same text, line by line, in which Verilator makes no points that count for nothing."""
    text = VerilogText(verilog)
    lines = verilog.splitlines()
    for number, line in enumerate(lines):
        module = text.module(number + 1)
        uncounted = number + 1 in module.nets and number + 1 not in module.counted
        if (uncounted and module.offset is None) or _MEMORY.match(line):
            lines[number] = f"/*verilator coverage_off*/{line}/*verilator coverage_on*/"
    return "\n".join(lines) + "\n"


def _module(name: str, source: str, line: int) -> ModuleText:
    file, _, place = source.partition(":")
    if file.startswith("hw/"):
        return ModuleText(file=file, kind=_class_at(file, int(place)))
    where = _by_hand().get(name)
    return ModuleText(where[0], name, where[1] - line) if where else ModuleText()


@cache
def _by_hand() -> dict[str, tuple[str, int]]:
    """File and line of every module written by hand."""
    found = {}
    for package, names in _BY_HAND.items():
        for name in names:
            lines = files(package).joinpath(name).read_text().splitlines()
            for number, line in enumerate(lines, start=1):
                if match := _MODULE.match(line):
                    found[match[1]] = (f"{package.replace('.', '/')}/{name}", number)
    return found


@cache
def _classes(file: str) -> list[tuple[int, int, str]]:
    tree = ast.parse((_ROOT / file).read_text())
    return [(node.lineno, node.end_lineno or node.lineno, node.name)
            for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]  # fmt: skip


def _class_at(file: str, line: int) -> str:
    return next((name for first, last, name in _classes(file) if first <= line <= last), "?")
