"""Small faults to put into the generator's code: which there are, and how each is written.

A mutant changes one place of one file of ``hw/``. Places are found in the syntax tree, so that
strings, docstrings and annotations stay as they are; the change itself is made in the text.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mutant", "choose", "mutants_of"]

_COMPARE = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
}  # fmt: skip
_BINARY = {
    ast.Add: "-", ast.Sub: "+", ast.BitAnd: "|", ast.BitOr: "&", ast.BitXor: "|",
    ast.LShift: ">>", ast.RShift: "<<", ast.Mult: "+",
}  # fmt: skip
_STREAM_BITS = ("ready", "valid")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One fault.

    Attributes:
        path: The file, relative to the project.
        operator: Kind of the fault.
        line: Its line, from 1.
        begin: Where the replaced text begins, in characters of the file.
        end: Where it ends.
        old: The replaced text.
        new: What stands there instead.
    """

    path: str
    operator: str
    line: int
    begin: int
    end: int
    old: str
    new: str

    @property
    def name(self) -> str:
        """A short name for lists."""
        return f"{self.path}:{self.line} {self.operator}: {self.old!r} -> {self.new!r}"

    def apply(self, root: Path) -> None:
        """Put the fault into a copy of the project."""
        file = root / self.path
        text = file.read_text()
        assert text[self.begin : self.end] == self.old
        file.write_text(text[: self.begin] + self.new + text[self.end :])


class _Finder:
    """Places of one file where a fault can be put."""

    def __init__(self, path: str, text: str):
        self._path = path
        self._text = text
        starts = [0]
        for line in text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line.encode()))
        self._starts = starts
        self._bytes = text.encode()

    def find(self) -> Iterator[Mutant]:
        """All mutants of what builds hardware: the bodies of functions."""
        for function in ast.walk(ast.parse(self._text)):
            if isinstance(function, ast.FunctionDef) and _builds(function):
                for statement in function.body:
                    for node in ast.walk(statement):
                        yield from self._at(node)

    def _at(self, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARE:
            new = _COMPARE[type(node.ops[0])]
            yield self._between("comparison", node.left, node.comparators[0], new)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            new = _BINARY[type(node.op)]
            yield self._between("operator", node.left, node.right, new)
            if isinstance(node.op, ast.Sub | ast.LShift | ast.RShift):
                left, right = self._source(node.left), self._source(node.right)
                yield self._whole("swapped operands", node, f"({right}) - ({left})")
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield self._whole("plus one", node, str(node.value + 1))
            if node.value:
                yield self._whole("minus one", node, str(node.value - 1))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
            yield self._whole("dropped inversion", node, f"({self._source(node.operand)})")
        if isinstance(node, ast.Call):
            yield from self._call(node)
        if isinstance(node, ast.Constant) and node.value is True:
            yield self._whole("dropped reset", node, "False")

    def _call(self, node: ast.Call) -> Iterator[Mutant]:
        name = ast.unparse(node.func)
        if name in ("m.If", "m.Elif"):
            yield self._whole("dropped enable", node.args[0], "1")
        if name == "Mux":
            first, second = (self._source(argument) for argument in node.args[1:3])
            begin, end = self._place(node.args[1])[0], self._place(node.args[2])[1]
            yield self._make("swapped choice", node.lineno, begin, end, f"{second}, {first}")
        if name.endswith(".eq") and name.split(".")[-2] in _STREAM_BITS:
            for stuck in ("0", "1"):
                yield self._whole("stuck stream", node.args[0], stuck)
        if name.endswith("Signal") and any(word.arg == "init" for word in node.keywords):
            value = next(word.value for word in node.keywords if word.arg == "init")
            yield self._whole("dropped reset", value, "0")

    def _place(self, node: ast.AST) -> tuple[int, int]:
        begin = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[node.end_lineno - 1] + node.end_col_offset
        return len(self._bytes[:begin].decode()), len(self._bytes[:end].decode())

    def _source(self, node: ast.AST) -> str:
        begin, end = self._place(node)
        return self._text[begin:end]

    def _whole(self, operator: str, node: ast.AST, new: str) -> Mutant:
        return self._make(operator, node.lineno, *self._place(node), new)

    def _between(self, operator: str, left: ast.AST, right: ast.AST, new: str) -> Mutant:
        """Replace the operator that stands between two operands, brackets aside."""
        begin, end = self._place(left)[1], self._place(right)[0]
        gap = self._text[begin:end]
        old = gap.strip(" ()\n")
        begin += gap.index(old)
        return self._make(operator, left.lineno, begin, begin + len(old), new)

    def _make(self, operator: str, line: int, begin: int, end: int, new: str) -> Mutant:
        old = self._text[begin:end]
        return Mutant(path=self._path, operator=operator, line=line, begin=begin, end=end,
                      old=old, new=new)  # fmt: skip


def _builds(function: ast.FunctionDef) -> bool:
    """Functions that make hardware: they get a module, or return values of it."""
    names = {argument.arg for argument in function.args.args}
    return function.name == "elaborate" or "m" in names


def mutants_of(root: Path, path: Path) -> list[Mutant]:
    """Every mutant of one file that is another program."""
    found = _Finder(str(path.relative_to(root)), path.read_text()).find()
    unique = {(mutant.begin, mutant.end, mutant.new): mutant for mutant in found}
    return [mutant for mutant in unique.values() if mutant.old != mutant.new]


def choose(root: Path, count: int, seed: int) -> list[Mutant]:
    """Mutants drawn by a seed, spread over all files of ``hw/`` that have any."""
    rng = random.Random(seed)
    pools = []
    for path in sorted((root / "hw").rglob("*.py")):
        pool = mutants_of(root, path)
        rng.shuffle(pool)
        if pool:
            pools.append(pool)
    chosen: list[Mutant] = []
    while len(chosen) < count and any(pools):
        weights = [len(pool) ** 0.5 for pool in pools]
        pool = rng.choices(pools, weights)[0]
        if pool:
            chosen.append(pool.pop())
    return chosen
