"""``quaero`` with a mistake in it: one page ends the whole process, at a given point of its way."""

import os
import signal
import sys
from typing import Any

from quaero_desktop.__main__ import command_line


def end_this_process() -> None:
    """End as a segmentation fault does: without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def poison(point: str, path: str) -> None:
    """Let the page at *path* end the process at *point*: as its body comes in, or as it is stored."""
    from quaero_desktop.storage import documents
    from quaero_desktop.web.fetcher import Fetcher

    if point == "body":
        read_body = Fetcher._result

        async def result(self: Fetcher, url: str, *arguments: Any) -> Any:
            if url.endswith(path):
                end_this_process()
            return await read_body(self, url, *arguments)

        Fetcher._result = result  # type: ignore[method-assign]
    else:
        store = documents.store

        def store_or_die(tx: Any, outcome: Any, source_id: Any) -> int:
            if outcome.fetched.url.endswith(path):
                end_this_process()
            return store(tx, outcome, source_id)

        documents.store = store_or_die


if __name__ == "__main__":
    poison(*sys.argv.pop(1).split("@"))
    command_line()
