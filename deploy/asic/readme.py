"""The README beside the files: commands, assumptions, and what was not done."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from deploy.asic.constraints import DERATE, INPUT_SHARE, OUTPUT_SHARE
from deploy.asic.design import TOP
from deploy.asic.floorplan import CELL_SHARE, CHANNEL_UM
from deploy.asic.pdk import PDKS
from hw.interface import Port

__all__ = ["readme"]


def readme(record: dict[str, Any], ports: Iterable[Port]) -> str:
    """Text of the README.

    Args:
        record: As in ``asic.json``, files left out.
        ports: Of the top.
    """
    text = files("deploy.asic").joinpath("readme.md.j2").read_text(encoding="utf-8")
    page = Environment(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    return page.from_string(text).render(
        record, ports=list(ports), top=TOP, gate=PDKS[record["pdk"]["name"]].gate.name,
        input_percent=100 * INPUT_SHARE, output_percent=100 * OUTPUT_SHARE,
        derate_percent=100 * DERATE, cell_percent=100 * CELL_SHARE, channel_um=CHANNEL_UM,
    )  # fmt: skip
