"""Steps that do something with each document: their first job asks for one job for each of those."""

from collections.abc import Callable

from quaero_desktop.domain.jobs import JobRef
from quaero_desktop.domain.outcomes import Outcome, Part, Recorded
from quaero_desktop.domain.ports import LedgerPort, MaterialPort

PART = 500
"""How many jobs are asked for in one transaction."""


async def plan(
    job: JobRef,
    ledger: LedgerPort,
    material: MaterialPort,
    part: Callable[[int, str], Part],
    *,
    with_source: bool = False,
) -> Outcome:
    """Ask for a job for each document that the step of *job* is about; after a crash it goes on where it was.

    Args:
        job: the first job of its step; its payload says how far it is: ``{"plan": true, "after": ID, "asked": N}``.
        ledger: stores what is asked for, together with how far this is.
        material: the documents.
        part: makes a part of the id of a document and its title.
        with_source: only documents of which is kept what their server had sent.
    """
    after, asked = int(job.payload.get("after", 0)), int(job.payload.get("asked", 0))
    while documents := await material.documents(job.root_id, job.step, after, PART, with_source=with_source):
        after = documents[-1].id
        asked += len(documents)
        mark = job.payload | {"after": after, "asked": asked}
        await ledger.spawn(job.id, [part(document.id, document.title) for document in documents], mark)
    return Recorded(
        result={"documents": asked},
        message=f"{asked:,} document{'' if asked == 1 else 's'} to do" if asked else "There are no documents to do",
    )
