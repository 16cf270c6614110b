"""The HTML report, rendered from result files only."""

from scalelaw.report.render import render_report

__all__ = ["render_report"]
