"""The exactness table: which pairs of models were compared, on how many images, how they differ."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.report.detail import Link
from deploy.report.schema import Report
from deploy.report.words import NOT_MEASURED, NOT_RUN, count

__all__ = ["LinkRow", "Verdict", "link_rows", "verdict"]


@dataclass(frozen=True, kw_only=True)
class LinkRow:
    """One link as shown; ``state`` is ``exact``, ``differs`` or ``open`` (not run)."""

    link: str
    what: str
    images: str
    mismatches: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The exactness table in one sentence; ``state`` as in :class:`LinkRow`."""

    state: str
    text: str


def link_rows(report: Report) -> list[LinkRow]:
    """Rows of the exactness table; without ``detail.links``, those that ``exact`` tells."""
    return [_shown(link) for link in _links(report)]


def verdict(report: Report) -> Verdict:
    """Say whether everything compared was equal, and what was not compared at all."""
    links = _links(report)
    found = sum(link.mismatches or 0 for link in links)
    if found:
        where = ", ".join(link.link for link in links if link.mismatches)
        return Verdict(state="differs", text=f"Not exact: {found:,} mismatches ({where}).")
    proven = [link for link in links if link.images and link.mismatches == 0]
    missing = [link.link for link in links if link not in proven]
    if not proven:
        return Verdict(state="open", text="Nothing was compared in this run.")
    if missing:
        text = f"No difference on {len(proven)} of {len(links)} links; not run: "
        return Verdict(state="open", text=text + ", ".join(missing) + ".")
    return Verdict(
        state="exact",
        text=f"Exact: no difference on any of the {len(links)} links, on any image tried.",
    )


def _links(report: Report) -> list[Link]:
    if report.detail.links is not None:
        return report.detail.links
    exact = report.exact
    return [
        Link(link="integer reference = RTL, compiled", what="class",
             images=exact.images, mismatches=exact.class_mismatches),
        Link(link="cycle model = RTL, compiled", what="cycles",
             images=exact.images, mismatches=exact.cycle_mismatches),
        Link(link="integer reference = RTL, through cocotb", what="every event, class, membranes",
             images=exact.event_images, mismatches=exact.event_mismatches),
    ]  # fmt: skip


def _shown(link: Link) -> LinkRow:
    if not link.images:
        return LinkRow(
            link=link.link, what=link.what, images=NOT_RUN, mismatches=NOT_RUN, state="open"
        )
    state = {None: "open", 0: "exact"}.get(link.mismatches, "differs")
    return LinkRow(
        link=link.link, what=link.what, images=count(link.images),
        mismatches=count(link.mismatches, missing=NOT_MEASURED), state=state,
    )  # fmt: skip
