"""A recording server on a thread of its own, for tests that run `quaero` as a call or as a process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.recording_server import RecordingServer


@contextmanager
def in_background(server: RecordingServer) -> Iterator[RecordingServer]:
    """Let *server* serve for the length of the block."""
    loop = asyncio.new_event_loop()
    started, ended = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with server.running():
            started.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(5)
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
