"""``quaero`` that kills itself once, at a given point of a given job: ``reindex:before``, ``summarise:after`` ...

``before`` is when the job is handed to its executor, ``after`` is when its outcome is there and not yet stored, and
``spawned`` when the first job of a step has asked for its parts. Its parse processes die with it.
"""

import os
import signal
import sys
from typing import Any
from unittest import mock

from quaero_desktop.__main__ import command_line


def end_this_process() -> None:
    """End as ``kill -9`` does it."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_in(job_type: str, point: str) -> None:
    """Let the first job of a type end the process at *point*."""
    from quaero_desktop.engine.executors.registry import Registry
    from quaero_desktop.storage.ledger import Ledger

    run, spawn = Registry.run, Ledger.spawn

    async def run_or_die(registry: Any, job: Any, root: Any) -> Any:
        if point == "before" and job.type == job_type:
            end_this_process()
        outcome = await run(registry, job, root)
        if point == "after" and job.type == job_type:
            end_this_process()
        return outcome

    async def spawn_and_die(ledger: Any, job_id: int, parts: Any, mark: Any) -> Any:
        await spawn(ledger, job_id, parts, mark)
        if point == "spawned" and parts[0].type == job_type:
            end_this_process()

    mock.patch.object(Registry, "run", run_or_die).start()
    mock.patch.object(Ledger, "spawn", spawn_and_die).start()


if __name__ == "__main__":
    die_in(*sys.argv.pop(1).split(":"))
    command_line()
