"""Which executor performs which type of job (J6)."""

from typing import Protocol

from quaero_desktop.domain.jobs import Cause, JobRef
from quaero_desktop.domain.outcomes import Failed, Outcome
from quaero_desktop.engine.roots import RootContext


class Executor(Protocol):
    """Performs one type of job."""

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job* and return what came of it.

        What the world does wrong is an outcome. An exception is a bug: it fails this job and nothing else.
        """


class Registry:
    """Finds the executor of a job."""

    def __init__(self) -> None:
        self._executors: dict[str, Executor] = {}

    def register(self, job_type: str, executor: Executor) -> None:
        """Let *executor* perform the jobs of *job_type*."""
        self._executors[job_type] = executor

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; one of an unknown type fails with a clear message."""
        executor = self._executors.get(job.type)
        if executor is None:
            return Failed(cause=Cause.NO_EXECUTOR, message=f"no executor registered for job type {job.type}")
        return await executor.run(job, root)
