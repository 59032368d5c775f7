"""The report of a run: screen table, ``report.json``, and a page that a person enjoys."""

from __future__ import annotations

from deploy.report.page import render_html
from deploy.report.screen import summary_table
from deploy.report.store import load_report, write_report

__all__ = ["load_report", "render_html", "summary_table", "write_report"]
