"""What came of a run of a definition, as ``definitions run --wait`` and ``jobs rerun --wait`` tell it."""

from typing import TYPE_CHECKING

import msgspec

from quaero_desktop.cli import output
from quaero_desktop.domain.definitions import StepState
from quaero_desktop.domain.documents import changes_in_words, is_recrawl
from quaero_desktop.domain.jobs import Job, Status
from quaero_desktop.domain.listing import RootDetails

if TYPE_CHECKING:
    from rich.text import Text

    from quaero_desktop.cli.context import Options


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What ``definitions run --wait --json`` prints.

    Attributes:
        warnings: how many of its children failed, where it completed all the same.
        steps: where each came to.
        changes: how many of the documents are new, changed and unchanged, and how many are gone since (D4).
        seconds: from the start of the engine to the last commit.
    """

    job_id: int
    definition_id: int | None
    status: str
    warnings: int
    steps: tuple[StepState, ...]
    pages: int
    documents: int
    changes: dict[str, int]
    failed: int
    seconds: float
    error: str | None


def result(job: Job, root: RootDetails, seconds: float) -> RunResult:
    """Return what came of a run.

    Args:
        job: its root.
        root: what it did.
        seconds: from the start of the engine to the last commit.
    """
    return RunResult(
        job_id=job.id,
        definition_id=job.definition_id,
        status=job.status,
        warnings=job.warnings,
        steps=root.steps,
        pages=job.pages,
        documents=root.documents,
        changes=root.changes,
        failed=job.failed_children,
        seconds=round(seconds, 3),
        error=job.error,
    )


def print_result(options: "Options", job: Job, result: RunResult) -> None:
    """Say what came of a run, with a line for each step."""
    line = output.status_text(job.status, job.warnings)
    line.append(f"  {output.one_line(job.name)}: {output.duration(result.seconds)}", "default")
    output.lines(line, *([job.error] if job.error else []))
    print_steps(result.steps)
    print_summary(job)
    if is_recrawl(result.changes):
        output.lines(changes_in_words(result.changes))
    if result.failed or job.status == Status.FAILED:
        options.advise(f"Why: quaero jobs show {job.id}")


def print_steps(steps: tuple[StepState, ...]) -> None:
    """Print a line for each step of a run."""
    rows: list[list[str | Text]] = [
        [
            str(step.number),
            output.status_text(step.status),
            step.name,
            _what_came_of(step),
        ]
        for step in steps
    ]
    output.table(("", "", "", ""), rows)


def print_summary(job: Job) -> None:
    """Print the summary of all that a run collected, where it made one."""
    from rich.text import Text

    made = job.result or {}
    if made.get("summary"):
        output.lines("")
        output.wrapped(Text(output.safe(str(made["summary"]))))
    if made.get("keywords"):
        output.lines("")
        output.wrapped(Text(output.one_line(f"Keywords: {', '.join(map(str, made['keywords']))}")))


def _what_came_of(step: StepState) -> str:
    said = [output.count(step.documents, "document")] if step.documents else []
    if step.started_at is not None and step.completed_at is not None:
        said.append(output.duration((step.completed_at - step.started_at) / 1000))
    if step.tries > 1:
        said.append(f"begun {step.tries} times")
    if step.retry_at is not None:
        said.append(f"again at {output.moment(step.retry_at)}")
    if step.error:
        said.append(step.error)
    return ", ".join(said)
