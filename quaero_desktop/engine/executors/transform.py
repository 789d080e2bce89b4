"""The executor of ``transform``: stored pages are extracted again, from what their servers had sent, with no fetch."""

from quaero_desktop.domain.jobs import Cause, JobRef, JobType
from quaero_desktop.domain.outcomes import Failed, Outcome, Part, Recorded, Transformed
from quaero_desktop.domain.pages import PageInput, ParseFailed
from quaero_desktop.domain.ports import LedgerPort, MaterialPort
from quaero_desktop.engine.executors.crawler import Parser
from quaero_desktop.engine.executors.planning import plan
from quaero_desktop.engine.roots import RootContext


class Transformer:
    """Asks for a job for each document, and performs each of those.

    Args:
        ledger: stores what is asked for.
        material: the documents and what their servers had sent.
        parser: extracts.
    """

    def __init__(self, ledger: LedgerPort, material: MaterialPort, parser: Parser) -> None:
        self._ledger = ledger
        self._material = material
        self._parser = parser

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; see :class:`quaero_desktop.engine.executors.registry.Executor`."""
        if job.payload.get("plan"):
            return await plan(job, self._ledger, self._material, _part, with_source=True)
        if job.document_id is None:
            return Recorded(result={"reason": "deleted"}, message="Its document was deleted meanwhile")
        source = await self._material.page_source(job.document_id)
        if source is None:
            return Recorded(result={"reason": "no source"}, message="What its server had sent is not kept")
        page = PageInput(url=source.url, body=source.body, content_type=source.content_type, charset=source.charset)
        result = await self._parser.parse(page)
        if isinstance(result, ParseFailed):
            return Failed(cause=result.cause, message=result.message, retryable=True)
        if result.kind == "other":
            return Failed(cause=Cause.PARSE, message="What its server had sent is not taken for a text any more.")
        return Transformed(document_id=job.document_id, page=result)


def _part(document_id: int, title: str) -> Part:
    return Part(type=JobType.TRANSFORM, name=title, document_id=document_id, payload={"document": document_id})
