"""J10 on the command line: failed pages are tried again, and a crawl is run again."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Quaero
from tests.support.site import GeneratedSite, serving


class TroubledSite(GeneratedSite):
    """A site some of whose pages fail until it is mended; one more is missing for good."""

    def __init__(self) -> None:
        super().__init__(pages=5, links_per_page=0, missing=1)
        self.failing = {"/page/1.html", "/page/2.html"}

    def answer(self, path: str) -> tuple[int, str, bytes]:
        return (401, "text/html", b"") if path in self.failing else super().answer(path)


@pytest.fixture
def troubled(quaero: Quaero, tmp_path: Path):
    """A site, and a call of `quaero` on the library that it was crawled into."""
    site = TroubledSite()
    with serving(site):

        def call(*arguments: object) -> Any:
            return quaero("--library", tmp_path / "library", *arguments)

        crawled = call("crawl", site.url, "--delay", 0, "--json")
        assert crawled.json["failed"] == 3
        yield site, call


def test_failed_pages_are_queued_again_and_work_runs_them(troubled, tmp_path):
    site, quaero = troubled
    assert f"Try them again: quaero --library {tmp_path / 'library'} jobs retry 1" in quaero("jobs", "show", 1).out

    ended = quaero("jobs", "retry", 1, "--cause", "forbidden")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "2 pages of job 1 queued again: " + site.url.split("/")[2],
        f"Run it with: quaero --library {tmp_path / 'library'} work --until-idle",
    ]
    assert quaero("jobs", "show", 1, "--json").json["status"] == "pending"

    site.failing.clear()
    assert quaero("work", "--until-idle", "--json").json["completed"] >= 2
    shown = quaero("jobs", "show", 1, "--json").json
    assert (shown["status"], shown["warnings"], shown["attempt"], shown["details"]["documents"]) == (
        "completed", 1, 2, 5,
    )  # fmt: skip
    assert "run 1" in quaero("jobs", "show", 1).out
    assert quaero("verify").code == 0


def test_retry_and_wait_runs_them_at_once(troubled):
    site, quaero = troubled
    site.failing.clear()
    ended = quaero("jobs", "retry", 1, "--code", 401, "--wait", "--json")
    assert ended.code == 0
    assert (ended.json["job_id"], ended.json["status"], ended.json["documents"], ended.json["failed"]) == (
        1, "completed", 5, 1,
    )  # fmt: skip


def test_retry_and_wait_says_what_was_queued_also_in_a_crawl_that_is_paused(troubled):
    site, quaero = troubled
    quaero("jobs", "retry", 1, "--code", 404)
    quaero("jobs", "pause", 1)
    ended = quaero("jobs", "retry", 1, "--code", 401, "--wait")
    assert ended.code == 1
    assert ended.out.startswith(f"2 pages of job 1 queued again: {site.url.split('/')[2]}\n")
    assert "Job 1 is paused" in ended.err
    assert "Nothing to try again" in quaero("jobs", "retry", 1, "--code", 503, "--wait").out


def test_json_is_the_job_and_how_many(troubled):
    _, quaero = troubled
    answer = quaero("--json", "jobs", "retry", 1).json
    assert (answer["id"], answer["status"], answer["retried"], answer["failed_children"]) == (1, "pending", 3, 0)


def test_one_page_is_retried_by_its_number(troubled):
    _, quaero = troubled
    failed = quaero("jobs", "list", "--parent", 1, "--status", "failed", "--json").json["jobs"]
    answer = quaero("--json", "jobs", "retry", failed[0]["id"]).json
    assert (answer["id"], answer["retried"]) == (1, 1)
    assert "run 1, try 1" in quaero("jobs", "show", failed[0]["id"]).out


def test_when_nothing_is_left_to_retry_it_says_so_and_changes_nothing(troubled):
    site, quaero = troubled
    ended = quaero("jobs", "retry", 1, "--cause", "dns")
    assert (ended.code, ended.out.splitlines()[0]) == (0, "Nothing to try again: no page failed like that.")
    assert quaero("--json", "jobs", "retry", 1, "--code", 503).json["retried"] == 0
    assert quaero("jobs", "show", 1, "--json").json["status"] == "completed"
    site.failing.clear()
    only = quaero("crawl", site.url, "--delay", 0, "--max-pages", 1, "--json").json["job_id"]
    assert quaero("jobs", "retry", only).out == "Nothing to try again: no page of it failed.\n"


def test_a_cancelled_crawl_goes_on_when_its_cancelled_pages_are_retried(troubled):
    site, quaero = troubled
    site.failing.clear()
    again = quaero("jobs", "rerun", 1, "--json").json["id"]
    quaero("jobs", "cancel", again)
    assert "Nothing to try again" in quaero("jobs", "retry", again).out
    assert quaero("jobs", "retry", again, "--cancelled", "--wait", "--json").json["documents"] == 5


def test_a_rerun_is_a_new_job(troubled, tmp_path):
    site, quaero = troubled
    ended = quaero("jobs", "rerun", 1)
    assert ended.code == 0
    number = int(ended.out.split()[1])
    assert ended.out.splitlines() == [
        f"Job {number} runs job 1 again: {site.url.split('/')[2]}",
        f"Run it with: quaero --library {tmp_path / 'library'} work --until-idle",
    ]
    job = quaero("jobs", "show", number, "--json").json
    assert (job["rerun_of"], job["status"]) == (1, "pending")
    assert job["payload"] == quaero("jobs", "show", 1, "--json").json["payload"]
    ended = quaero("jobs", "rerun", 1, "--wait", "--json")
    assert (ended.json["status"], ended.json["failed"]) == ("completed", 3)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("rerun 2", 1, "only a whole crawl can be run again"),
        ("rerun 99", 1, "There is no job 99."),
        ("retry 99", 1, "There is no job 99."),
        ("retry 1 --cause bad_weather", 2, "Unknown cause “bad_weather”"),
        ("retry 1 --code x", 2, "--code needs a whole number"),
        ("retry", 2, "ID is missing"),
    ],
)
def test_what_makes_no_sense_is_told(quaero: Quaero, own_library: Path, line: str, code: int, said: str):
    ended = quaero("jobs", *line.split(), "--library", own_library)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
