"""Two processes and one library: one writes, a second writer is told so, and whoever reads is not held up."""

from collections.abc import Iterator

import pytest

from tests.e2e.quaero import QuaeroLibrary, Running, wait_until
from tests.support.site import GeneratedSite, serving

pytestmark = pytest.mark.slow

IN_USE = 3


@pytest.fixture
def site():
    with serving(GeneratedSite(pages=60, latency=0.05)) as site:
        yield site


@pytest.fixture
def crawling(library: QuaeroLibrary, site: GeneratedSite) -> Iterator[Running]:
    """A crawl that goes on for as long as the test needs: a page of its second site never comes."""
    with (
        serving(GeneratedSite(pages=1, latency=3600.0)) as hanging,
        library.running("crawl", site.url, hanging.url, "--no-robots", "--json") as running,
    ):
        wait_until(lambda: site.counts.total() > 20, "it crawls")
        yield running


def test_a_second_writer_is_told_who_has_the_library(library, site, crawling):
    names = sorted(library.files())
    for command in (
        f"crawl {site.url}",
        "work --until-idle",
        "jobs cancel 1",
        "jobs pause 1",
        "jobs resume 1",
        "backup create",
        "backup restore library-20260101T000000Z.db",
    ):
        ended = library.run(*command.split(), "--json", code=IN_USE)

        assert ended.stdout == "", command
        first, *_ = ended.sentence().splitlines()
        assert first == f"Another Quaero (process {crawling.pid}) is using this library.", command
        assert sorted(library.files()) == names, command
        assert not crawling.ended, command


def test_reading_works_meanwhile_and_leaves_nothing(library, site, crawling):
    names = sorted(library.files())

    jobs = library.run("jobs", "list", "--json").answer
    assert [job["status"] for job in jobs["jobs"]] == ["running"]
    shown = library.job()
    assert shown["status"] == "running"
    assert library.run("jobs", "logs", "1", "--children", "--json").answer["logs"]
    documents = library.run("documents", "list", "--json").answer
    assert documents["total_count"] > 0
    first = documents["documents"][0]
    assert library.run("documents", "show", str(first["id"]), "--json").answer["url"] == first["url"]
    assert library.run("search", "page", "--json").answer["total_count"] > 0
    assert library.run("verify", "--json").answer["ok"]
    assert library.run("backup", "list", "--json").answer == {"backups": []}

    assert sorted(library.files()) == names
    assert not crawling.ended


def test_reading_leaves_a_library_that_nobody_writes_byte_for_byte_as_it_was(library, site):
    library.run("crawl", site.url, "--max-pages", "5", "--json")
    before = library.files()
    for command in ("jobs list", "jobs show 1", "jobs logs 1", "documents list", "documents show 1", "search page"):
        library.run(*command.split(), "--json")
    library.verify()
    assert library.files() == before


def test_reading_creates_no_library(library):
    for command in ("jobs list", "jobs show 1", "documents list", "search page", "verify", "backup list"):
        library.run(*command.split(), "--json", code=None).sentence() if command != "backup list" else None
    assert not library.folder.exists()


def test_the_library_is_free_again_once_its_holder_is_killed(library, site):
    with library.running("crawl", site.url, "--json") as running:
        wait_until(lambda: site.counts.total() > 5, "it crawls")
        running.kill()
    library.finish()
    assert library.document_urls() == sorted(site.page_urls)
    library.verify()


def test_of_several_that_start_at_once_one_crawls_and_the_others_are_told(library, site):
    with (
        library.running("crawl", site.url, "--json") as first,
        library.running("crawl", site.url, "--json") as second,
        library.running("crawl", site.url, "--json") as third,
    ):
        ended = [running.wait() for running in (first, second, third)]

    assert sorted(each.code for each in ended) == [0, IN_USE, IN_USE]
    assert all("is using this library." in each.sentence() for each in ended if each.code == IN_USE)
    assert library.document_urls() == sorted(site.page_urls)
    library.verify()
