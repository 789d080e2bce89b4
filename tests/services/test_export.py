"""D5: documents leave the library as markdown, JSON lines or a table: wholly or not at all, and harmless everywhere."""

import asyncio
import contextlib
import csv
import errno
import hashlib
import io
import json
import os
import re
import shutil
import tracemalloc
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from quaero_desktop.domain.documents import Document
from quaero_desktop.domain.errors import DiskFullError, ExportError, NotFoundError, UsageError
from quaero_desktop.domain.exporting import ExportFormat, ExportReport
from quaero_desktop.domain.text import single_line
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose, export, exportformats
from quaero_desktop.services.compose import Services
from quaero_desktop.storage import documents
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.export import Snapshot, snapshot
from tests.support import untrusted as untrusted_library
from tests.support.outcomes import stored
from tests.support.payloads import storable_payloads

SITE = "https://site.test/"
EVIL = "=cmd|' /C calc'!A0"


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Services]:
    async with compose.writing(LibraryFiles(tmp_path / "library"), Settings(), create=True) as services:
        yield services


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


async def fill(services: Services, *pages: Any, source: int | None = None) -> list[int]:
    """Store pages (URLs, or what storing one takes) and return the ids of their documents."""
    database: Database = services.jobs._database
    outcomes = [stored(page) if isinstance(page, str) else page for page in pages]
    return await database.write(lambda tx: [documents.store(tx, outcome, source)[0] for outcome in outcomes])


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def front_matter(text: str) -> dict[str, Any]:
    """Read the YAML that we write: quoted strings as JSON has them, and plain values."""
    head = text.split("---\n")[1]
    pairs = (line.split(": ", 1) for line in head.splitlines())
    return {key: json.loads(value) if value.startswith('"') else value for key, value in pairs}


# --- JSON lines -------------------------------------------------------------------------------------------------------


async def test_json_lines_hold_whole_documents(library, out):
    ids = await fill(
        library,
        stored(
            SITE + "a", "# A\n\nText\u2028with every\u0085kind of\u2029line.\n", title="A \u2028 title", language="de"
        ),
        stored(SITE + "b", "Words", headings=((1, "B"),), published=-62_000_000_000_000, truncated=True),
    )
    report = await library.export.export("jsonl", out / "x.jsonl")

    text = (out / "x.jsonl").read_text(encoding="utf-8")
    assert report == ExportReport(documents=2, files=1, bytes=(out / "x.jsonl").stat().st_size, target=out / "x.jsonl")
    lines = text.splitlines()
    assert len(lines) == 2
    assert [msgspec.json.decode(line, type=Document) for line in lines] == [
        await library.library.document(document_id) for document_id in ids
    ]
    assert json.loads(lines[0])["source"] == "site.test"


# --- CSV --------------------------------------------------------------------------------------------------------------


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


async def test_the_table_tells_what_is_known_and_never_runs(library, out):
    await fill(
        library,
        stored(SITE + "a", title=EVIL, description='"quoted",\nand on two lines', author="@SUM(1)", language="en"),
        stored(SITE + "b", title="\uff1d1+1", description="\t=1", author="-2+3", published=-1, thin=True),
        stored(SITE + "c", title="+49 30", author="Zoë — „so“", published=4_102_444_800_000_000),
    )
    report = await library.export.export(ExportFormat.CSV, out / "x.csv")

    rows = table(out / "x.csv")
    assert report.documents == len(rows) == 3
    assert [row["title"] for row in rows] == [f"'{EVIL}", "'\uff1d1+1", "'+49 30"]
    assert rows[0]["description"] == '"quoted", and on two lines'
    assert [row["author"] for row in rows] == ["'@SUM(1)", "'-2+3", "Zoë — „so“"]
    assert rows[1]["description"] == "'=1"
    assert [row["published_at"] for row in rows] == ["", "1969-12-31 23:59:59", "9999-12-31 23:59:59"]
    assert (rows[1]["thin"], rows[1]["truncated"]) == ("true", "false")
    assert rows[0]["characters"] == str(len(f"Text of {SITE}a"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", rows[0]["fetched_at"])
    raw = (out / "x.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfid,url,title,")
    assert raw.count(b"\r\n") == raw.count(b"\n") == 4
    for row in rows:
        for name, cell in row.items():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")), name


# --- Markdown ---------------------------------------------------------------------------------------------------------


async def test_a_folder_holds_a_file_for_each_document_and_an_index(library, out):
    await fill(
        library,
        stored(SITE, "# Start\n\nHello.\n", title="Start"),
        stored(SITE + "docs/Page", "one", title="Page"),
        stored(SITE + "docs/page.html", "two", title="Another page"),
        stored("https://other.test/x", "three", title="X"),
    )
    report = await library.export.export("markdown", out / "mine")

    assert listing(out / "mine") == [
        "index.md",
        "other.test/x.md",
        "site.test/docs/Page.md",
        "site.test/docs/page-2.md",
        "site.test/index.md",
    ]
    size = sum(path.stat().st_size for path in (out / "mine").rglob("*.md"))
    assert report == ExportReport(documents=4, files=5, bytes=size, target=out / "mine")
    index = (out / "mine" / "index.md").read_text(encoding="utf-8")
    assert re.sub(r"\d{4}-\d\d-\d\d", "TODAY", index).splitlines() == [
        "# Documents",
        "",
        "4 documents, exported from Quaero on TODAY.",
        "",
        "## other.test",
        "",
        "- [X](other.test/x.md)",
        "",
        "## site.test",
        "",
        "- [Start](site.test/index.md)",
        "- [Page](site.test/docs/Page.md)",
        "- [Another page](site.test/docs/page-2.md)",
    ]


async def test_each_file_says_what_it_is_and_holds_the_very_text(library, out):
    text = "# Über\n\nText with `code`.\r\nAnd a last line without an end"
    (document_id,) = await fill(
        library, stored(SITE + "a", text, title='A "title": with [all] of it', language="de", published=0)
    )
    await library.export.export("markdown", out)

    whole = (out / "site.test" / "a.md").read_bytes().decode()
    known = front_matter(whole)
    document = await library.library.document(document_id)
    assert known.pop("fetched_at") == known.pop("changed_at")
    assert known == {
        "title": 'A "title": with [all] of it',
        "url": SITE + "a",
        "language": "de",
        "source": "site.test",
        "published_at": "1970-01-01T00:00:00Z",
        "version": "1",
        "content_hash": f"sha256:{document.content_hash}",
    }
    body = whole.split("---\n\n", 1)[1]
    assert body == text + "\n"
    assert known["content_hash"] == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "title",
    [
        "[x](javascript:alert(1))",
        "x](https://evil.test/)[y",
        "<script>alert(1)</script>",
        "![x](https://evil.test/pixel.png)",
        "`code` *and* **more** _of_ ~~it~~ &amp; | x \\",
        "a\u202etxt.exe\u2066",
        "two\nlines\r\n- [x](y)",
        "[[wiki]] #tag",
    ],
)
async def test_titles_are_only_text_in_the_index_and_in_the_front_matter(library, out, title):
    await fill(library, stored(SITE + "a (1) [2] <3>", title=title))
    await library.export.export("markdown", out)

    index = (out / "index.md").read_text(encoding="utf-8")
    (line,) = [line for line in index.splitlines() if line.startswith("- ")]
    tokens = [token for block in MarkdownIt().parse(line) for token in block.children or ()]
    assert [token.type for token in tokens] == ["link_open", *["text"] * (len(tokens) - 2), "link_close"] or {
        token.type for token in tokens[1:-1]
    } <= {"text", "text_special"}
    href = str(tokens[0].attrs["href"])
    assert re.fullmatch(r"site\.test/[\w%.~()-]+\.md", href)
    shown = "".join(token.content for token in tokens)
    assert shown == " ".join(re.sub("[\u202e\u2066]", " ", title).split())
    (file,) = (path for path in (out / "site.test").iterdir())
    assert front_matter(file.read_text(encoding="utf-8"))["title"] == shown


async def test_no_address_leads_out_of_the_folder(library, out):
    urls = [
        SITE + "%2e%2e%2f%2e%2e%2fetc/passwd",
        SITE + "..%5C..%5Cwindows",
        SITE + "C:%5Cboot.ini",
        SITE + "aux",
        SITE + "x" * 300,
        SITE + "%00",
        "http://[::1]:8080/a",
    ]
    await fill(library, *urls)
    await library.export.export("markdown", out / "in")
    names = listing(out / "in")
    assert len(names) == len(urls) + 1
    assert {path.name for path in out.iterdir()} == {"in"}
    for name in names:
        assert ".." not in name.split("/")
        assert "\\" not in name
        assert ":" not in name


async def test_secrets_in_addresses_are_masked_everywhere(library, out):
    await fill(library, stored(SITE + "a?token=hunter2secret&x=1", canonical=SITE + "a?token=hunter2secret"))
    await library.export.export("markdown", out / "m")
    await library.export.export("csv", out / "x.csv")
    await library.export.export("jsonl", out / "x.jsonl")
    written = [path.read_text(encoding="utf-8") for path in out.rglob("*") if path.is_file() and path.name != "x"]
    # The text of a page is what was collected, and left as it is; this one's is its address.
    told = "\n".join(written).replace(f"Text of {SITE}a?token=hunter2secret", "")
    assert "hunter2" not in told + "".join(listing(out))
    assert "••••" in told


# --- Which documents --------------------------------------------------------------------------------------------------


async def exported(library: Services, out: Path, **which: Any) -> list[str]:
    await library.export.export("jsonl", out / "x.jsonl", overwrite=True, **which)
    lines = (out / "x.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["url"].removeprefix(SITE) for line in lines]


async def test_documents_are_chosen_by_search_part_source_and_ids(library, out):
    await library.jobs._database.write(
        lambda tx: tx.execute(
            "INSERT INTO sources (id, name, base_url, created_at, updated_at) VALUES (77, 'mine', ?, 0, 0)", (SITE,)
        )
    )
    a, b, c = await fill(
        library,
        stored(SITE + "a", "apples and pears", title="Fruit"),
        stored(SITE + "b", "pears", title="Pears"),
        stored(SITE + "c", "plums", title="Plums"),
    )
    (d,) = await fill(library, stored(SITE + "a", "apples again", title="Mine"), source=77)

    assert await exported(library, out) == ["a", "a", "b", "c"]
    assert await exported(library, out, query="pears") == ["b", "a"]
    assert await exported(library, out, query="pears -apples") == ["b"]
    assert await exported(library, out, part="PLUM") == ["c"]
    assert await exported(library, out, source=77) == ["a"]
    assert await exported(library, out, query="apples", source=77) == ["a"]
    assert await exported(library, out, ids=[c, a, c]) == ["c", "a"]
    assert await exported(library, out, ids=[b, a, d], query="apples") == ["a", "a"]
    assert await exported(library, out, query="  ", part="") == ["a", "a", "b", "c"]


async def test_a_search_exports_all_that_it_finds(library, out):
    await fill(library, *(stored(f"{SITE}{number}", f"common words {number}") for number in range(700)))
    found = await exported(library, out, query="common")
    assert len(found) == len(set(found)) == 700
    hits = (await library.library.search("common", limit=1000)).results
    assert found == [hit.url.removeprefix(SITE) for hit in hits]


async def test_what_is_not_there_any_more_is_told(library, out):
    (a,) = await fill(library, SITE + "a")
    report = await library.export.export("csv", out / "x.csv", ids=[a, 99, 2**70, 99])
    assert (report.documents, report.skipped) == (1, (99, 2**70))


@pytest.mark.parametrize("which", [{}, {"ids": [99]}, {"query": "nothing"}, {"part": "nothing"}, {"source": 99}])
async def test_without_a_document_nothing_is_made(library, out, which):
    if which:
        await fill(library, SITE + "a")
    for kind in ExportFormat:
        with pytest.raises(NotFoundError):
            await library.export.export(kind, out / "x", **which)
    assert list(out.iterdir()) == []


async def test_an_unknown_format_names_the_others(library, out):
    with pytest.raises(UsageError, match="pdf") as refused:
        await library.export.export("pdf", out / "x")
    assert refused.value.hint == "Use one of markdown, jsonl, csv."


# --- Where it goes ----------------------------------------------------------------------------------------------------


async def test_what_exists_is_never_replaced_unless_it_is_an_empty_folder(library, out):
    await fill(library, SITE + "a")
    (out / "file").write_text("mine")
    (out / "full").mkdir()
    (out / "full" / "mine").write_text("mine")
    (out / "empty").mkdir()
    (out / "dangling").symlink_to(out / "nowhere")
    before = listing(out)

    for kind, name in (
        ("jsonl", "file"),
        ("csv", "full"),
        ("jsonl", "dangling"),
        ("markdown", "file"),
        ("markdown", "full"),
        ("markdown", "dangling"),
    ):
        with pytest.raises(ExportError, match=name):
            await library.export.export(kind, out / name)
    for kind in ("markdown", "csv"):
        with pytest.raises(ExportError):
            await library.export.export(kind, out / "full", overwrite=True)
    assert listing(out) == before

    await library.export.export("markdown", out / "empty")
    assert listing(out / "empty") == ["index.md", "site.test/a.md"]
    await library.export.export("jsonl", out / "file", overwrite=True)
    assert (out / "file").read_text(encoding="utf-8").startswith('{"id":1')


async def test_the_library_itself_is_no_place(library, out):
    await fill(library, SITE + "a")
    for target in (library.files.database, library.files.folder, library.files.folder / "x.csv"):
        with pytest.raises(ExportError, match="library's own folder"):
            await library.export.export("csv", target, overwrite=True)
    (out / "way").symlink_to(library.files.folder)
    with pytest.raises(ExportError, match="library's own folder"):
        await library.export.export("csv", out / "way" / "x.csv")


async def test_a_folder_that_is_not_there_is_told(library, out):
    await fill(library, SITE + "a")
    with pytest.raises(ExportError, match="There is no folder"):
        await library.export.export("csv", out / "none" / "x.csv")
    (out / "file").touch()
    with pytest.raises(ExportError, match="There is no folder"):
        await library.export.export("markdown", out / "file" / "x")


async def test_an_empty_folder_behind_a_link_is_filled(library, out):
    await fill(library, SITE + "a")
    (out / "real").mkdir()
    (out / "link").symlink_to(out / "real")
    await library.export.export("markdown", out / "link")
    assert listing(out / "real") == ["index.md", "site.test/a.md"]
    assert (out / "link").is_symlink()


@contextlib.contextmanager
def as_it_reads(act: Callable[[], object]) -> Iterator[None]:
    """Do something before each document is read, in the thread that exports."""
    read = Snapshot.document

    def document(found: Snapshot, document_id: int) -> Any:
        act()
        return read(found, document_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Snapshot, "document", document)
        yield


async def test_what_somebody_puts_there_meanwhile_stays(library, out):
    await fill(library, SITE + "a")

    def put_file() -> None:
        (out / "x.csv").write_text("mine")

    def put_folder() -> None:
        (out / "m").mkdir()
        (out / "m" / "mine").write_text("mine")

    for kind, name, put in (("csv", "x.csv", put_file), ("markdown", "m", put_folder)):
        with as_it_reads(put), pytest.raises(ExportError, match="by now"):
            await library.export.export(kind, out / name)
    assert listing(out) == ["m/mine", "x.csv"]
    assert (out / "x.csv").read_text() == "mine"


# --- All or nothing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(ExportFormat))
async def test_a_cancelled_export_leaves_nothing_behind(library, out, kind, monkeypatch):
    await fill(library, *(f"{SITE}{number}" for number in range(50)))
    loop = asyncio.get_running_loop()
    begun = asyncio.Event()
    read = Snapshot.document

    def document(found: Snapshot, document_id: int) -> Any:
        if document_id == 10:
            loop.call_soon_threadsafe(begun.set)
            while not errands[0].stopped:
                pass
        return read(found, document_id)

    errands: list[Any] = []

    def noting(work: Any, path: Path) -> Any:
        errands.append(work)
        return snapshot(work, path)

    monkeypatch.setattr(Snapshot, "document", document)
    monkeypatch.setattr("quaero_desktop.services.export.snapshot", noting)
    task = asyncio.create_task(library.export.export(kind, out / "x"))
    await asyncio.wait_for(begun.wait(), 5)
    assert {path.suffix for path in out.iterdir()} == {".part"}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("kind", list(ExportFormat))
async def test_a_full_disk_is_told_and_leaves_nothing(library, out, kind, monkeypatch):
    await fill(library, *(f"{SITE}{number}" for number in range(50)))
    read = Snapshot.document

    def document(found: Snapshot, document_id: int) -> Any:
        if document_id == 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return read(found, document_id)

    monkeypatch.setattr(Snapshot, "document", document)
    with pytest.raises(DiskFullError, match="no room") as full:
        await library.export.export(kind, out / "x")
    assert str(out) in full.value.message
    assert list(out.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_cannot_be_written_is_told(library, out):
    await fill(library, SITE + "a")
    out.chmod(0o500)
    for kind in ExportFormat:
        with pytest.raises(ExportError, match="cannot be written"):
            await library.export.export(kind, out / "x")
    out.chmod(0o700)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is none here")
async def test_no_room_for_real(library, tmp_path):
    """``/dev/full`` is a disk that is always full."""
    await fill(library, *(f"{SITE}{number}" for number in range(5)))
    writers = {kind: writer for kind, writer in exportformats.WRITERS.items() if kind != ExportFormat.MARKDOWN}
    for writer in writers.values():
        with pytest.raises(OSError, match="No space") as full:
            writer(Path("/dev/full"), documents_of(library), 5)
        assert isinstance(export._explained(full.value, tmp_path / "x"), DiskFullError)


def documents_of(library: Services) -> Any:
    with snapshot(Errand(), library.files.database) as found:
        yield from map(found.document, found.choose())


async def test_progress_counts_up_to_the_end_on_the_loop(library, out, monkeypatch):
    monkeypatch.setattr(export, "_TELL_SECONDS", 0.0)
    await fill(library, *(f"{SITE}{number}" for number in range(20)))
    told: list[tuple[int, int]] = []
    loop = asyncio.get_running_loop()

    def progress(done: int, total: int) -> None:
        assert asyncio.get_running_loop() is loop
        told.append((done, total))

    await library.export.export("markdown", out, progress=progress)
    assert told[0] == (0, 20)
    assert told[-1] == (20, 20)
    assert told == sorted(told)


async def test_what_is_exported_is_of_one_moment(library, out):
    await fill(library, *(f"{SITE}{number}" for number in range(3)))
    database: Database = library.jobs._database
    changed = False

    def delete() -> None:
        nonlocal changed
        if not changed:
            changed = True
            asyncio.run_coroutine_threadsafe(
                database.write(lambda tx: tx.execute("DELETE FROM documents")), loop
            ).result(5)

    loop = asyncio.get_running_loop()
    with as_it_reads(delete):
        report = await library.export.export("jsonl", out / "x.jsonl")
    assert report.documents == len((out / "x.jsonl").read_text().splitlines()) == 3


async def test_memory_does_not_grow_with_the_documents(library, out):
    text = "word " * 20_000
    for start in range(0, 200, 50):
        await fill(library, *(stored(f"{SITE}{number}", f"{number} {text}") for number in range(start, start + 50)))
    for kind in ExportFormat:
        tracemalloc.start()
        try:
            await library.export.export(kind, out / kind)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 5_000_000, kind  # the texts are 20 MB
    shutil.rmtree(out)


def test_cells_that_could_run_are_made_text():
    dangerous: Sequence[str] = ("=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n@", " =1", "\uff0b1", "\u202e=1")
    for text in dangerous:
        assert exportformats.safe_cell(text).startswith("'"), repr(text)
    for text in ("a=1", "1", "", "'", "x-1", "https://site.test/?a=-1", "a; b", "a;b=1"):
        assert exportformats.safe_cell(text) == text
    assert exportformats.safe_cell('x;"=1') == "x;\"'=1"


FORMULA_PARTS = st.sampled_from(
    ["=", "+", "-", "@", ";", ",", '"', "'", " ", "\t", "\r\n", "\u200b", "\uff1d", "\ufe63", "1", "a"]
)


@given(st.one_of(st.text(), st.lists(FORMULA_PARTS, max_size=12).map("".join)))
def test_no_text_is_a_formula_whichever_way_a_spreadsheet_reads_the_table(text: str):
    cell = exportformats.safe_cell(text)
    file = io.StringIO(newline="")
    csv.writer(file).writerow(["1", cell, "last"])
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert row == ["1", cell, "last"]
    # Where lists are written with semicolons, the program cuts there; a tab and a line end are never in a cell.
    assert not set(cell) & set("\t\r\n\0")
    for delimiter in ",;":
        for read in csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter):
            for each in read:
                shown = unicodedata.normalize("NFKC", re.sub("[\u200b-\u200d\xad\u2060]", "", each)).strip()
                assert not shown.startswith(("=", "+", "-", "@")), (each, delimiter)


@given(st.one_of(st.text(), st.text(alphabet="[]()<>!*_`\\|#~&;$^ax1 \n", max_size=30)))
def test_no_title_is_more_than_the_text_of_its_link(title: str):
    line = single_line(title, 200)
    (block,) = [
        each for each in MarkdownIt().parse(f"- [{exportformats._as_text(line)}](a.md)\n") if each.type == "inline"
    ]
    tokens = block.children or []
    assert (tokens[0].type, tokens[0].attrs["href"], tokens[-1].type) == ("link_open", "a.md", "link_close")
    assert {token.type for token in tokens[1:-1]} <= {"text", "text_special"}
    assert "".join(token.content for token in tokens) == line


@given(st.text())
def test_no_text_leaves_its_place_in_the_front_matter(text: str):
    quoted = exportformats._quoted(text)
    assert quoted.isprintable() or not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]", quoted)
    assert (json.loads(quoted) if quoted else "") == single_line(text, exportformats._MOST_OF_A_CELL)


# --- Hostile libraries ------------------------------------------------------------------------------------------------


@pytest.fixture
async def untrusted(library) -> Services:
    """A library full of texts of others."""
    await untrusted_library.fill(library, storable_payloads())
    return library


async def test_each_field_of_each_document_comes_back_from_json_lines(untrusted, out):
    report = await untrusted.export.export("jsonl", out / "x.jsonl")
    lines = (out / "x.jsonl").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == report.documents == (await untrusted.library.statistics()).documents > 60
    names = {source.id: source.name for source in await untrusted.sources.list()}
    titles = set()
    for line in lines:
        found = json.loads(line)
        document = await untrusted.library.document(found["id"])
        summary = await untrusted.library.summary(document.id)
        said = found.pop("summary", ""), found.pop("keywords", [])
        assert said == ("", []) if summary is None else (summary.summary, list(summary.keywords))
        assert found.pop("source") == names[document.source_id]
        assert found.keys() == set(document.__struct_fields__)
        for name in document.__struct_fields__:
            assert found[name] == msgspec.to_builtins(getattr(document, name)), name
        titles.add(document.title)
    assert titles >= {text for number, text in enumerate(storable_payloads()) if number % 3}


async def test_a_folder_and_a_table_of_them_are_harmless(untrusted, out):
    report = await untrusted.export.export("markdown", out / "m")
    files = [path for path in (out / "m").rglob("*") if path.is_file()]
    assert len(files) == report.files == report.documents + 1
    for path in files:
        assert path.resolve().is_relative_to((out / "m").resolve())
        assert not path.is_symlink()
        assert not re.search('[<>:"|?*\\x00-\x1f\x7f-\x9f\u202a-\u202e]', str(path.relative_to(out)))
        assert not path.name.startswith((".", "-", "~"))
    index = (out / "m" / "index.md").read_text(encoding="utf-8")
    for block in MarkdownIt().parse(index):
        for token in block.children or ():
            assert token.type in ("text", "text_special", "link_open", "link_close"), token
            assert not str(token.attrs.get("href", "")).startswith(("javascript", "data", "file", "http", "//", "/"))
    await untrusted.export.export("csv", out / "x.csv")
    rows = table(out / "x.csv")
    assert len(rows) == report.documents
    for row in rows:
        for name, cell in row.items():
            assert not cell.startswith(tuple("=+-@\t\r\n")), name
            assert len(cell) <= 32_767
            assert "\n" not in cell
