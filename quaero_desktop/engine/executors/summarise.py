"""The executor of ``summarise``: what documents say in short, each in a job of its own."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from quaero_desktop.domain.errors import KnownError, ModelError, NotFoundError, SecretError, UsageError
from quaero_desktop.domain.jobs import Cause, JobRef, JobType
from quaero_desktop.domain.outcomes import Failed, Outcome, Part, Recorded, Summarised
from quaero_desktop.domain.ports import LedgerPort
from quaero_desktop.domain.stepoptions import CorpusSummaryOptions, SummariseOptions, parse
from quaero_desktop.domain.summaries import EXTRACTIVE, StoredSummary
from quaero_desktop.domain.text import single_line
from quaero_desktop.engine.executors.planning import plan
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.engine.summarising import Made, Model, Models, Summariser
from quaero_desktop.infra.clock import Clock

Options = TypeVar("Options", SummariseOptions, CorpusSummaryOptions)

_AWAY_MS = 5_000
"""How long a model that was away is not asked again: ten thousand documents would each wait for it."""

_NO_MODEL = "There is no language model to ask: none is set up. Set summaries.endpoint, or use the method extractive."


class _Asking:
    """Lets only so many ask the model at a time, and nobody for a while after it was away."""

    def __init__(self, models: Models, clock: Clock) -> None:
        self._models = models
        self._clock = clock
        self._free = asyncio.Condition()
        self._asking = 0
        self._away_until = 0
        self._away: ModelError | None = None

    async def ask(self, work: Callable[[], Awaitable[Made]]) -> Made:
        async with self._free:
            await self._free.wait_for(lambda: self._asking < self._models.at_once)
            self._asking += 1
        try:
            if (away := self._away) is not None and self._is_away():
                raise ModelError(away.message, away.hint, cause=away.cause, is_passing=away.is_passing)
            made = await work()
        except ModelError as error:
            if error.cause in (Cause.CONNECT, Cause.DNS, Cause.TIMEOUT) and not self._is_away():
                self._away, self._away_until = error, self._clock.now_ms() + _AWAY_MS
            raise
        else:
            self._away, self._away_until = None, 0
            return made
        finally:
            async with self._free:
                self._asking -= 1
                self._free.notify()

    def _is_away(self) -> bool:
        return self._clock.now_ms() < self._away_until


class SummariseExecutor:
    """Asks for a job for each document of its step, and summarises one in each of those.

    A document whose summary is that of its text of now, by the same method, is left as it is.

    Args:
        ledger: stores what is asked for, and reads documents.
        summariser: makes the summaries.
        models: the language model of the settings.
        clock: time.
    """

    def __init__(self, ledger: LedgerPort, summariser: Summariser, models: Models, clock: Clock) -> None:
        self._ledger = ledger
        self._summariser = summariser
        self._models = models
        self._asking = _Asking(models, clock)

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; see :class:`quaero_desktop.engine.executors.registry.Executor`."""
        try:
            options = options_of(SummariseOptions, JobType.SUMMARISE, root.options)
            model = await model_for(options.method, self._models)
            if job.payload.get("plan"):
                return await self._plan(job, model)
            return await self._summarise(job, options, model)
        except (ModelError, SecretError, UsageError) as error:
            return failed(error)

    async def _plan(self, job: JobRef, model: Model | None) -> Outcome:
        if model is not None and not job.payload.get("after"):
            # Said once, and not by each of ten thousand documents.
            await model.check()
        return await plan(job, self._ledger, self._ledger.material, _part)

    async def _summarise(self, job: JobRef, options: SummariseOptions, model: Model | None) -> Outcome:
        if job.document_id is None:
            return _deleted()
        try:
            document = await self._ledger.summaries.text(job.document_id)
        except NotFoundError:
            return _deleted()
        if await _is_done(document.summary, model):
            return Recorded(result={"change": "unchanged"}, message="Its summary is that of its text of now")
        sentences = options.sentences or self._models.sentences

        async def make() -> Made:
            return await self._summariser.document(document, sentences=sentences, model=model)

        made = await (make() if model is None else self._wait_for(job, make))
        return Summarised(
            document_id=document.id,
            content_hash=document.content_hash,
            method=made.method,
            summary=made.summary,
            keywords=made.keywords,
        )

    async def _wait_for(self, job: JobRef, make: Callable[[], Awaitable[Made]]) -> Made:
        """Ask the model. What it takes is no crime of the document when the process dies meanwhile once more (Q7)."""
        if job.crashes:
            with contextlib.suppress(KnownError):
                await self._ledger.wait_elsewhere(job.id, True)
        try:
            return await self._asking.ask(make)
        finally:
            if job.crashes:
                with contextlib.suppress(KnownError):
                    await self._ledger.wait_elsewhere(job.id, False)


def options_of(kind: type[Options], action: str, options: dict[str, Any]) -> Options:
    """Return the options of a step.

    Raises:
        UsageError: an old row holds what makes no sense.
    """
    checked = parse(action, options)
    assert isinstance(checked, kind)
    return checked


async def model_for(method: str, models: Models) -> Model | None:
    """Return who writes the summaries; None to take them out of the text.

    Raises:
        UsageError: a model is wanted, and none is set up.
    """
    if method == EXTRACTIVE or (method == "auto" and not models.is_set):
        return None
    model = await models.model()
    if model is None:
        raise UsageError(_NO_MODEL)
    return model


async def _is_done(summary: StoredSummary | None, model: Model | None) -> bool:
    if summary is None or summary.stale:
        return False
    if model is None:
        return summary.method == EXTRACTIVE
    return summary.method.partition(", from a part")[0] == single_line(await model.name(), 200)


def _part(document_id: int, title: str) -> Part:
    return Part(type=JobType.SUMMARISE, name=title, document_id=document_id, payload={"document": document_id})


def _deleted() -> Recorded:
    return Recorded(result={"reason": "deleted"}, message="Its document was deleted meanwhile")


def failed(error: ModelError | SecretError | UsageError) -> Failed:
    """Return the outcome of a job that could not be done."""
    message = f"{error.message} {error.hint}".strip()
    if not isinstance(error, ModelError):
        return Failed(cause=Cause.MODEL, message=message)
    is_ours = error.cause in (Cause.PARSE, Cause.PARSE_TIMEOUT, Cause.PARSE_CRASH)
    cause = Cause(error.cause) if is_ours else Cause.MODEL
    return Failed(cause=cause, message=message, retryable=error.is_passing)
