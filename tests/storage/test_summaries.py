"""What documents say in short, in the library: stored once each, stale when their text changed, sampled fairly."""

import hashlib

import pytest

from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.outcomes import Summarised
from quaero_desktop.domain.summaries import level_of
from quaero_desktop.storage import summaries
from quaero_desktop.storage.database import Database, Tx

SITE = "https://site.test"


def document(tx: Tx, url: str, text: str = "Some text.", *, duplicate_of: int | None = None) -> int:
    """Store a document behind the back of the crawler."""
    tx.execute(
        "INSERT INTO sources (id, name, base_url, created_at, updated_at) VALUES (1, 's', ?, 0, 0)"
        " ON CONFLICT DO NOTHING",
        (SITE,),
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    number = tx.execute(
        "INSERT INTO documents (source_id, url, title, content_type, content_hash, markdown, search_title, search_text,"
        " language, extractor, duplicate_of, fetched_at, checked_at, changed_at, origin)"
        " VALUES (1, ?, ?, 'text/html', ?, ?, '', '', 'en-GB', 1, ?, 0, 0, 0, 'legacy')",
        (url, f"Title of {url}", digest, text, duplicate_of),
    ).lastrowid
    assert number is not None
    return number


def made(document_id: int, text: str = "Some text.", **fields: object) -> Summarised:
    values = {
        "document_id": document_id, "content_hash": hashlib.sha256(text.encode()).hexdigest(), "method": "extractive",
        "summary": "In short.", "keywords": ("one", "two"),
    } | fields  # fmt: skip
    return Summarised(**values)  # type: ignore[arg-type]


def run_of(tx: Tx, config: str) -> int:
    """Store the root of a run."""
    return int(
        tx.value(
            "INSERT INTO jobs (type, status, name, config, created_at, revision)"
            " VALUES ('definition_run', 'running', 'r', ?, 0, 1) RETURNING id",
            (config,),
        )
    )


async def test_one_is_read_as_it_was_stored(library: Database) -> None:
    number = await library.write(lambda tx: document(tx, f"{SITE}/"))
    assert await library.read(lambda c: summaries.of_document(c, number)) is None
    assert await library.write(lambda tx: summaries.store(tx, made(number)))
    found = await library.read(lambda c: summaries.of_document(c, number))
    assert found is not None
    assert (found.summary, found.keywords, found.method, found.stale) == (
        "In short.",
        ("one", "two"),
        "extractive",
        False,
    )
    assert found.made_at > 0


async def test_a_newer_one_takes_its_place(library: Database) -> None:
    number = await library.write(lambda tx: document(tx, f"{SITE}/"))
    await library.write(lambda tx: summaries.store(tx, made(number, summary="First.")))
    await library.write(lambda tx: summaries.store(tx, made(number, summary="Second.", method="tiny-3b")))
    found = await library.read(lambda c: summaries.of_document(c, number))
    assert found is not None
    assert (found.summary, found.method) == ("Second.", "tiny-3b")


async def test_keywords_that_cannot_be_read_hide_no_summary(library: Database) -> None:
    """The table asks only for valid JSON."""
    number = await library.write(lambda tx: document(tx, f"{SITE}/"))
    await library.write(lambda tx: summaries.store(tx, made(number)))
    await library.write(lambda tx: tx.execute("UPDATE document_summaries SET keywords = '[1, 2]'"))
    found = await library.read(lambda c: summaries.of_document(c, number))
    assert found is not None
    assert (found.summary, found.keywords) == ("In short.", ())


async def test_it_is_stale_when_the_text_is_another(library: Database) -> None:
    number = await library.write(lambda tx: document(tx, f"{SITE}/"))
    await library.write(lambda tx: summaries.store(tx, made(number, "An older text.")))
    text = await library.read(lambda c: summaries.text(c, number))
    assert text.summary is not None
    assert text.summary.stale


async def test_it_goes_with_its_document(library: Database) -> None:
    number = await library.write(lambda tx: document(tx, f"{SITE}/"))
    await library.write(lambda tx: summaries.store(tx, made(number)))
    await library.write(lambda tx: tx.execute("DELETE FROM documents").rowcount)
    assert await library.read(lambda c: summaries.of_document(c, number)) is None
    assert not await library.write(lambda tx: summaries.store(tx, made(number)))
    with pytest.raises(NotFoundError):
        await library.read(lambda c: summaries.text(c, number))


@pytest.mark.unverified
async def test_a_collection_is_that_of_the_sources_or_else_all(library: Database) -> None:
    def fill(tx: Tx) -> tuple[int, int]:
        first = document(tx, f"{SITE}/")
        document(tx, f"{SITE}/two", "Other text.")
        document(tx, f"{SITE}/copy", duplicate_of=first)
        document(tx, f"{SITE}/empty", "")
        summaries.store(tx, made(first))
        return run_of(tx, '{"steps": [{"action": "corpus_summary"}]}'), run_of(tx, '{"steps": [], "sources": [7]}')

    everything, nothing = await library.write(fill)
    found = await library.read(lambda c: summaries.collection(c, everything, 1, 100))
    assert found.total == 2
    first, second = found.documents
    assert first.digest is not None
    assert (first.digest.summary, first.digest.language, first.digest.level) == ("In short.", "en", 0)
    assert (second.digest, second.level) == (None, 1)
    assert (await library.read(lambda c: summaries.collection(c, nothing, 1, 100))).total == 0


@pytest.mark.unverified
async def test_of_very_many_the_sample_is_fair_and_always_the_same(library: Database) -> None:
    def fill(tx: Tx) -> int:
        for number in range(400):
            document(tx, f"{SITE}/{'deep/' * (1 + number % 7)}{number:04}", f"Text {number}.")
        document(tx, f"{SITE}/", "The front page.")
        return run_of(tx, '{"steps": []}')

    root = await library.write(fill)
    found = await library.read(lambda c: summaries.collection(c, root, 1, 40))
    ids = [each.id for each in found.documents]
    assert (len(ids), found.total) == (40, 401)
    assert ids == sorted(set(ids))
    assert 0 in [each.level for each in found.documents]
    assert len([number for number in ids if number > 200]) > 12
    assert found == await library.read(lambda c: summaries.collection(c, root, 1, 40))


@pytest.mark.parametrize(
    ("path", "level"),
    [("/", 0), ("/index.html", 0), ("/docs/", 1), ("/docs/index.html", 1), ("/docs/a/b.html?x=/", 3), ("/a", 1)],
)
def test_how_deep_an_address_lies(path: str, level: int) -> None:
    assert level_of(SITE + path) == level
