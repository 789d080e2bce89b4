"""Large documents of an import are extracted in a process, where they hold up neither the window nor a crawl."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from quaero_desktop.content import extract
from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.importing import Kind
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import PageInput, ParsedPage, ParseFailed, ParseResult
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose
from tests.support.crawling import assert_sound, rows
from tests.support.legacy import SITE, legacy_database

LARGE = "# A large one\n\n" + "Some *words* of it.\n" * 10_000


@pytest.fixture
async def services(tmp_path):
    async with compose.writing(LibraryFiles(tmp_path / "library"), Settings(), create=True) as services:
        yield services
        await assert_sound(services)


@pytest.fixture
def old(tmp_path) -> Path:
    """A file with a large document between two small ones."""
    path = tmp_path / "quaero.db"
    with legacy_database(path) as file:
        file.document("before", f"{SITE}before", "# Before\n\nWords.\n")
        file.document("large", f"{SITE}large", LARGE)
        file.document("after", f"{SITE}after", "# After\n\nWords.\n")
    return path


async def test_a_large_document_is_extracted_as_a_small_one_would_be(services, old, monkeypatch):
    here: list[str] = []
    parse = extract.parse

    def note(page: PageInput) -> ParsedPage:
        here.append(page.url)
        return parse(page)

    monkeypatch.setattr(extract, "parse", note)

    report = await services.importing.run(old)

    assert report.imported[Kind.DOCUMENTS] == 3
    assert here == [f"{SITE}before", f"{SITE}after"], "the large one was none of this process's"
    page = parse(PageInput(url=f"{SITE}large", body=LARGE.encode(), content_type="text/markdown", charset="utf-8"))
    assert rows(services, "SELECT markdown, search_text, content_hash FROM documents WHERE url LIKE '%large'") == [
        (LARGE, page.search_text, hashlib.sha256(LARGE.encode()).hexdigest())
    ]


async def test_one_that_cannot_be_extracted_is_left_out_and_said(services, old, monkeypatch):
    async def fail(self: ParseRunner, page: PageInput) -> ParseResult:
        return ParseFailed(url=page.url, cause=Cause.PARSE_TIMEOUT, message="It took longer than 20 s.")

    monkeypatch.setattr(ParseRunner, "parse", fail)

    report = await services.importing.run(old)

    assert report.imported[Kind.DOCUMENTS] == 2
    assert [(each.table, each.id, each.reason) for each in report.left_out] == [
        ("documents", "large", "its text cannot be taken in: It took longer than 20 s")
    ]


async def test_a_process_that_cannot_be_had_ends_the_import_instead_of_keeping_it_for_ever(services, old, monkeypatch):
    """TimeoutError, because that is also what says that an answer is not there yet."""

    async def fail(self: ParseRunner, page: PageInput) -> ParseResult:
        raise TimeoutError("No process could be had.")

    monkeypatch.setattr(ParseRunner, "parse", fail)

    with pytest.raises(TimeoutError, match="No process"):
        await asyncio.wait_for(services.importing.run(old), 20)


async def test_a_cancelled_import_leaves_no_process_behind(services, old, monkeypatch):
    asked = asyncio.Event()
    parse = ParseRunner.parse

    async def note(self: ParseRunner, page: PageInput) -> ParseResult:
        asked.set()
        return await parse(self, page)

    monkeypatch.setattr(ParseRunner, "parse", note)
    importing = asyncio.create_task(services.importing.run(old))
    await asked.wait()

    importing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await importing
