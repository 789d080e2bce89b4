"""``quaero`` with a mistake in it: one page ends the whole process, at a given point of its way."""

import os
import signal
import sys
from typing import Any
from unittest import mock

from quaero_desktop.__main__ import command_line


def end_this_process() -> None:
    """End as a segmentation fault does: without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def poison(point: str, path: str) -> None:
    """Let the page at *path* end the process at *point*: as its body comes in, or as it is stored."""
    from quaero_desktop.storage import documents
    from quaero_desktop.web.fetcher import Fetcher

    read_answer, store = Fetcher._result, documents.store

    def read_or_die(fetcher: Fetcher, url: str, *arguments: Any) -> Any:
        if url.endswith(path):
            end_this_process()
        return read_answer(fetcher, url, *arguments)

    def store_or_die(tx: Any, outcome: Any, *arguments: Any) -> Any:
        if outcome.fetched.url.endswith(path):
            end_this_process()
        return store(tx, outcome, *arguments)

    if point == "body":
        mock.patch.object(Fetcher, "_result", read_or_die).start()
    else:
        mock.patch.object(documents, "store", store_or_die).start()


if __name__ == "__main__":
    poison(*sys.argv.pop(1).split("@"))
    command_line()
