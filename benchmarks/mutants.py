"""Small faults to put into the generator's code: which there are, and how each is written.

A mutant changes one place of one file of ``hw/``. Places are found in the syntax tree, so that
strings, docstrings, annotations, assertions, errors and the written widths of ports stay as they
are; the change itself is made in the text.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mutant", "choose", "marked", "mutants_of"]

_COMPARE = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_BINARY = {
    ast.Add: "-", ast.Sub: "+", ast.BitAnd: "|", ast.BitOr: "&", ast.BitXor: "|",
    ast.LShift: ">>", ast.RShift: "<<", ast.Mult: "+",
}  # fmt: skip
_ONE_WAY = {ast.Sub: "-", ast.LShift: "<<", ast.RShift: ">>", ast.FloorDiv: "//", ast.Mod: "%"}
_EXTREME = {"min": "max", "max": "min"}
_STREAM_BITS = ("ready", "valid")
_DECLARED = ("In", "Out", "unsigned", "signed")
_LEFT_ALONE = (ast.Raise, ast.Assert, ast.JoinedStr, ast.FunctionDef, ast.ClassDef)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One fault.

    Attributes:
        path: The file, relative to the project.
        operator: Kind of the fault.
        line: Its line, from 1.
        first, last: Lines of the statement it is in (of a compound one, its head).
        begin: Where the replaced text begins, in characters of the file.
        end: Where it ends.
        old: The replaced text.
        new: What stands there instead.
        context: The line in which it begins, with the replaced text between angle brackets.
    """

    path: str
    operator: str
    line: int
    first: int
    last: int
    begin: int
    end: int
    old: str
    new: str
    context: str

    def apply(self, root: Path) -> None:
        """Put the fault into a copy of the project."""
        file = root / self.path
        text = file.read_text()
        assert text[self.begin : self.end] == self.old
        file.unlink()  # it may be a link to the project's own
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
        self._registers = _registers(ast.parse(text))
        self._span = (1, 1)

    def find(self) -> Iterator[Mutant]:
        """All mutants of the file: bodies of functions, and values of the module and classes."""
        yield from self._block(ast.parse(self._text).body)

    def _block(self, body: list[ast.stmt]) -> Iterator[Mutant]:
        """Every statement with its own expressions, then the statements below it."""
        for statement in body:
            inner = [name for name in ("body", "orelse") if getattr(statement, name, None)]
            if isinstance(statement, ast.ClassDef | ast.FunctionDef):
                yield from self._block(statement.body)
                continue
            last = statement.end_lineno
            if inner:
                last = max(statement.lineno, getattr(statement, inner[0])[0].lineno - 1)
            if not isinstance(statement, _LEFT_ALONE):
                self._span = (statement.lineno, last)
                for node in _expressions(statement):
                    yield from self._at(node)
            for name in inner:
                yield from self._block(getattr(statement, name))

    def _at(self, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARE:
            new = _COMPARE[type(node.ops[0])]
            yield self._between("comparison", node.left, node.comparators[0], new)
        if isinstance(node, ast.BoolOp):
            new = "or" if isinstance(node.op, ast.And) else "and"
            yield self._between("operator", node.values[0], node.values[1], new)
        if isinstance(node, ast.BinOp):
            yield from self._binary(node)
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield self._whole("plus one", node, str(node.value + 1))
            if node.value:
                yield self._whole("minus one", node, str(node.value - 1))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not):
            yield self._whole("dropped inversion", node, f"({self._source(node.operand)})")
        if isinstance(node, ast.IfExp):
            parts = (node.orelse, node.test, node.body)
            other, test, one = (self._source(part) for part in parts)
            yield self._whole("swapped choice", node, f"({other}) if ({test}) else ({one})")
        if isinstance(node, ast.Call):
            yield from self._call(node)

    def _binary(self, node: ast.BinOp) -> Iterator[Mutant]:
        if type(node.op) in _BINARY:
            yield self._between("operator", node.left, node.right, _BINARY[type(node.op)])
        if type(node.op) in _ONE_WAY:
            left, right = self._source(node.left), self._source(node.right)
            swapped = f"({right}) {_ONE_WAY[type(node.op)]} ({left})"
            yield self._whole("swapped operands", node, swapped)

    def _call(self, node: ast.Call) -> Iterator[Mutant]:
        name = ast.unparse(node.func)
        if name in ("m.If", "m.Elif"):
            yield self._whole("dropped enable", node.args[0], "1")
        if name in _EXTREME:
            yield self._whole("swapped extreme", node.func, _EXTREME[name])
        if name == "Mux":
            first, second = (self._source(argument) for argument in node.args[1:3])
            begin, end = self._place(node.args[1])[0], self._place(node.args[2])[1]
            yield self._make("swapped choice", node.lineno, begin, end, f"{second}, {first}")
        if name.endswith(".eq") and name.split(".")[-2] in _STREAM_BITS:
            for stuck in ("0", "1"):
                yield self._whole("stuck stream", node.args[0], stuck)
        if name == "Signal":
            yield from self._reset(node)
        if name.endswith(".eq") and ast.unparse(node.args[0]) == "0":
            target = node.func.value  # type: ignore[attr-defined]
            if _base(target) in self._registers:
                yield self._whole("dropped reset", node.args[0], self._source(target))

    def _reset(self, node: ast.Call) -> Iterator[Mutant]:
        """The first value, and the reset of what is a register."""
        words = {word.arg: word.value for word in node.keywords}
        if "init" in words:
            yield self._whole("dropped reset", words["init"], "0")
        elif node in self._registers.values() and "reset_less" not in words:
            given = self._source(node)
            more = ", " if node.args or node.keywords else ""
            yield self._whole("dropped reset", node, f"{given[:-1]}{more}reset_less=True)")

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
        first, last = self._span
        return Mutant(
            path=self._path, operator=operator, line=line, first=first, last=last, begin=begin,
            end=end, old=self._text[begin:end], new=new, context=marked(self._text, begin, end),
        )  # fmt: skip


def marked(text: str, begin: int, end: int) -> str:
    """The line in which a place begins, with the place between angle brackets."""
    start = text.rfind("\n", 0, begin) + 1
    rest = text[end:].split("\n", 1)[0]
    return f"{text[start:begin]}⟨{text[begin:end]}⟩{rest}".strip()


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """What a statement itself computes: no statements below it, annotations, or messages."""
    for field, value in ast.iter_fields(statement):
        if field in ("body", "orelse", "annotation", "handlers", "finalbody"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield from _walk(node)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, _LEFT_ALONE):
        return
    yield node
    declares = isinstance(node, ast.Call) and ast.unparse(node.func) in _DECLARED
    for child in ast.iter_child_nodes(node):
        if not (declares and isinstance(child, ast.Constant)):
            yield from _walk(child)


def _registers(tree: ast.AST) -> dict[str, ast.Call]:
    """Local names that a clock edge changes, with the call that makes the signal."""
    clocked = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "m.d.sync":
            for call in ast.walk(node.value):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    clocked.add(_base(call.func.value))
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        pairs = [(node.targets[0], node.value)]
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
        for target, value in pairs:
            if isinstance(value, ast.Call) and ast.unparse(target) in clocked:
                found[ast.unparse(target)] = value
    return found


def _base(node: ast.AST) -> str:
    """Name of the signal that an expression selects bits of."""
    while isinstance(node, ast.Call | ast.Subscript | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return ast.unparse(node)


def mutants_of(root: Path, path: Path) -> list[Mutant]:
    """Every mutant of one file that is another program."""
    found = _Finder(str(path.relative_to(root)), path.read_text()).find()
    unique = {(mutant.begin, mutant.end, mutant.new): mutant for mutant in found}
    return [mutant for mutant in unique.values() if mutant.old != mutant.new]


def choose(root: Path, count: int, seed: int) -> list[Mutant]:
    """Mutants drawn by a seed: one of every file of ``hw/`` that has any, then more of larger ones.

    A file's share grows with the square root of the number of its mutants; within a file, each
    kind of fault is as likely as the others.
    """
    rng = random.Random(seed)
    pools = [mutants_of(root, path) for path in sorted((root / "hw").rglob("*.py"))]
    pools = [pool for pool in pools if pool]
    weights = [len(pool) ** 0.5 for pool in pools]
    chosen = [_draw(rng, pool) for pool in pools][:count]
    while len(chosen) < count and any(pools):
        pool = rng.choices(pools, weights)[0]
        if pool:
            chosen.append(_draw(rng, pool))
    rng.shuffle(chosen)
    return chosen


def _draw(rng: random.Random, pool: list[Mutant]) -> Mutant:
    """Take one out of a file's mutants: first a kind, then one of that kind."""
    operator = rng.choice(sorted({mutant.operator for mutant in pool}))
    found = rng.choice([mutant for mutant in pool if mutant.operator == operator])
    pool.remove(found)
    return found
