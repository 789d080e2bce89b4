"""Whole crawls through servers that mean no good: each page ends for a reason, and the others do not notice."""

import unicodedata
from pathlib import Path

import pytest

from quaero_desktop.domain.jobs import SkipReason, Status
from tests.support import hostile
from tests.support.crawling import IMPATIENT, NO_ROBOTS, crawl, library, page
from tests.support.hostile import Run
from tests.support.hostile_servers import GOOD_PAGES, STORED
from tests.support.recording_server import Behaviour, Exchange, RecordingServer

pytestmark = pytest.mark.slow

SELF_SIGNED = Path(__file__).parents[1] / "web" / "self_signed.pem"
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One crawl of everything, which all tests here look at."""
    return hostile.run_alone(tmp_path_factory.mktemp("hostile") / "library", SELF_SIGNED)


@pytest.mark.parametrize("name", hostile.EXPECTED)
def test_each_page_comes_to_what_it_should_within_its_budget(run: Run, name: str) -> None:
    visit = run.visits[name]
    assert visit.outcome in hostile.EXPECTED[name], visit.message
    fetched = visit.outcome not in hostile.NOT_FETCHED
    assert visit.seconds < (hostile.PAGE_BUDGET_SECONDS if fetched else hostile.FETCH_BUDGET_SECONDS)
    if visit.outcome != STORED:
        assert visit.message


def test_good_pages_on_the_same_server_are_all_stored(run: Run) -> None:
    assert run.good == [STORED] * GOOD_PAGES


def test_nothing_is_a_mistake_of_ours_and_the_library_is_sound(run: Run) -> None:
    assert run.problems == []


def test_memory_hardly_grows(run: Run) -> None:
    assert run.grown < 50 * MEGABYTE


def test_nothing_that_is_shown_commands_a_terminal_or_turns_its_text_around(run: Run) -> None:
    documents = [visit.document for visit in run.visits.values() if visit.document is not None]
    texts = run.texts + [text for each in documents for text in (each.title, each.description, each.author)]
    assert len(texts) > 300
    assert [text for text in texts if any(is_dangerous(character) for character in text)] == []


def test_what_was_stored_is_what_the_page_says(run: Run) -> None:
    for name, visit in run.visits.items():
        if visit.document is not None:
            assert "\0" not in visit.document.markdown, name
            assert "root:" not in visit.document.markdown, name
    assert "SMUGGLED" not in str([visit.document for visit in run.visits.values()])
    assert "worth keeping" in markdown(run, "is in hex")
    assert "<script" not in markdown(run, "is in utf-7")
    assert "worth keeping" in markdown(run, "is in UTF-16 without a mark")
    assert "Schöne Öl-Übung" in markdown(run, "lies about Shift_JIS")
    title = run.visits["has a title of a megabyte"].document
    assert title is not None
    assert len(title.title) <= 500


def test_bad_certificates_are_told_apart(run: Run) -> None:
    assert run.visits["signed its own certificate"].message.endswith("not trusted: self-signed certificate.")
    assert run.visits["has an expired certificate"].message.endswith("not trusted: certificate has expired.")
    assert "not valid for '127.0.0.1'" in run.visits["has the certificate of another host"].message


async def calendar(exchange: Exchange) -> object:
    """A month, with links to the next one, to the last one and to each of its days; all are there."""
    month = int(exchange.target.rpartition("=")[2]) if "month=" in exchange.target else 0
    links = [f"/calendar?month={month + step}" for step in (-1, 1)]
    links += [f"/calendar?day={day}&month={month}" for day in range(28)]
    await exchange.send(page(*links, title=f"Month {month}"))
    return None


async def deeper(exchange: Exchange) -> object:
    """A page below which there is always one more."""
    await exchange.send(page("a/", title="And so on"))
    return None


@pytest.mark.parametrize(
    ("behaviour", "most", "pages", "reason"),
    [(calendar, 40, 40, SkipReason.MAX_PAGES), (deeper, None, 3, SkipReason.TRAP)],
)
async def test_a_site_without_an_end_ends_at_the_limits_of_its_crawl(
    tmp_path: Path, behaviour: Behaviour, most: int | None, pages: int, reason: SkipReason
) -> None:
    async def answer(exchange: Exchange) -> object:
        if exchange.target == "/robots.txt":
            await exchange.send(NO_ROBOTS)
            return None
        return await behaviour(exchange)

    async with RecordingServer().running() as server, library(tmp_path, IMPATIENT) as services:
        server.behaviour = answer
        crawled = await crawl(services, server.url("/"), depth=5, max_pages=most)
        assert crawled.job.status == Status.COMPLETED
        assert crawled.job.pages == pages
        skips = await services.jobs.skips(crawled.job.id, limit=None)
        assert {skip.reason for skip in skips.skips} == {reason}


def markdown(run: Run, name: str) -> str:
    document = run.visits[name].document
    assert document is not None
    return document.markdown


def is_dangerous(character: str) -> bool:
    """Whether it is a control (but for tab and line feed), a surrogate, or changes the direction of what follows."""
    return (
        (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character not in "\t\n")
        or unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        or character in "\u200e\u200f\u061c"
    )
