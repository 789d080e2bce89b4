"""The crawl through a web of servers that mean no good, which must not mind.

:mod:`tests.support.hostile_servers` has the servers and their behaviours. ``tests/engine/test_hostile_crawl.py`` checks
these one by one, and ``python -m tests.benchmarks.hostile`` prints them with what came of each.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from quaero_desktop.domain.documents import Document, DocumentFilter
from quaero_desktop.domain.jobs import Cause, Job
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.services.compose import Services
from tests.support import hostile_servers
from tests.support.crawling import crawl, library, settings_with
from tests.support.hostile_servers import (
    AUTHORITY,
    GOOD_PAGES,
    RECORDED,
    ROBOTS_TRICKS,
    STORED,
    TLS_TRICKS,
    TRICKS,
    WARM_UP,
    Web,
)

FETCH_SECONDS = 1.5
PARSE_SECONDS = 5.0
SETTINGS = settings_with(
    queue={"max_attempts": 1},
    crawl={"per_host": 5, "host_failures": 0},  # one host has all the tricks, and each of them is wanted
    fetch={"total_seconds": FETCH_SECONDS, "connect_seconds": FETCH_SECONDS},
    parse={"processes": 2, "timeout_seconds": PARSE_SECONDS},
)
"""The limits of a person but for the time, of which there is a little, and a single try."""

PATIENCE_SECONDS = 100.0
"""How long all of it may take in a process of its own: a guard, no measure."""

EXPECTED: dict[str, frozenset[str]] = {trick.name: trick.expected for trick in (*TRICKS, *ROBOTS_TRICKS)} | TLS_TRICKS
"""Every behaviour and what its page may come to."""


NOT_FETCHED = frozenset(Cause) - {Cause.PARSE, Cause.PARSE_TIMEOUT, Cause.PARSE_CRASH}
"""Outcomes of pages that no parser saw."""
FETCH_BUDGET_SECONDS = FETCH_SECONDS + 2.5
"""What such a page may take, on a machine that does other things as well."""
PAGE_BUDGET_SECONDS = FETCH_BUDGET_SECONDS + PARSE_SECONDS * (
    1 + sum(Cause.PARSE_TIMEOUT in expected for expected in EXPECTED.values())
)
"""What any page may take, the wait for those that a parser holds on to included."""


@contextlib.contextmanager
def trusting_the_authority() -> Iterator[None]:
    """Let this process trust :data:`AUTHORITY`: through OpenSSL's own switch, as the product trusts the system's."""
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(AUTHORITY)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = before


# --- the crawl --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """What came of one page.

    Attributes:
        name: the behaviour.
        outcome: ``stored``, ``recorded``, a cause, or the status of a page that did not end.
        message: the reason, for a person.
        seconds: from its start to its end, the waiting for a parser included.
        document: what was stored of it.
    """

    name: str
    outcome: str
    message: str
    seconds: float
    document: Document | None = None


@dataclass
class Run:
    """What came of everything.

    Attributes:
        visits: by the behaviour's name.
        good: the outcomes of the good pages.
        problems: lines of the checks of the library that fail, and of what the process logged as a mistake of ours.
        texts: every text that is shown in a list or a log: titles, names, errors, log lines.
        grown: by how many bytes the crawler's process grew at most; neither servers nor parse processes are in it.
        seconds: how long it took.
    """

    visits: dict[str, Visit] = field(default_factory=dict)
    good: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    grown: int = 0
    seconds: float = 0.0


class _Problems(logging.Handler):
    """Keeps what is logged as an error, and what no task handled."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Note *record*."""
        self._lines.append(self.format(record))


class _Memory:
    """How much this process grows at most while the block runs."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self.most = self._process.memory_info().rss

    @property
    def grown(self) -> int:
        """Bytes beyond what it had before."""
        return self.most - self._before

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.most = max(self.most, self._process.memory_info().rss)
            await asyncio.sleep(0.02)


def run_alone(folder: Path, self_signed: Path) -> Run:
    """Do what :func:`run` does in a process of its own: how much this one grows depends on all that it did before.

    Args:
        folder: empty.
        self_signed: a certificate with its key that nobody vouches for.
    """
    answer = folder.with_suffix(".pickle")
    command = [sys.executable, "-m", __name__, str(folder), str(self_signed), str(answer)]
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS, cwd=Path(__file__).parents[2])
    made: Run = pickle.loads(answer.read_bytes())
    return made


async def run(folder: Path, self_signed: Path) -> Run:
    """Crawl all of it into a new library in *folder* and return what came of it.

    Args:
        folder: empty.
        self_signed: a certificate with its key that nobody vouches for.
    """
    result = Run()
    handler = _Problems(result.problems)
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: result.problems.append(f"loop: {context.get('message')} {context.get('exception')!r}")
    )
    logging.getLogger().addHandler(handler)
    started = time.monotonic()
    try:
        with trusting_the_authority(), hostile_servers.apart(self_signed) as web:
            async with library(folder, SETTINGS) as services:
                await _crawl_everything(services, web, result)
                report = await services.maintenance.verify()
                result.problems += [f"{check.name}: {check.detail}" for check in report.checks if not check.ok]
    finally:
        logging.getLogger().removeHandler(handler)
    result.seconds = time.monotonic() - started
    return result


async def _crawl_everything(services: Services, web: Web, result: Run) -> None:
    # What is loaded on first use, and SQLite's page cache, are no growth: honest pages as large fill them, too.
    await crawl(services, *(f"{web.site}{WARM_UP}{number}" for number in range(2)), obey_robots=False)
    memory = _Memory()
    watching = asyncio.create_task(memory.watch(), name="memory watch")
    try:
        details = await crawl(services, web.site + "/", delay_seconds=0.0)
        pages = await _pages(services, details.job.id, result)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    result.grown = memory.grown
    for trick in TRICKS:
        result.visits[trick.name] = await _visit(services, trick.name, web.site + trick.path, pages)
    for number in range(GOOD_PAGES):
        result.good.append((await _visit(services, "good", f"{web.site}/good/{number}", pages)).outcome)

    for seeds, obey_robots in ((web.robots, True), (web.tls, False)):
        details = await crawl(services, *seeds.values(), delay_seconds=0.0, depth=0, obey_robots=obey_robots)
        pages = await _pages(services, details.job.id, result)
        for name, url in seeds.items():
            result.visits[name] = await _visit(services, name, url, pages)


async def _pages(services: Services, root_id: int, result: Run) -> dict[str, Job]:
    jobs = (await services.jobs.page(JobFilter(parent=root_id, limit=None))).jobs
    lines = await services.jobs.logs(root_id, level="debug", limit=None, children=True)
    result.texts += [text for job in jobs for text in (job.name, job.error or "")]
    result.texts += [line.message for line in lines]
    return {job.url: job for job in jobs if job.url is not None}


async def _visit(services: Services, name: str, url: str, pages: dict[str, Job]) -> Visit:
    job = pages[url]
    seconds = 0.0
    seen = set()
    while True:
        seen.add(url)
        seconds += ((job.completed_at or 0) - (job.started_at or 0)) / 1000
        target = (job.result or {}).get("redirect")
        if target is None or target in seen or target not in pages:
            break
        url, job = target, pages[target]
    documents = (await services.library.documents(DocumentFilter(query=url, limit=None))).documents
    found = [each for each in documents if each.url == url]
    document = await services.library.document(found[0].id) if found else None
    if job.status == "failed":
        return Visit(name, job.cause or "no cause", job.error or "", seconds, document)
    if job.status == "completed":
        outcome = STORED if document is not None else RECORDED
        return Visit(name, outcome, "" if job.result is None else str(job.result), seconds, document)
    return Visit(name, job.status, job.error or "", seconds, document)


def main() -> None:
    """Run it and leave what came of it as a pickle: ``python -m tests.support.hostile FOLDER CERTIFICATE ANSWER``."""
    # Under its own name, so that who reads the pickle finds the classes.
    from tests.support import hostile

    folder, self_signed, answer = map(Path, sys.argv[1:])
    answer.write_bytes(pickle.dumps(asyncio.run(hostile.run(folder, self_signed))))


if __name__ == "__main__":
    main()
