"""Tools from PyPI, each in a process of its own, in a folder, with its log beside it."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from spikeforge.errors import SpikeforgeError

__all__ = ["Running", "package_versions"]

_HINT = "run 'pip install spikeforge[fpga]'"


class Running:
    """A tool at work.

    Args:
        arguments: Of the Python interpreter.
        folder: Where it runs.
        log: File in the folder that gets what it says.

    Raises:
        SpikeforgeError: From ``finish``, with the tool's last error.
    """

    def __init__(self, arguments: list[str], folder: Path, log: str):
        self._name, self._log = log.removesuffix(".log"), folder / log
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, *arguments], cwd=folder, stdout=out, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._process.poll() is not None

    def finish(self) -> None:
        """Wait for its end; an interruption ends it too."""
        try:
            status = self._process.wait()
        except BaseException:
            self.stop()
            raise
        if status:
            raise SpikeforgeError(
                f"{self._name} failed: {self._reason()}; all it said: {self._log}"
            )

    def stop(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()

    def _reason(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        # Not only the last line: what a tool says at its end may come out of two buffers.
        errors = [line for line in lines if re.match(r"(\S+: )?ERROR: ", line)]
        if any("ModuleNotFoundError" in line for line in lines):
            return f"{lines[-1]}; {_HINT}"
        return (errors or lines or ["it said nothing"])[-1].removeprefix("ERROR: ")


def package_versions(wanted_by: str, names: Iterable[str]) -> dict[str, str]:
    """Versions of installed packages.

    Args:
        wanted_by: What cannot be made without them, for the message.
        names: The packages.

    Raises:
        SpikeforgeError: If one is not installed.
    """
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise SpikeforgeError(f"{wanted_by} need {name}, which is missing; {_HINT}") from None
    return found
