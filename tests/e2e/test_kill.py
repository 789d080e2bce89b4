"""``kill -9`` at any moment: nothing is lost, nothing is stored twice, and work goes on at once (the promise, Q7)."""

import logging
import os
import random
import signal
import statistics
import time
from dataclasses import dataclass, replace
from enum import StrEnum

import pytest

from tests.e2e.quaero import QuaeroLibrary, Running, wait_until
from tests.support.site import GeneratedSite, page_number, serving

_log = logging.getLogger(__name__)

KILLS = int(os.environ.get("QUAERO_TEST_KILLS", "60"))
"""A long run: ``QUAERO_TEST_KILLS=200 QUAERO_TEST_SEED=7 pytest tests/e2e/test_kill.py --log-cli-level=info``."""
SEED = int(os.environ.get("QUAERO_TEST_SEED", "1"))

PAGES = max(500, 500 * KILLS // 60)
"""The more kills, the more pages, so that none of them hits a crawl that is finished."""
WORKERS = 3
LATENCY_SECONDS = 60 * WORKERS / 500
"""Undisturbed, 500 pages take a minute."""
VERIFY_EVERY = 12
TRIES = "FROM attempts JOIN jobs ON jobs.id = job_id WHERE type = 'crawler_url'"
RESUME_SECONDS = 2.0
SLOW_MACHINE_SECONDS = 8.0
"""What a process may need on a shared machine on top, to start up."""


class Moment(StrEnum):
    """When a process is killed."""

    AT_ONCE = "in the first 300 ms after the first commit"
    LATER = "later, with pages done and pages under way"
    RECOVERY = "after it took the lock and before its first commit"


class SlowPages(GeneratedSite):
    """A site whose pages are slow; robots.txt is not, or a short life would never see a page."""

    def latency_of(self, path: str) -> float:
        """Return how many seconds the answer for *path* takes."""
        return self.options.latency if page_number(path) is not None else 0.0


@dataclass(frozen=True)
class Kill:
    """A kill to come: *seconds* after what *moment* says."""

    moment: Moment
    seconds: float


def planned_kills(number: int, seed: int) -> list[Kill]:
    """Return kills at random times: a third at once after the first commit, a sixth during recovery."""
    choose = random.Random(f"kills {seed}")
    kills = [
        Kill(Moment.AT_ONCE, choose.uniform(0, 0.3))
        if i % 3 == 0
        else Kill(Moment.RECOVERY, choose.uniform(0, 0.05))
        if i % 6 == 1
        else Kill(Moment.LATER, choose.uniform(0.3, 2.5))
        for i in range(number)
    ]
    choose.shuffle(kills)
    return kills


@pytest.mark.slow
@pytest.mark.timeout(10 * KILLS)
def test_random_kills_lose_no_page_and_store_none_twice(library):
    site = SlowPages(pages=PAGES, latency=LATENCY_SECONDS)
    resumed: list[float] = []
    with serving(site):
        for number, kill in enumerate(planned_kills(KILLS, SEED), start=1):
            # Until the library knows the crawl, a kill leaves nothing to go on with.
            begun = library.database.exists() and library.value("SELECT count(*) FROM jobs") > 0
            command = ("work", "--until-idle") if begun else ("crawl", site.url, "--workers", str(WORKERS))
            with library.running(*command, "--json") as running:
                time_to_ask = die(running, kill, library, site)
            if begun and time_to_ask is not None:
                resumed.append(time_to_ask)
            if number % VERIFY_EVERY == 0:
                library.verify()
        stored = library.value("SELECT count(*) FROM documents")
        # The kills are over, so the server need not be slow any more.
        site.options = replace(site.options, latency=0.0)
        library.finish(seconds=PAGES)

    library.verify()
    assert library.document_urls() == sorted(site.page_urls)
    assert library.job()["status"] == "completed"
    assert library.rows("SELECT DISTINCT version FROM documents") == [(1,)]
    assert library.rows(f"SELECT outcome, count(*) {TRIES} AND outcome <> 'interrupted' GROUP BY 1") == [
        ("completed", PAGES)
    ]
    assert library.value("SELECT count(*) FROM messages") == 0
    refetches = sum(site.asked[path] for path in site.page_paths) - PAGES
    assert refetches <= KILLS * WORKERS
    assert 0 < stored < PAGES, "the kills were to hit a crawl under way"
    assert max(resumed) < RESUME_SECONDS + SLOW_MACHINE_SECONDS
    _log.info(
        "%d kills, %d pages stored between them, %d refetches, %d tries interrupted", KILLS, stored, refetches,
        library.value(f"SELECT count(*) {TRIES}") - PAGES,
    )  # fmt: skip
    _log.info(
        "from the start of a process to its first request: median %.2f s, at most %.2f s (%d processes)",
        statistics.median(resumed), max(resumed), len(resumed),
    )  # fmt: skip


def die(running: Running, kill: Kill, library: QuaeroLibrary, site: GeneratedSite) -> float | None:
    """Kill *running* as planned; return how long it took to ask the site for something, if it came to that."""
    asked_before, written_before, locked_before = site.asked.total(), library.last_write(), lock_time(library)
    time_to_ask: float | None = None

    def look() -> None:
        nonlocal time_to_ask
        assert not running.ended, running.wait()
        if time_to_ask is None and site.asked.total() > asked_before:
            time_to_ask = running.seconds

    def begun() -> bool:
        look()
        if kill.moment is Moment.RECOVERY:
            return lock_time(library) != locked_before
        return library.last_write() != written_before

    wait_until(begun, "the process wrote something")
    due = time.monotonic() + kill.seconds
    while time.monotonic() < due:
        look()
        time.sleep(0.001)
    ended = running.kill()
    assert ended.code == -signal.SIGKILL
    # A parse process whose parent dies while it is being launched says so, before it runs any line of ours.
    assert "quaero_desktop" not in ended.stderr, ended.stderr
    running.wait_for_the_group()
    return time_to_ask


def lock_time(library: QuaeroLibrary) -> int:
    try:
        return library.lock.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@pytest.mark.slow
def test_a_kill_while_the_library_is_made_leaves_none_or_a_whole_one(tmp_path):
    choose = random.Random(f"creation {SEED}")
    with serving(GeneratedSite(pages=3)) as site:
        for number in range(6):
            library = QuaeroLibrary(tmp_path / str(number))
            with library.running("crawl", site.url, "--json") as running:
                wait_until(library.lock.exists, "the process holds the library")
                time.sleep(choose.uniform(0, 0.06))
                running.kill()
                running.wait_for_the_group()
            if library.database.exists():
                library.verify()
            else:
                assert "There is no library" in library.run("verify", "--json", code=1).sentence()
            assert library.run("crawl", site.url, "--json").answer["documents"] == 3
            library.verify()
