"""What a person may ask for when they start a crawl, and what is said about the rest."""

import pytest

from quaero_desktop.domain.errors import NotAllowedError, NotFoundError, UsageError
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.support.crawling import assert_sound, rows

URL = "https://site.test/docs/"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"urls": ()}, "at least one web address"),
        ({"urls": ("",)}, "is empty"),
        ({"urls": ("not a url at all",)}, "is not a web address"),
        ({"urls": (URL, "ftp://site.test/")}, "is not a web address"),
        ({"urls": ("mailto:someone@site.test",)}, "is not a web address"),
        ({"urls": ("https://site.test/" + "x" * 5000,)}, "4096 is the most"),
        ({"depth": -1}, "depth is -1; 0 is the least"),
        ({"max_pages": 0}, "max-pages is 0; 1 is the least"),
        ({"max_pages": -5}, "max-pages is -5; 1 is the least"),
        ({"per_host": 0}, "workers is 0; 1 is the least"),
        ({"delay_seconds": -0.5}, "delay is -0.5 seconds"),
        ({"delay_seconds": float("nan")}, "delay is nan seconds"),
        ({"delay_seconds": float("inf")}, "delay is inf seconds"),
        ({"delay_seconds": 1e9}, "delay is 1e+09 seconds"),
        ({"scope": "galaxy"}, "Unknown scope “galaxy”"),
        ({"include": ("re:(",)}, "regular expression"),
        ({"exclude": ("",)}, "is empty"),
        ({"exclude": ("\udcff",)}, "no text"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence_and_stores_nothing(services, request_, words):
    with pytest.raises(UsageError) as caught:
        await services.jobs.start_crawl(CrawlRequest(**{"urls": (URL,), **request_}))
    assert words in caught.value.message
    assert rows(services, "SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize("source", [1, -1, 2**80])
async def test_an_unknown_source_is_refused(services, source):
    with pytest.raises(NotFoundError, match=f"There is no source {source}"):
        await services.jobs.start_crawl(CrawlRequest(urls=(URL,), source_id=source))


@pytest.mark.parametrize(
    "request_",
    [
        {"depth": 10**30},
        {"max_pages": 10**30},
        {"per_host": 10**30},
        {"name": "\udcff\x00\x1b[31m"},
        {"name": "x" * 9999},
    ],
)
async def test_strange_but_harmless_wishes_are_granted(services, request_):
    root = await services.jobs.start_crawl(CrawlRequest(urls=(URL,), **request_))
    job = await services.jobs.get(root)
    assert job.status == "pending"
    assert len(job.name) <= 500
    assert "\x1b" not in job.name
    await assert_sound(services)


async def test_what_is_not_said_is_taken_from_the_settings(services):
    config = services.jobs.crawl_config(CrawlRequest(urls=("site.test", "HTTPS://SITE.test", "site.test/b#part")))
    assert config.seeds == ("https://site.test/", "https://site.test/b")
    assert (config.max_depth, config.max_pages, config.per_host, config.delay_ms) == (5, None, 2, None)
    assert (config.obey_robots, config.scope, config.max_attempts) == (True, "host", 4)


async def test_a_delay_of_zero_turns_pacing_off_and_is_no_default(services):
    assert services.jobs.crawl_config(CrawlRequest(urls=(URL,), delay_seconds=0)).delay_ms == 0
    assert services.jobs.crawl_config(CrawlRequest(urls=(URL,), delay_seconds=0.25)).delay_ms == 250


async def test_a_crawl_is_called_after_its_hosts_unless_it_has_a_name(services):
    first = await services.jobs.start_crawl(CrawlRequest(urls=(URL, "https://other.test/", "https://site.test/b")))
    second = await services.jobs.start_crawl(CrawlRequest(urls=(URL,), name="Manual"))
    assert (await services.jobs.get(first)).name == "site.test, other.test"
    assert (await services.jobs.get(second)).name == "Manual"


@pytest.mark.parametrize("operation", ["get", "details", "cancel", "pause", "resume", "skips"])
@pytest.mark.parametrize("job_id", [0, -1, 77, 2**80])
async def test_what_is_asked_of_a_job_that_is_not_there_says_so(services, operation, job_id):
    with pytest.raises(NotFoundError, match="There is no job"):
        await getattr(services.jobs, operation)(job_id)


async def test_what_a_job_is_not_ready_for_is_refused_with_its_status(services):
    """J11."""
    root = await services.jobs.start_crawl(CrawlRequest(urls=(URL,)))
    ((child,),) = rows(services, "SELECT id FROM jobs WHERE parent_id = ? AND url IS NOT NULL", root)
    with pytest.raises(NotAllowedError, match="not paused"):
        await services.jobs.resume(root)
    with pytest.raises(NotAllowedError, match="only a whole crawl can be paused"):
        await services.jobs.pause(child)
    await services.jobs.cancel(root)
    for operation in (services.jobs.cancel, services.jobs.pause, services.jobs.resume):
        with pytest.raises(NotAllowedError, match="cancelled"):
            await operation(root)
