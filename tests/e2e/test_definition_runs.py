"""J3, J4: runs of definitions in whole processes: interrupted, killed, and started by their schedules."""

import contextlib
import os
import signal
import sqlite3
import time

import pytest

from tests.e2e.quaero import QuaeroLibrary, wait_until
from tests.support.site import GeneratedSite, serving

pytestmark = pytest.mark.slow

SLOW_MACHINE_SECONDS = 3.0 if {"CI", "PYTEST_XDIST_WORKER"} & os.environ.keys() else 0.0
NIGHTLY = """\
name = "Nightly"
schedule = "0 3 * * *"
[[steps]]
name = "Fetch"
action = "crawl"
config = {{start_urls = ["{url}"], delay = 0, concurrency = 4}}
[[steps]]
name = "Tidy"
action = "cleanup"
config = {{older_than = "30d"}}
"""


@pytest.fixture
def site():
    with serving(GeneratedSite(pages=60, latency=0.02)) as site:
        yield site


@pytest.fixture
def nightly(library, site, tmp_path) -> QuaeroLibrary:
    """A library with a definition that has not run yet."""
    file = tmp_path / "nightly.toml"
    file.write_text(NIGHTLY.format(url=site.url), encoding="utf-8")
    assert library.run("definitions", "add", str(file), "--json").answer == {"id": 1}
    return library


def make_due(library: QuaeroLibrary) -> None:
    """Let the schedule have come up many times since somebody looked at it."""
    with contextlib.closing(sqlite3.connect(library.database)) as connection:
        connection.execute("UPDATE definitions SET checked_until = checked_until - 40 * 86400000")
        connection.commit()


def ran_once(library: QuaeroLibrary, site: GeneratedSite) -> None:
    """Check that there is one run, that it has ended well, and that nothing is missing."""
    library.verify()
    (root,) = library.run("jobs", "list", "--json").answer["jobs"]
    assert (root["type"], root["status"], root["definition_id"]) == ("definition_run", "completed", 1)
    steps = library.job(root["id"])["details"]["steps"]
    assert [(step["name"], step["status"]) for step in steps] == [("Fetch", "completed"), ("Tidy", "completed")]
    assert library.document_urls() == sorted(site.page_urls)


def test_a_run_that_is_interrupted_goes_on_later(nightly, site):
    with nightly.running("definitions", "run", "1", "--wait", "--json") as running:
        wait_until(lambda: site.counts.total() > 10, "it crawls")
        asked_at = time.monotonic()
        running.send(signal.SIGINT)
        ended = running.wait()
    assert (ended.code, ended.stdout) == (130, "")
    assert time.monotonic() - asked_at < 3.0 + SLOW_MACHINE_SECONDS
    assert f"Job 1 goes on where it was with: quaero --library {nightly.folder} work --until-idle" in ended.sentence()
    nightly.finish()
    ran_once(nightly, site)


def test_what_is_due_is_started_once_by_work_and_survives_kill_9(nightly, site):
    """A run that was missed forty times starts once; being killed neither doubles nor loses it."""
    make_due(nightly)
    with nightly.running("work") as running:
        wait_until(lambda: site.counts.total() > 10, "it crawls")
        running.kill()
        running.wait_for_the_group()
    with nightly.running("work") as running:
        wait_until(lambda: nightly.job()["status"] == "completed", "the run has ended")
        running.send(signal.SIGTERM)
        assert running.wait().code == 130
    ran_once(nightly, site)


def test_work_tells_what_comes_next(nightly):
    with nightly.running("work") as running:
        # It waits once it has said so.
        assert running.process.stderr.readline() == "Nothing is queued. Waiting for jobs; Ctrl-C ends that.\n"
        assert running.process.stderr.readline().startswith("Next by its schedule: “Nightly” at ")
        running.send(signal.SIGINT)
        assert running.wait().code == 130


def test_nothing_is_started_by_commands_that_have_an_end(nightly, site):
    make_due(nightly)
    nightly.finish()
    nightly.run("crawl", site.url, "--max-pages", "1", "--delay", "0")
    roots = nightly.run("jobs", "list", "--json").answer["jobs"]
    assert [root["type"] for root in roots] == ["crawl"]
