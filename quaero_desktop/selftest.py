"""The self-test: a fresh library, a crawl of one page of our own through a parse process, a search, a picture."""

import asyncio
import contextlib
import ipaddress
import sys
import tempfile
from pathlib import Path

from quaero_desktop.app import Desktop, make_application, with_desktop
from quaero_desktop.domain.jobs import TERMINAL_STATUSES
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.services import configuration
from quaero_desktop.services.crawlrequest import CrawlRequest

_LOOPBACK = str(ipaddress.IPv4Address(0x7F000001))
_PATIENCE_SECONDS = 60.0
_PAGE = b"""<!doctype html><html lang="en"><title>Quaero tests itself</title>
<main><h1>Quaero tests itself</h1><p>This page went through a request, a parse process, the queue, the library and its
index, and a search for the word <em>aardvark</em> finds it.</p></main></html>"""


def main(picture: Path) -> int:
    """Test everything, write what the window looks like to *picture*, and return 0 when all went well."""
    application = make_application()
    with tempfile.TemporaryDirectory(prefix="quaero-self-test-") as folder:
        files = LibraryFiles(Path(folder, "library"))
        preferences = configuration.read({"QUAERO_CONFIG": str(Path(folder, "settings.toml"))})
        problem = with_desktop(application, files, preferences, lambda desktop: _test(desktop, picture))
    if problem:
        sys.stderr.write(f"The self-test failed: {problem}\n")
        return 1
    return 0


async def _test(desktop: Desktop, picture: Path) -> str:
    bugs: list[str] = []
    desktop.reporter.crashed.connect(bugs.append)
    running = asyncio.get_running_loop().create_task(desktop.run(()))
    try:
        problem = await asyncio.wait_for(_use(desktop, picture), _PATIENCE_SECONDS)
    except TimeoutError:
        problem = f"it took more than {_PATIENCE_SECONDS:.0f} seconds"
    finally:
        desktop.stop()
        await running
    return problem or "\n".join(bugs)


async def _use(desktop: Desktop, picture: Path) -> str:
    await desktop.shown.wait()
    assert desktop.context is not None
    assert desktop.window is not None
    services = desktop.context.services
    changed = asyncio.Event()
    desktop.context.feed.updated.connect(lambda _: changed.set())
    server = await asyncio.start_server(_serve, _LOOPBACK, 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        request = CrawlRequest(urls=(f"http://{host}:{port}/",), delay_seconds=0.0, obey_robots=False)
        job_id = await services.jobs.start_crawl(request)
        while (job := await services.jobs.get(job_id)).status not in TERMINAL_STATUSES:
            changed.clear()
            await changed.wait()
        if job.status != "completed":
            return f"the crawl ended as {job.status}: {job.error}"
    found = await services.library.search("aardvark")
    if found.total_count != 1:
        return f"a search found {found.total_count} documents instead of one"
    report = await services.maintenance.verify()
    if not report.ok:
        return "the library is not sound: " + "; ".join(check.name for check in report.checks if not check.ok)
    desktop.window.show_job(job_id)
    await asyncio.sleep(0.5)  # a look at the finished job, drawn: nothing else depends on it
    if not desktop.window.grab().save(str(picture)):
        return f"the picture could not be written to {picture}"
    return ""


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(_PAGE)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + _PAGE)
        await writer.drain()
    writer.close()
