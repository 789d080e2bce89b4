"""What the tree of jobs says about a cell in its tool tip."""

import html

from PySide6.QtCore import QCoreApplication

from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.words import CAUSES, status_words
from quaero_desktop.ui import format as written
from quaero_desktop.ui.models.jobnode import Column, Node

_SEEDS = 5
_LENGTH = 500
"""The most characters of a line: more is never read in a tool tip."""


def job_tip(node: Node, column: Column) -> str:
    """Return more about a cell, marked as rich text, since what is not might be taken for it; empty for no more."""
    lines = "<br>".join(html.escape(written.clean(line, _LENGTH)) for line in _lines(node, column))
    return f"<qt>{lines}</qt>" if lines else ""


def _lines(node: Node, column: Column) -> list[str]:
    job = node.job
    tr = QCoreApplication.translate
    match column:
        case Column.NAME:
            lines = [job.name] if job.url is None else [job.url]
            if job.is_root:
                lines += [seed for seed in job.seeds if seed != job.name][:_SEEDS]
            return lines
        case Column.STATUS:
            words = status_words(job.status, job.warnings)
            cause = CAUSES.get(job.cause or "", "")
            lines = [f"{words}: {cause}" if cause and cause != words.partition(" ")[2] else words]
            return [*lines, job.error] if job.error else lines
        case Column.PROGRESS if job.child_count:
            done, failed, left = (written.count(number) for number in node.parts)
            return [tr("JobTreeModel", "%s done, %s failed, %s left") % (done, failed, left)]
        case Column.RATE if node.rate is not None and job.status != Status.RUNNING:
            return [tr("JobTreeModel", "%s on average") % written.rate(node.rate)]
        case Column.CREATED:
            return [written.exact(job.created_at)]
        case Column.STARTED:
            return [written.exact(job.started_at)]
    return []
