"""A library that is no good: a clear sentence, exit code 1, and not a byte is touched. And a disk that fills up."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quaero_desktop.domain.documents import DocumentFilter
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.jobs import Status
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.services import compose
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.e2e.quaero import QuaeroLibrary, wait_until
from tests.support.site import GeneratedSite, serving

WRITING = (("work", "--until-idle"), ("crawl", "{site}"), ("jobs", "cancel", "1"))
READING = (("jobs", "list"), ("documents", "list"), ("search", "page"), ("verify",))

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def site() -> Iterator[GeneratedSite]:
    with serving(GeneratedSite(pages=60)) as site:
        yield site


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, site: GeneratedSite) -> QuaeroLibrary:
    """A library with a finished crawl; only ever copied."""
    library = QuaeroLibrary(tmp_path_factory.mktemp("sound") / "library")
    library.run("crawl", site.url, "--json")
    return library


@pytest.fixture
def library(tmp_path: Path, sound: QuaeroLibrary) -> QuaeroLibrary:
    """A copy of the sound library, to damage."""
    shutil.copytree(sound.folder, tmp_path / "library")
    return QuaeroLibrary(tmp_path / "library")


def is_refused_untouched(
    library: QuaeroLibrary, site: GeneratedSite, words: str, commands: tuple[tuple[str, ...], ...] = WRITING + READING
) -> None:
    """Check that each command says *words* and ends with 1, and that no file changes or appears."""
    before = library.files()
    for command in commands:
        ended = library.run(*(word.format(site=site.url) for word in command), "--json", code=None)
        assert ended.code == 1, (command, ended)
        assert words in ended.sentence(), (command, ended.stderr)
        assert ended.stdout == ""
        after = library.files()
        del before["library.lock"], after["library.lock"]
        assert after == before, command
        before = library.files()


def execute(library: QuaeroLibrary, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(library.database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(sql)
        connection.commit()


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_one_of_a_newer_quaero(library, site):
    execute(library, "PRAGMA user_version = 99")
    is_refused_untouched(library, site, "A newer Quaero wrote this library (version 99")


def test_one_of_another_application(library, site):
    execute(library, "PRAGMA application_id = 12345")
    is_refused_untouched(library, site, "is a database of another application")


def test_a_file_that_is_no_database(library, site):
    library.database.write_bytes(b"These are my notes.\n" * 1000)
    is_refused_untouched(library, site, "is not a library, or it is damaged")


def test_one_of_no_bytes(library, site):
    library.database.write_bytes(b"")
    is_refused_untouched(library, site, "is empty")


@pytest.mark.parametrize("left", ["100 bytes", "half a page", "one page", "half", "all but a page", "all but a byte"])
def test_a_truncated_one(library, site, left):
    size = library.database.stat().st_size
    kept = {
        "100 bytes": 100,
        "half a page": 2048,
        "one page": 4096,
        "half": size // 2 // 4096 * 4096,
        "all but a page": size - 4096,
        "all but a byte": size - 1,
    }[left]
    os.truncate(library.database, kept)
    # Each of the commands goes through the same opening: one that writes and one that reads.
    is_refused_untouched(library, site, str(library.database), (WRITING[0], READING[0]))


@pytest.mark.parametrize("offset", [0, 16, 19, 100])
def test_a_header_with_flipped_bits(library, site, offset):
    """The magic, the page size, the format version, and the first page's kind."""
    old = library.database.read_bytes()[offset]
    overwrite(library.database, offset, bytes([old ^ 0x55]))
    is_refused_untouched(library, site, str(library.folder), (WRITING[0], READING[0]))


def spoil(library: QuaeroLibrary, *trees: str) -> None:
    """Overwrite the beginning of the first page of tables or indexes."""
    pages = dict(library.rows("SELECT name, rootpage FROM sqlite_schema"))
    for tree in trees:
        overwrite(library.database, (pages[tree] - 1) * library.value("PRAGMA page_size"), b"\xaa" * 64)


def test_a_page_in_the_middle_with_flipped_bits_stops_who_meets_it(library, site):
    spoil(library, "jobs")
    is_refused_untouched(library, site, "is damaged", (("jobs", "list"), ("jobs", "show", "1")))
    database = library.database.read_bytes()

    ended = library.run("crawl", site.url, "--json", code=1)

    assert "is damaged" in ended.sentence()
    assert library.database.read_bytes() == database


@pytest.mark.parametrize("tree", ["jobs", "documents", "messages_dead", "job_logs"])
def test_verify_finds_flipped_bits_wherever_they_are_and_touches_nothing(library, tree):
    spoil(library, tree)
    before = library.files()

    ended = library.run("verify", "--json", code=1)

    assert "Traceback" not in ended.stderr
    assert "is damaged" in ended.stderr if ended.stdout == "" else not ended.answer["ok"]
    assert library.files() == before


def test_a_crawl_that_meets_a_damaged_page_half_way_ends_and_moves_nothing_into_the_database(library, site):
    """What it stored before is in the WAL: database, WAL and shared memory stay together for the rescue."""
    spoil(library, "sqlite_autoindex_documents_1", "sqlite_autoindex_documents_2")
    database = library.database.read_bytes()

    ended = library.run("crawl", site.url, "--json", code=1)

    assert "is damaged" in ended.sentence()
    assert ended.stdout == ""
    assert library.database.read_bytes() == database
    assert library.wal.stat().st_size > 0


def test_a_backup_takes_the_place_of_a_damaged_one(library, site):
    name = library.run("backup", "--json").answer["name"]
    os.truncate(library.database, 5000)
    damaged = library.database.read_bytes()

    restored = library.run("backup", "restore", name, "--json").answer

    assert (Path(restored["kept_in"]) / "library.db").read_bytes() == damaged
    library.verify()
    assert library.document_urls() == sorted(site.page_urls)


# --- what may not be written ---------------------------------------------------------------------------------------


def mount(*arguments: str) -> bool:
    """Mount something, where the tests may; return whether they may."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(["mount", *arguments], capture_output=True, timeout=20, check=False).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, timeout=20, check=False)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only in the way that holds for whoever runs the tests: root may write whatever modes say."""
    if os.geteuid() != 0:
        modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
        try:
            for path, mode in modes.items():
                path.chmod(mode & ~0o222)
            yield
        finally:
            for path, mode in modes.items():
                path.chmod(mode)
        return
    if not mount("--bind", str(folder), str(folder)):
        pytest.skip("root may write anything, and may not mount here")
    try:
        if not mount("-o", "remount,bind,ro", str(folder)):
            pytest.skip("root may not mount read-only here")
        yield
    finally:
        unmount(folder)


def test_a_read_only_one(library, site):
    with read_only(library.folder):
        is_refused_untouched(library, site, "cannot be written", WRITING)


def test_a_read_only_one_without_a_writer_can_be_read_or_says_why_not(library, site):
    with read_only(library.folder):
        before = library.files()
        ended = library.run("jobs", "list", "--json", code=None)
        if ended.code:
            assert "cannot be read, because SQLite needs to keep small files" in ended.sentence()
        else:
            assert ended.answer["total_count"] == 1
        assert library.files() == before


def test_a_file_that_is_read_only_in_a_folder_that_is_not(library, site):
    if os.geteuid() == 0:
        if not mount("--bind", str(library.database), str(library.database)):
            pytest.skip("root may write anything, and may not mount here")
        mount("-o", "remount,bind,ro", str(library.database))
    else:
        library.database.chmod(0o400)
    try:
        is_refused_untouched(library, site, "cannot be written", WRITING)
    finally:
        unmount(library.database) if os.geteuid() == 0 else library.database.chmod(0o600)


# --- a disk that fills up ------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of eight megabytes."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(folder)):
        pytest.skip("only root may mount a small disk, and not everywhere")
    try:
        yield folder
    finally:
        unmount(folder)


def test_a_crawl_on_a_full_disk_waits_for_room_and_goes_on(small_disk, tmp_path):
    library = QuaeroLibrary(small_disk / "library")
    ballast = small_disk / "ballast"
    messages = tmp_path / "stderr"
    with serving(GeneratedSite(pages=150, latency=0.05)) as site:
        with (
            messages.open("w") as stderr,
            library.running("crawl", site.url, "--workers", "5", "--json", stderr=stderr) as running,
        ):
            wait_until(lambda: site.counts.total() > 20, "it crawls")
            fill(ballast)
            wait_until(lambda: "is full" in messages.read_text(), "it says that the disk is full")
            assert not running.ended
            said = messages.read_text()
            assert said.count("is full") == 1
            assert "Make room; Quaero goes on by itself." in said
            # Those that wait for room hold their pages; nothing more is fetched meanwhile.
            asked = settled_count(site.asked.total)
            ballast.unlink()
            wait_until(lambda: site.asked.total() > asked, "it goes on")
            ended = running.wait()

        said = messages.read_text()
        assert ended.code == 0, (ended, said)
        assert ended.answer["documents"] == site.options.pages
        assert "Going on." in said
        assert "Traceback" not in said
        library.verify()
        assert library.document_urls() == sorted(site.page_urls)
    assert library.rows("SELECT DISTINCT outcome FROM attempts") == [("completed",)], "no try is burnt"
    assert all(count == 1 for path, count in site.asked.items() if path in site.page_paths), "nothing is fetched again"


def test_a_crawl_on_a_full_disk_can_be_stopped(small_disk, tmp_path):
    library = QuaeroLibrary(small_disk / "library")
    ballast = small_disk / "ballast"
    messages = tmp_path / "stderr"
    with serving(GeneratedSite(pages=150, latency=0.05)) as site:
        with (
            messages.open("w") as stderr,
            library.running("crawl", site.url, "--workers", "5", "--json", stderr=stderr) as running,
        ):
            wait_until(lambda: site.counts.total() > 20, "it crawls")
            fill(ballast)
            wait_until(lambda: "is full" in messages.read_text(), "it says that the disk is full")
            asked_at = time.monotonic()
            running.send(signal.SIGTERM)
            ended = running.wait()
            assert time.monotonic() - asked_at < 5.0
        assert ended.code == 130, (ended, messages.read_text())
        assert "Traceback" not in messages.read_text()
        ballast.unlink()
        library.finish()
        assert library.document_urls() == sorted(site.page_urls)
        library.verify()


def test_a_library_cannot_be_made_on_a_full_disk(small_disk):
    fill(small_disk / "ballast")
    library = QuaeroLibrary(small_disk / "library")
    with serving(GeneratedSite(pages=3)) as site:
        ended = library.run("crawl", site.url, "--json", code=1)
        assert "full" in ended.sentence()
        assert ended.stdout == ""
        assert not library.database.exists()
        (small_disk / "ballast").unlink()
        library.run("crawl", site.url, "--json")
        library.verify()


async def test_an_engine_without_room_for_another_page_says_so_once_and_goes_on_when_there_is(tmp_path):
    """The same on any machine, with the limit that SQLite itself can set."""
    notices: list[EngineNotice] = []
    noticed = asyncio.Event()

    def notify(notice: EngineNotice) -> None:
        notices.append(notice)
        noticed.set()

    async with (
        GeneratedSite(pages=60) as site,
        compose.writing(
            LibraryFiles(tmp_path / "library"),
            compose.configuration({}).settings,
            create=True,
            engine=True,
            notify=notify,
        ) as services,
    ):
        database = services.jobs._database

        async def limit(pages: int) -> None:
            await database.write(lambda tx: tx.execute(f"PRAGMA max_page_count = {pages}").fetchone())

        root = await services.jobs.start_crawl(CrawlRequest(urls=(site.url,)))
        await limit(await database.write(lambda tx: tx.value("PRAGMA page_count")) + 50)
        assert services.engine is not None
        running = asyncio.create_task(services.engine.run(until_idle=True))
        async with asyncio.timeout(30):
            await noticed.wait()
        assert "is full" in (notices[0].message or "")
        assert not running.done()
        stored = (await services.library.documents(DocumentFilter())).total_count
        assert 0 < stored < site.options.pages
        await limit(2**30)
        async with asyncio.timeout(60):
            await running

        assert [notice.message is None for notice in notices] == [False, True]
        job = await services.jobs.get(root)
        assert (job.status, job.warnings) == (Status.COMPLETED, 0)
        documents = (await services.library.documents(DocumentFilter(limit=1000))).documents
        assert {document.url for document in documents} == site.page_urls
        outcomes = await database.read(
            lambda connection: connection.execute("SELECT DISTINCT outcome FROM attempts").fetchall()
        )
        assert outcomes == [("completed",)], "no try is burnt"
        report = await services.maintenance.verify()
        assert report.ok, [check for check in report.checks if not check.ok]
    assert all(site.counts[path] == 1 for path in site.page_paths), "nothing is fetched again"


def fill(ballast: Path) -> None:
    """Write until the disk is full."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def settled_count(count: Callable[[], int], quiet_seconds: float = 1.5) -> int:
    """Return what *count* says once it has said the same for a while."""
    last, since = count(), time.monotonic()
    while time.monotonic() - since < quiet_seconds:
        time.sleep(0.01)
        if (now := count()) != last:
            last, since = now, time.monotonic()
    return last
