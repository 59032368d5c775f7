"""Write a technology profile from the user's own Liberty files.

``python -m deploy.power.extract --liberty DIR --out FILE`` regenerates the shipped profile of
IHP SG13G2 from the folder with its Liberty files (``.lib`` or ``.lib.gz``), number by number.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from deploy.power.characterize import FAN_OUT, SLEW_NS, WIRE_LOAD, characterize
from deploy.power.liberty import read_library
from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.progress import progress

__all__ = ["extract", "main", "to_toml"]

_HEADER = """\
# Technology profile, written by: python -m deploy.power.extract --liberty DIR --out FILE
# Read from Liberty files of the IHP Open PDK (Apache-2.0); [[sources]] names them with the SHA-256
# of their unpacked text. What stands in [assumptions] is chosen, not measured.
"""

_ASSUMPTIONS = {
    "toggle_rate": (0.5, "half of the operations on a net change it (random data, no glitches)"),
    "fan_out": (FAN_OUT, "a data net drives two inputs"),
    "clock_tree_factor": (2.0, "buffers and upper levels of the clock tree double its energy"),
    "adders_per_flip_flop": (1.0, "a full adder behind each flip-flop, for leakage only"),
    "muxes_per_flip_flop": (1.0, "a two-way multiplexer behind each flip-flop, for leakage only"),
}


def extract(folder: Path) -> str:
    """Return the profile of IHP SG13G2 as TOML text.

    Args:
        folder: Holds the standard cells (``*stdcell*.lib[.gz]``) and the macros (``RM_*``).

    Raises:
        SpikeforgeError: If files are missing, broken, or of another technology or corner.
    """
    cells = _one(folder, "*stdcell*.lib*")
    macros = sorted(path for path in folder.glob("RM_*.lib*"))
    if not macros:
        raise SpikeforgeError(f"{folder}: holds no memory macros (RM_*.lib or RM_*.lib.gz)")
    libraries = []
    with progress("reading Liberty files", len(macros) + 1) as bar:
        for path in (cells, *macros):
            libraries.append(read_library(path))
            bar.advance()
    return to_toml(_tables(characterize(libraries[0], libraries[1:])))


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SpikeforgeError(
            f"{folder}: must hold exactly one file {pattern}, not {len(found)}; give the folder "
            "with one corner's Liberty files"
        )
    return found[0]


def _tables(read: dict[str, Any]) -> dict[str, Any]:
    """The whole profile: what was read, what is assumed, and what is known of its error."""
    return {
        "schema_version": 1,
        "name": "ihp-sg13g2",
        "title": "IHP SG13G2, 130 nm, open PDK",
        "error": "not measured yet: no gate-level run has been compared with this estimate",
        "notes": read["notes"],
        "operating": read["operating"],
        "clock": {
            "default": {
                "value": 50.0,
                "unit": "MHz",
                "source": "assumption: a conservative default; timing not checked",
            },
            "maximum": read["clock_maximum"],
        },
        "assumptions": {
            key: {"value": value, "unit": "1", "source": f"assumption: {source}"}
            for key, (value, source) in _ASSUMPTIONS.items()
        },
        "wire": read["wire"],
        "logic": read["logic"],
        "macros": read["macros"],
        "sources": read["sources"],
    }


def to_toml(tables: dict[str, Any]) -> str:
    """Write nested tables as TOML; a table with a value, unit and source stays on one line."""
    lines = [_HEADER + f"# Slew {SLEW_NS} ns and wire-load model {WIRE_LOAD} are assumptions too."]
    _write(tables, "", lines)
    return "\n".join(lines) + "\n"


def _write(table: dict[str, Any], path: str, lines: list[str]) -> None:
    nested = []
    for key, value in table.items():
        if _is_table(value):
            nested.append((key, value))
        else:
            lines.append(f"{key} = {_inline(value)}")
    for key, value in nested:
        name = f"{path}{key}"
        for entry in value if isinstance(value, list) else [value]:
            lines += ["", f"[[{name}]]" if isinstance(value, list) else f"[{name}]"]
            _write(entry, f"{name}.", lines)


def _is_table(value: Any) -> bool:
    """Whether a value gets a header of its own: a table of quantities, or a list of tables."""
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], dict)
    return isinstance(value, dict) and "unit" not in value


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(part)}" for key, part in value.items()) + " }"
    return json.dumps(value)


@click.command()
@click.option("--liberty", type=click.Path(path_type=Path), required=True, help="Folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="TOML file to write.")
def main(liberty: Path, out: Path) -> None:
    """Regenerate the profile of IHP SG13G2 from its Liberty files.

    Example: python -m deploy.power.extract --liberty pdk/ihp-sg13g2 --out ihp-sg13g2.toml
    """
    try:
        write_atomically(out, extract(liberty))
    except SpikeforgeError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    click.echo(f"wrote {out}", err=True)


if __name__ == "__main__":
    main()
