"""The executor of ``corpus_summary``: what all documents of a run together say in short."""

from typing import Final

from quaero_desktop.domain.errors import ModelError, NotFoundError, SecretError, UsageError
from quaero_desktop.domain.jobs import JobRef, JobType
from quaero_desktop.domain.outcomes import CorpusSummary, Outcome, Recorded
from quaero_desktop.domain.ports import LedgerPort
from quaero_desktop.domain.stepoptions import CorpusSummaryOptions
from quaero_desktop.domain.summaries import CollectedDocument, Digest
from quaero_desktop.engine.executors.summarise import failed, model_for, options_of
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.engine.summarising import Models, Summariser

MAX_SAMPLE: Final = 2_000
"""Documents that the summary of a collection is made from; of more, a fair sample."""

_MAX_UNREAD = 500
"""How many of those may be without a summary of their own and are read for it."""


class CorpusSummaryExecutor:
    """Summarises all documents that its step is about, from their summaries.

    Args:
        ledger: reads documents.
        summariser: makes the summaries.
        models: the language model of the settings.
    """

    def __init__(self, ledger: LedgerPort, summariser: Summariser, models: Models) -> None:
        self._ledger = ledger
        self._summariser = summariser
        self._models = models

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; see :class:`quaero_desktop.engine.executors.registry.Executor`."""
        try:
            options = options_of(CorpusSummaryOptions, JobType.CORPUS_SUMMARY, root.options)
            model = await model_for(options.method, self._models)
            collection = await self._ledger.summaries.collection(job.root_id, job.step, MAX_SAMPLE)
            if not collection.total:
                return Recorded(result={"documents": 0}, message="There are no documents to summarise")
            digests = await self._digests(collection.documents)
            made = await self._summariser.corpus(
                digests,
                sentences=options.sentences or self._models.sentences,
                keywords=options.keywords,
                model=model,
            )
        except (ModelError, SecretError, UsageError) as error:
            return failed(error)
        return CorpusSummary(
            summary=made.summary, keywords=made.keywords, documents=collection.total, method=made.method
        )

    async def _digests(self, documents: tuple[CollectedDocument, ...]) -> list[Digest]:
        """Return what the documents say in short; of those that nobody has summarised some are read for it."""
        unread = [document.id for document in documents if document.digest is None]
        step = max(1, -(-len(unread) // _MAX_UNREAD))
        to_read = frozenset(unread[::step])
        digests: list[Digest] = []
        for document in documents:
            if document.digest is not None:
                digests.append(document.digest)
            elif document.id in to_read:
                try:
                    text = await self._ledger.summaries.text(document.id)
                    digests.append(await self._summariser.digest(text, document.level))
                except (NotFoundError, ModelError):
                    continue  # one hostile page says nothing about the others
        return digests
