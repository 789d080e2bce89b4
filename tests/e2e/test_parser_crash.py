"""Pages that crash or hang what works on them: each costs its own process and itself, and nothing else (Q7, Q8)."""

import functools
import signal

import pytest

from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.documents import DocumentFilter
from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.services import compose, engine
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.e2e import crashing_parser
from tests.support.site import GeneratedSite, page_links, page_number, serving

PATIENT_ENOUGH = {
    "QUAERO_QUEUE_BACKOFF_BASE_SECONDS": "0.05",
    "QUAERO_QUEUE_MAX_ATTEMPTS": "3",
    "QUAERO_PARSE_TIMEOUT_SECONDS": "1",
}
LOST = {
    crashing_parser.EXITS: ("parse_crash", "The parser crashed on this page (exit code 3)."),
    crashing_parser.DIES: ("parse_crash", "The parser crashed on this page (SIGKILL)."),
    crashing_parser.HANGS: ("parse_timeout", "Parsing the page took longer than 1 s."),
}


async def test_a_page_that_crashes_its_parser_every_time_becomes_a_dead_letter_and_the_crawl_completes(
    tmp_path, monkeypatch
):
    crashing = functools.partial(ParseRunner, function="tests.e2e.crashing_parser:parse")
    monkeypatch.setattr(engine, "ParseRunner", crashing)
    files = LibraryFiles(tmp_path / "library")
    settings = compose.configuration(PATIENT_ENOUGH).settings
    async with GeneratedSite(pages=60) as site:
        lost = {site.url + path[1:]: fate for path, fate in LOST.items()}
        async with compose.writing(files, settings, create=True, engine=True) as services:
            root = await services.jobs.start_crawl(CrawlRequest(urls=(site.url,), per_host=4))
            assert services.engine is not None
            await services.engine.run(until_idle=True)

            job = await services.jobs.get(root)
            assert (job.status, job.warnings, job.failed_children) == (Status.COMPLETED, len(lost), len(lost))
            failed = (await services.jobs.page(JobFilter(parent=root, status=("failed",)))).jobs
            assert {page.url: (page.cause, page.error) for page in failed} == lost
            for page in failed:
                assert page.url is not None
                attempts = (await services.jobs.details(page.id)).attempts
                assert [attempt.outcome for attempt in attempts] == ["retried", "retried", "failed"]
                assert site.counts[page.url.removeprefix(site.url[:-1])] == 3
            documents = await services.library.documents(DocumentFilter(limit=1000))
            assert {document.url for document in documents.documents} == reachable(site) - lost.keys()
            report = await services.maintenance.verify()
            assert report.ok, [check for check in report.checks if not check.ok]
            assert [letter for (letter,) in await dead_letters(services)] == [
                page.error for page in sorted(failed, key=lambda page: page.id)
            ]


async def dead_letters(services):
    return await services.jobs._database.read(
        lambda connection: connection.execute("SELECT reason FROM messages WHERE state = 'dead' ORDER BY id").fetchall()
    )


def reachable(site: GeneratedSite) -> set[str]:
    """Return the URLs of the pages that can be reached without the links of those that are lost."""
    found, waiting = {"/"}, ["/"]
    while waiting:
        path = waiting.pop()
        number = page_number(path)
        assert number is not None
        links = [] if path in LOST else page_links(number, site.options)
        waiting += [link for link in links if link not in found]
        found.update(links)
    return {site.url + path[1:] for path in found}


@pytest.mark.slow
@pytest.mark.parametrize("point", ["body", "store"])
def test_a_page_that_ends_the_whole_process_every_time_runs_alone_and_then_becomes_a_dead_letter(library, point):
    poison = crashing_parser.EXITS
    program = ("-m", "tests.e2e.poisoned", f"{point}@{poison}")
    deaths = 0
    with serving(GeneratedSite(pages=30)) as site:
        command = ("crawl", site.url, "--json")
        while True:
            with library.running(*command, program=program) as running:
                ended = running.wait()
                running.wait_for_the_group()
            if ended.code == 0:
                break
            assert ended.code == -signal.SIGKILL, ended
            deaths += 1
            assert deaths <= 4, "it comes back for ever"
            command = ("work", "--until-idle", "--json")
            library.verify()

        assert deaths == 4
        library.verify()
        assert library.document_urls() == sorted(site.page_urls - {site.url + poison[1:]})
        job = library.job()
        assert (job["status"], job["warnings"]) == ("completed", 1)
        (failed,) = library.run("jobs", "list", "--parent", "1", "--status", "failed", "--json").answer["jobs"]
        assert (failed["cause"], failed["error"]) == ("crashed", "Given up: the process died 4 times while this ran.")
