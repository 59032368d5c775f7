"""``report.json`` and ``report.html`` in the folder of a run: written whole, read with care."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.report.page import render_html
from deploy.report.schema import SCHEMA_VERSION, Report
from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.validation import parse

__all__ = ["HTML_NAME", "JSON_NAME", "load_report", "write_report"]

JSON_NAME = "report.json"
HTML_NAME = "report.html"
MAX_BYTES = 1 << 26


def write_report(folder: Path, report: dict[str, object]) -> Path:
    """Write ``report.json`` and the page made from it, each whole or not at all.

    Args:
        folder: The folder of the run; made if it is missing.
        report: All figures, in the structure of :class:`deploy.report.schema.Report`.

    Returns:
        The path of the page.

    Raises:
        SpikeforgeError: If the report does not have that structure, or cannot be written.
    """
    record = parse(Report, report, JSON_NAME)
    page = render_html(report)
    write_atomically(folder / JSON_NAME, _dump(record))
    write_atomically(folder / HTML_NAME, page)
    return folder / HTML_NAME


def load_report(folder: Path) -> dict[str, object]:
    """Read the report of a run, checked in every field.

    Args:
        folder: The ``--out`` folder of a run.

    Returns:
        The content of ``report.json``, with None for everything not measured.

    Raises:
        SpikeforgeError: If there is no run, the file is broken, or it has another schema.
    """
    path = folder / JSON_NAME
    data = _read(path, folder)
    if not isinstance(data, dict):
        raise SpikeforgeError(f"{path}: must hold one JSON object, not {type(data).__name__}")
    version = data.get("schema")
    if version != SCHEMA_VERSION:
        raise SpikeforgeError(
            f"{path}: schema must be {SCHEMA_VERSION}, not {version!r}: it was written by another "
            f"version of Spikeforge; do `spikeforge run --out {folder}` again"
        )
    return parse(Report, data, str(path)).model_dump(mode="json", by_alias=True)


def _read(path: Path, folder: Path) -> object:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise SpikeforgeError(f"{path}: must be at most {MAX_BYTES} bytes, not {size}")
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise SpikeforgeError(
            f"{folder}: no run in this folder (there is no {JSON_NAME}); "
            f"do `spikeforge run --out {folder}` first"
        ) from None
    except OSError as error:
        raise SpikeforgeError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise SpikeforgeError(
            f"{path}: is not valid JSON ({error}); do `spikeforge run --out {folder}` again"
        ) from None


def _dump(record: Report) -> str:
    """One top-level key a line, so that a person can read the file and diff it."""
    content = record.model_dump(mode="json", by_alias=True)
    lines = (
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for key, value in content.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"
