"""The parts of a step: a job for each document that its first job asks for, and what comes of them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.documents import Change
from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.outcomes import CorpusSummary, Part, Summarised, Transformed
from quaero_desktop.domain.queue import NewMessage
from quaero_desktop.domain.text import single_line
from quaero_desktop.domain.words import counted
from quaero_desktop.storage import documents, summaries
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.jobs import joblog, running
from quaero_desktop.storage.jobs.running import RunningJob
from quaero_desktop.storage.queue import Queue

_encode = msgspec.json.Encoder().encode


def spawn(tx: Tx, queue: Queue, planner: RunningJob, wanted: Sequence[Part], mark: dict[str, Any]) -> int:
    """Add the jobs that a planner asks for, with their messages, and note how far it is; return how many."""
    phase = tx.value("SELECT phase FROM jobs WHERE id = ?", (planner.id,))
    for part in wanted:
        payload = _encode(part.payload).decode() if part.payload else None
        job_id = tx.execute(
            "INSERT INTO jobs (parent_id, root_id, type, phase, status, step, name, document_id, payload, created_at,"
            " revision) VALUES (?, ?, ?, ?, 'pending', ?, ?, (SELECT id FROM documents WHERE id = ?), ?, ?, ?)",
            (
                planner.root_id, planner.root_id, part.type, phase, planner.step, single_line(part.name),
                part.document_id, payload, tx.now, tx.revision,
            ),
        ).lastrowid  # fmt: skip
        message = NewMessage(type=part.type, payload=part.payload, job_id=job_id, root_id=planner.root_id)
        queue.send(tx, message)
    # With the parts and not after them: a crash asks for nothing twice, and for everything once.
    text = _encode(mark).decode()
    tx.execute("UPDATE messages SET payload = ? WHERE job_id = ?", (text, planner.id))
    tx.execute("UPDATE jobs SET payload = ?, revision = ? WHERE id = ?", (text, tx.revision, planner.id))
    tx.execute("UPDATE jobs SET revision = ? WHERE id = ?", (tx.revision, planner.root_id))
    return len(wanted)


def complete(tx: Tx, job: RunningJob, outcome: Transformed | Summarised | CorpusSummary) -> None:
    """Store what came of a part, or of the documents of a run together."""
    match outcome:
        case Transformed(document_id=document_id, page=page):
            change = documents.transform(tx, document_id, page)
            said = "Extracted again: its text is another" if change == Change.CHANGED else "Its text is the same"
            _end(tx, job, document_id, None if change is None else {"change": change}, said)
        case Summarised(document_id=document_id, method=method):
            stored = summaries.store(tx, outcome)
            _end(tx, job, document_id, {"method": method} if stored else None, f"Summarised ({method})")
        case _:
            result = msgspec.structs.asdict(outcome)
            running.end(tx, job, Status.COMPLETED, result=result)
            tx.execute(
                "UPDATE jobs SET result = json_patch(coalesce(result, '{}'), ?), revision = ? WHERE id = ?",
                (_encode(result).decode(), tx.revision, job.root_id),
            )
            said = f"Summarised {counted(outcome.documents, 'document')}"
            joblog.write(tx, job.id, job.root_id, "info", said)


def _end(tx: Tx, job: RunningJob, document_id: int, result: dict[str, Any] | None, said: str) -> None:
    """End a part; without a *result* its document is not there any more."""
    if result is None:
        running.end(tx, job, Status.COMPLETED, result={"reason": "deleted"})
        said = "Its document was deleted meanwhile"
    else:
        running.end(tx, job, Status.COMPLETED, document_id=document_id, result=result)
    joblog.write(tx, job.id, job.root_id, "info", said)
