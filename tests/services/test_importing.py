"""A database of the old Quaero comes with everything in it that was sound, and the rest is named (O2)."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from quaero_desktop.domain.cleanup import DAY_MS
from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.importing import ImportReport, Kind, LegacyFileError, reasons
from quaero_desktop.domain.jobs import MAX_TREE_DEPTH, Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings, StorageSettings
from quaero_desktop.services import compose
from quaero_desktop.services.importing.reader import NO_KEYRING, SAME_ID
from quaero_desktop.services.importing.service import look_into
from quaero_desktop.services.importing.transfer import UNTIL_THE_END
from quaero_desktop.storage.importing import legacyfile, writing
from quaero_desktop.storage.importing.legacyfile import CIRCLE, MISSING_PARENT, TOO_DEEP, UNDECODABLE, WRAPPER
from tests.support import fake_keyring
from tests.support.crawling import assert_sound, rows
from tests.support.legacy import LATER_TABLES, SITE, T0, TABLES, anything, large, legacy_database, sound

SECRET = "s3cr3t-of-the-session"


@pytest.fixture
async def services(tmp_path):
    """A new library; it is sound when the test is over, and what came stays so (verify finds nothing)."""
    async with compose.writing(LibraryFiles(tmp_path / "library"), Settings(), create=True) as services:
        yield services
        await assert_sound(services)


@pytest.fixture
def old(tmp_path) -> Path:
    return tmp_path / "quaero.db"


def why(report) -> dict[tuple[str, str], str]:
    """What is left out: the reason by table and id."""
    return {(each.table, each.id): each.why for each in report.left_out}


async def job_named(services, name):
    page = await services.jobs.page(JobFilter(parent="all", limit=None))
    return next(job for job in page.jobs if job.name == name)


def content(services) -> list[tuple]:
    """Everything of the library that an import can have written, but for what a clock or a number says."""
    return [row for sql in CONTENT.strip().split(";") for row in rows(services, sql)]


CONTENT = """
SELECT 'job', legacy_id, url, type, phase, status, name, error, cause, depth, document_id IS NULL,
    (SELECT p.legacy_id FROM jobs p WHERE p.id = j.parent_id) FROM jobs j ORDER BY root_id, url, legacy_id;
SELECT 'log', j.legacy_id, l.level, l.at, l.message FROM job_logs l JOIN jobs j ON j.id = l.job_id
    ORDER BY j.legacy_id, l.id;
SELECT 'document', legacy_id, url, title, content_hash, markdown FROM documents ORDER BY url, legacy_id;
SELECT 'source', legacy_id, name, base_url, rules FROM sources ORDER BY legacy_id, base_url;
SELECT 'credential', legacy_id, name, origin, kind FROM credentials ORDER BY legacy_id;
SELECT 'definition', legacy_id, name, body FROM definitions ORDER BY legacy_id;
SELECT 'root', j.legacy_id, p.discovered, p.documents FROM root_progress p JOIN jobs j ON j.id = p.root_id ORDER BY 2
"""


def python(code: str, *arguments: object) -> int:
    """Run code in a process of its own; return how it ended."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode


def quaero_process(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "quaero_desktop", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )


# --- everything that is sound -----------------------------------------------------------------------------------------


async def test_everything_that_is_sound_comes(services, old, monkeypatch):
    keyring = fake_keyring.use(monkeypatch)
    report = await services.importing.run(sound(old))

    assert report.imported == {
        "credentials": 1, "sources": 1, "definitions": 2, "documents": 3, "jobs": 5, "logs": 2, "seen_urls": 1,
    }  # fmt: skip
    assert report.left_out == ()
    assert report.secrets == 1
    assert any(SECRET in entry for entry in keyring.entries.values())


async def test_a_crawl_comes_as_one_root_with_its_pages(services, old):
    await services.importing.run(sound(old))

    (root,) = (await services.jobs.page(JobFilter())).jobs
    assert (root.type, root.status, root.name) == ("crawl", "completed", "Crawl crawl-1")
    assert (root.created_at, root.started_at, root.completed_at) == (T0 * 1000, (T0 + 1) * 1000, (T0 + 60) * 1000)
    assert root.payload["seeds"] == [SITE]
    assert (root.payload["max_depth"], root.payload["per_host"]) == (3, 4)
    assert rows(services, "SELECT DISTINCT origin FROM jobs") == [("legacy",)]
    gone = await job_named(services, f"{SITE}gone")
    assert (gone.status, gone.cause, gone.parent_id, gone.depth) == ("failed", "not_found", root.id, 1)
    details = (await services.jobs.details(root.id)).root
    assert (details.documents, details.discovered) == (3, 5)
    lines = await services.jobs.logs(root.id, level="debug", limit=None, children=True)
    assert [(line.level, line.message, line.at) for line in lines] == [
        ("info", "started", (T0 + 5) * 1000),
        ("error", "HTTP 404", (T0 + 5) * 1000),
    ]


async def test_a_job_is_linked_to_its_definition_and_its_source(services, old):
    await services.importing.run(sound(old))

    (root,) = (await services.jobs.page(JobFilter())).jobs
    (nightly,) = [each for each in await services.definitions.list() if each.definition.name == "Definition nightly"]
    assert root.definition_id == nightly.id
    assert root.source_id == nightly.definition.sources[0]
    assert nightly.definition.schedule == "0 2 * * *"
    assert nightly.problem == ""


async def test_a_page_opens_its_document_and_a_search_finds_it(services, old):
    await services.importing.run(sound(old))

    hits = (await services.library.search("words of a")).results
    document = await services.library.document(f"{SITE}a")
    assert document.id in [hit.document_id for hit in hits]
    assert document.markdown == "# Page a\n\nWords of a.\n"
    assert document.title == "Title of doc-a"
    assert document.fetched_at == (T0 + 10) * 1000
    assert document.language == "en"
    job = await job_named(services, f"{SITE}a")
    assert await services.library.documents_of_jobs([job.id]) == [document.id]


async def test_an_imported_crawl_can_be_run_again_retried_and_deleted(services, old):
    await services.importing.run(sound(old))
    (root,) = (await services.jobs.page(JobFilter())).jobs

    again = await services.jobs.get(await services.jobs.rerun(root.id))
    assert (again.rerun_of, again.definition_id) == (root.id, root.definition_id)
    assert await services.jobs.retry(root.id) == 1
    await services.jobs.cancel(root.id)
    await assert_sound(services)
    deletion = await services.deletion.delete([root.id], purge=True)
    assert root.id in deletion.deleted
    assert (await services.library.document(f"{SITE}a")).title == "Title of doc-a", "documents stay"


async def test_addresses_that_were_met_and_have_no_job_become_pages_of_their_crawl(services, old):
    """In the oldest files there are no jobs for pages: these addresses are all that is known of them."""
    with legacy_database(old) as legacy:
        legacy.crawl("crawl-1")
        legacy.document("doc-a", f"{SITE}a")
        for name in ("", "a", "b", "b#part"):
            legacy.add("job_seen_urls", job_id="crawl-1", url=SITE + name, created_at=T0 + 2)

    report = await services.importing.run(old)

    assert report.imported["seen_urls"] == 3
    assert (await job_named(services, SITE)).depth == 0, "it is where the crawl began"
    fetched, unknown = [await job_named(services, f"{SITE}{name}") for name in "ab"]
    assert (fetched.status, unknown.status) == ("completed", "skipped")
    assert "noted nothing" in unknown.error
    assert unknown.depth == 1
    root = await job_named(services, "Crawl crawl-1")
    assert root.pages == 3


async def test_the_logs_that_came_are_kept_however_old_they_are(services, old):
    """O3: they are older than the settings keep logs from the first day, and nobody would have them come for a day."""
    await services.importing.run(sound(old))
    settings = Settings()
    assert settings.storage.log_retention_days

    assert (await services.cleanup.apply_retention(settings)).log_lines == 0
    assert rows(services, "SELECT count(*) FROM job_logs") == [(2,)]


async def test_the_jobs_that_came_are_kept_until_somebody_has_them_deleted(services, old):
    """O3: the same holds for the jobs; a cleanup by hand takes them like any other."""
    await services.importing.run(sound(old))
    settings = msgspec.structs.replace(Settings(), storage=StorageSettings(job_retention_days=1))
    count = "SELECT count(*) FROM jobs WHERE origin = 'legacy'"
    [(came,)] = rows(services, count)

    assert (await services.cleanup.apply_retention(settings)).jobs == 0
    assert rows(services, count) == [(came,)]

    assert (await services.cleanup.run(DAY_MS)).jobs == came > 0
    assert rows(services, count) == [(0,)]


# --- twice, and half-way ----------------------------------------------------------------------------------------------


async def test_running_it_twice_adds_nothing(services, old, monkeypatch):
    fake_keyring.use(monkeypatch)
    sound(old)
    first = await services.importing.run(old)
    before = content(services)

    second = await services.importing.run(old)

    assert not any(second.imported.values())
    assert second.present == first.imported
    assert second.secrets == 0
    assert content(services) == before


@pytest.mark.parametrize("writes", range(1, 12))
async def test_an_import_that_was_cut_off_goes_on_and_adds_nothing_twice(services, old, tmp_path, monkeypatch, writes):
    monkeypatch.setattr("quaero_desktop.services.importing.transfer._ROWS", 4)
    monkeypatch.setattr("quaero_desktop.services.importing.transfer._DOCUMENTS", 2)
    sound(old)
    with contextlib.closing(sqlite3.connect(old)) as connection:
        # The log of one job takes several transactions.
        connection.executemany(
            "INSERT INTO job_logs (job_id, level, message, created_at) VALUES ('page-a', 'info', ?, ?)",
            [(f"line {number}", T0 + number) for number in range(15)],
        )
        connection.commit()

    write, left = services.importing._database.write, writes

    async def dying(function):
        nonlocal left
        left -= 1
        if left < 0:
            raise KnownError("The process died here.")
        return await write(function)

    monkeypatch.setattr(services.importing._database, "write", dying)
    with contextlib.suppress(KnownError):
        await services.importing.run(old)
    monkeypatch.setattr(services.importing._database, "write", write)
    await assert_sound(services)

    await services.importing.run(old)

    async with compose.writing(LibraryFiles(tmp_path / "other"), Settings(), create=True) as other:
        await other.importing.run(old)
        assert content(services) == content(other)
    assert rows(services, "SELECT count(*) FROM job_logs") == [(17,)]
    assert rows(services, "SELECT count(*) FROM jobs WHERE legacy_id GLOB ?", f"{writing.UNFINISHED}*") == [(0,)]


async def test_cancelling_stops_between_two_transactions(services, old):
    large(old, 3000, lines_per_job=0)
    seen = asyncio.Event()
    task = asyncio.create_task(services.importing.run(old, progress=lambda said: seen.set()))
    await seen.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    report = await services.importing.run(old)

    assert report.imported["jobs"] + report.present["jobs"] == 3010


async def test_a_killed_import_goes_on(tmp_path, old):
    """The same with a process that dies: nothing is lost, and nothing comes twice."""
    large(old, 4000, lines_per_job=1)
    library = tmp_path / "killed"
    process = quaero_process("import", old, "--json", "--library", library)
    try:
        wal = library / "library.db-wal"
        async with asyncio.timeout(30):
            while process.poll() is None and not (wal.exists() and wal.stat().st_size > 500_000):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    finally:
        process.kill()
        process.wait()

    async with compose.writing(LibraryFiles(library), Settings(), create=True) as services:
        report = await services.importing.run(old)
        assert report.imported["jobs"] + report.present["jobs"] == 4010
        assert rows(services, "SELECT count(*), count(DISTINCT legacy_id) FROM jobs") == [(4010, 4010)]
        assert rows(services, "SELECT count(*) FROM job_logs") == [(4000,)]
        await assert_sound(services)


# --- what is left out -------------------------------------------------------------------------------------------------


async def test_orphans_are_left_out_and_counted(services, old):
    with legacy_database(old) as legacy:
        legacy.crawl("crawl-1")
        legacy.page("page-1", "crawl-1", f"{SITE}1")
        legacy.page("orphan", "nobody", f"{SITE}2")
        legacy.page("below", "orphan", f"{SITE}3")
        legacy.log("orphan", "a line")
        legacy.log("vanished", "another line")
        legacy.add("job_seen_urls", job_id="vanished", url=SITE, created_at=T0)

    report = await services.importing.run(old)

    assert report.imported["jobs"] == 2
    assert why(report) == {
        ("crawl_jobs", "orphan"): MISSING_PARENT,
        ("crawl_jobs", "below"): legacyfile.BELOW_MISSING,
        ("job_logs", "orphan"): "log lines of a job that does not come",
        ("job_logs", "vanished"): "log lines of a job that does not come",
        ("job_seen_urls", "vanished"): "addresses met by a job that does not come",
    }


@pytest.mark.parametrize("parent", [None, "", "  "])
async def test_childless_wrappers_are_left_out(services, old, parent):
    with legacy_database(old) as legacy:
        legacy.crawl("wrapper", parent_id=parent, entity_type="job_definition")
        legacy.crawl("used", parent_id=parent, entity_type="job_definition")
        legacy.page("page", "used", f"{SITE}1")
        legacy.crawl("plain", parent_id=parent)

    report = await services.importing.run(old)

    assert why(report) == {("crawl_jobs", "wrapper"): WRAPPER}
    assert report.imported["jobs"] == 3


async def test_trees_deeper_than_ten_and_circles_are_left_out(services, old):
    """J1: a tree of jobs has at most ten levels below its root; X1: a circle is no hang."""
    with legacy_database(old) as legacy:
        legacy.crawl("level-0")
        for level in range(1, MAX_TREE_DEPTH + 3):
            legacy.page(f"level-{level}", f"level-{level - 1}", f"{SITE}{level}")
        legacy.page("egg", "hen", f"{SITE}egg")
        legacy.page("hen", "egg", f"{SITE}hen")
        legacy.page("self", "self", f"{SITE}self")

    report = await services.importing.run(old)

    assert report.imported["jobs"] == MAX_TREE_DEPTH + 1
    assert why(report) == {
        ("crawl_jobs", "level-11"): TOO_DEEP,
        ("crawl_jobs", "level-12"): TOO_DEEP,
        **{("crawl_jobs", name): CIRCLE for name in ("egg", "hen", "self")},
    }
    deletion = await services.deletion.delete([(await job_named(services, "Crawl level-0")).id], purge=True)
    assert not deletion.failed


async def test_broken_json_is_named_and_everything_else_comes(services, old):
    with legacy_database(old) as legacy:
        legacy.crawl("crawl-1", config_json='{"max_depth": ', progress_json="nonsense", metadata="[1, 2]")
        legacy.page("page-1", "crawl-1", f"{SITE}1", metadata="{'depth': 1}")
        legacy.document("doc-1", f"{SITE}1", metadata='{"title": "cut o')
        legacy.source("source-1", crawl_config="{", filters='"text"')
        legacy.definition("broken", steps='[{"name": "crawl"')
        legacy.definition("partly", sources="source-1", error_tolerance="5")

    report = await services.importing.run(old)

    assert report.imported == {
        "credentials": 0, "sources": 1, "definitions": 1, "documents": 1, "jobs": 2, "logs": 0, "seen_urls": 0,
    }  # fmt: skip
    named = {(each.table, each.id) for each in report.left_out}
    assert named == {
        ("crawl_jobs", "crawl-1"), ("crawl_jobs", "page-1"), ("documents", "doc-1"), ("sources", "source-1"),
        ("job_definitions", "broken"), ("job_definitions", "partly"),
    }  # fmt: skip
    assert "config_json is not valid JSON" in " ".join(each.reason for each in report.left_out if each.id == "crawl-1")


async def test_text_that_cannot_be_decoded_is_left_out(services, old):
    with legacy_database(old) as legacy:
        legacy.crawl("crawl-1")
        legacy.page("page-1", "crawl-1", f"{SITE}1")
        legacy.page("below", "page-1", f"{SITE}2")
        legacy.document("doc-1", f"{SITE}1")
        legacy.log("crawl-1", "a line")
        for table, column in (("documents", "content_markdown"), ("job_logs", "message")):
            legacy.connection.execute(f"UPDATE {table} SET {column} = CAST(x'ff41fe' AS TEXT)")
        legacy.connection.execute("UPDATE crawl_jobs SET name = CAST(x'ff41fe' AS TEXT) WHERE id = 'page-1'")

    report = await services.importing.run(old)

    assert why(report) == {
        ("documents", "doc-1"): UNDECODABLE,
        ("job_logs", "1"): UNDECODABLE,
        ("crawl_jobs", "page-1"): UNDECODABLE,
        ("crawl_jobs", "below"): writing.PARENT_LEFT_OUT,
    }
    assert why(await look_into(old)) == why(report)


async def test_jobs_that_were_open_become_cancelled(services, old):
    with legacy_database(old) as legacy:
        legacy.crawl("crawl-1", status="running", completed_at=None, last_heartbeat=T0 + 30)
        for status in ("pending", "running", "", None):
            legacy.page(f"page-{status}", "crawl-1", f"{SITE}{status}", status=status, completed_at=None)
        legacy.page("odd", "crawl-1", f"{SITE}odd", status="exploded")

    report = await services.importing.run(old)

    jobs = (await services.jobs.page(JobFilter(parent="all"))).jobs
    assert {job.status for job in jobs} == {Status.CANCELLED}
    assert (await job_named(services, "Crawl crawl-1")).completed_at == (T0 + 30) * 1000
    assert why(report) == {("crawl_jobs", "odd"): "its status is unknown, so it comes as cancelled"}


async def test_the_same_address_twice(services, old):
    """J2: within a crawl an address is one page, and within a source one document: the newest."""
    with legacy_database(old) as legacy:
        legacy.crawl("crawl-1")
        legacy.page("first", "crawl-1", f"{SITE}a")
        legacy.page("second", "crawl-1", f"{SITE}a#part")
        legacy.document("older", f"{SITE}a", "old words")
        legacy.document("newer", f"{SITE}a", "new words", updated_at=T0 + 99)
        legacy.document("copy", f"{SITE}b", "new words")

    report = await services.importing.run(old)

    assert why(report) == {
        ("crawl_jobs", "second"): writing.SAME_PAGE,
        ("documents", "older"): writing.SAME_ADDRESS,
    }
    original, copy = [await services.library.document(f"{SITE}{name}") for name in "ab"]
    assert original.markdown == "new words"
    assert copy.duplicate_of == original.id
    assert why(await look_into(old)) == why(report)


async def test_documents_without_an_address_are_left_out(services, old):
    with legacy_database(old) as legacy:
        legacy.source("source-1")
        legacy.document("none", "", source_id="PROJ-1")
        legacy.document("mail", "mailto:somebody")
        legacy.document("relative", "/browse/PROJ-2", source_id="source-1")
        legacy.document("elsewhere", "", metadata={"source_url": f"{SITE}said-there"})

    report = await services.importing.run(old)

    assert report.imported["documents"] == 2
    assert {each.id for each in report.left_out} == {"none", "mail"}
    assert (await services.library.document(f"{SITE}browse/PROJ-2")).title == "Title of relative"


async def test_a_document_of_our_own_stays(services, old):
    with legacy_database(old) as legacy:
        legacy.document("doc-1", f"{SITE}a", "old words")
    await services.importing.run(old)
    with contextlib.closing(sqlite3.connect(services.files.database)) as connection:
        connection.execute("UPDATE documents SET legacy_id = NULL")
        connection.commit()

    report = await services.importing.run(old)

    assert why(report) == {("documents", "doc-1"): writing.HAVE_ALREADY}


@pytest.mark.parametrize(
    "written",
    [
        -5,
        0,
        10**10,
        10**12,
        10**18,
        1e300,
        float("nan"),
        "yesterday",
        "9999-99-99 99:99:99",
        "0001-01-01T00:00:00Z",
        "",
    ],
)
async def test_nonsense_times_are_bounded(services, old, written):
    with legacy_database(old) as legacy:
        times = dict.fromkeys(("created_at", "started_at", "completed_at"), written)
        legacy.crawl("crawl-1", **times)
        legacy.document("doc-1", f"{SITE}a", last_synced=written, created_at=written, updated_at=written)

    await services.importing.run(old)

    job = await job_named(services, "Crawl crawl-1")
    now = SystemClock().now_ms()
    assert 0 < job.created_at <= now
    assert 0 < (await services.library.document(f"{SITE}a")).fetched_at <= now


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_stands_in_the_columns_the_import_ends_and_the_library_is_sound(services, old, seed):
    preview = await services.importing.preview(anything(old, seed))
    report = await services.importing.run(old)

    assert preview.coming == report.imported
    assert set(preview.left_out) == set(report.left_out)
    assert not any((await services.importing.run(old)).imported.values())
    for job in (await services.jobs.page(JobFilter(parent="all", limit=None))).jobs:
        await services.jobs.details(job.id)
    assert len(await services.definitions.list()) == report.imported["definitions"]


@pytest.mark.parametrize("table", ["documents", "sources", "auth_credentials", "job_definitions"])
async def test_of_rows_that_are_called_the_same_the_first_comes(services, old, table):
    """To SQLite the number 1 and the text 1 are two, where a column has no type."""
    with contextlib.closing(sqlite3.connect(old)) as legacy, legacy:
        legacy.execute(
            f"CREATE TABLE {table} (id PRIMARY KEY, name, base_url, site_domain, crawl_config, steps, content_markdown,"
            " url)"
        )
        for row_id in (1, "1"):
            legacy.execute(
                f"INSERT INTO {table} VALUES (?, ?, ?, 'site.test', '{{}}', '[]', 'A text.', ?)",
                (row_id, f"{row_id!r}", SITE, f"{SITE}{row_id!r}"),
            )
    preview = await services.importing.preview(old)
    report = await services.importing.run(old)

    assert sum(report.imported.values()) == 1
    assert why(report)[table, "1"] == SAME_ID
    assert (preview.coming, set(preview.left_out)) == (report.imported, set(report.left_out))


async def test_definitions_whose_names_differ_in_capitals_only_can_be_saved_again(services, old):
    with legacy_database(old) as legacy:
        legacy.definition(
            "one", name="Docs", steps=[{"name": "tidy", "action": "cleanup", "config": {"older_than_days": 30}}]
        )
        legacy.definition(
            "two", name="DOCS", steps=[{"name": "tidy", "action": "cleanup", "config": {"older_than_days": 30}}]
        )

    await services.importing.run(old)

    for each in await services.definitions.list():
        await services.definitions.save(each.definition, each.id)


async def test_what_belongs_to_a_job_that_is_left_out_is_named_once(services, old):
    with legacy_database(old) as legacy:
        legacy.crawl("crawl-1")
        for name in ("page", "again"):
            legacy.page(name, "crawl-1", f"{SITE}a")
            legacy.log(name, "a line")
            legacy.log(name, "another line")
        legacy.crawl("broken")
        legacy.connection.execute("UPDATE crawl_jobs SET name = CAST(x'ff' AS TEXT) WHERE id = 'broken'")
        for name in "ab":
            legacy.add("job_seen_urls", job_id="broken", url=SITE + name, created_at=T0)
        legacy.crawl(None)

    report = await services.importing.run(old)

    assert sorted((each.table, each.id) for each in report.left_out) == [
        ("crawl_jobs", "again"),
        ("crawl_jobs", "broken"),
        ("crawl_jobs", "row 5"),
        ("job_logs", "again"),
        ("job_seen_urls", "broken"),
    ]
    assert sorted(report.left_out, key=repr) == sorted((await services.importing.preview(old)).left_out, key=repr)


# --- sources, credentials, definitions --------------------------------------------------------------------------------


async def test_a_source_comes_with_its_rules_and_its_credential(services, old, monkeypatch):
    fake_keyring.use(monkeypatch)
    with legacy_database(old) as legacy:
        legacy.credential("auth-1")
        legacy.source("good", auth_id="auth-1", enabled=0)
        legacy.source("dangling", "https://other.test/", auth_id="auth-9")
        legacy.source("nowhere", "not an address at all")

    report = await services.importing.run(old)

    found = {each.name: each for each in await services.sources.list()}
    good = found["Source good"]
    assert good.credential is not None
    assert good.credential.kept
    assert not good.enabled
    assert (good.rules.depth, good.rules.delay_ms, good.rules.exclude) == (2, 500, (r"re:\.pdf$",))
    assert found["Source dangling"].credential is None
    assert why(report) == {
        ("sources", "dangling"): writing.NO_CREDENTIAL,
        ("sources", "nowhere"): "its base URL is no web address",
    }


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({}, "cookies"),
        ({"cookies": "[]", "tokens": {"access_token": SECRET}}, "bearer"),
        ({"cookies": None, "data": {"username": "me", "api_token": SECRET}}, "basic"),
    ],
)
async def test_a_secret_goes_to_the_keyring_and_nowhere_else(services, old, monkeypatch, columns, kind):
    """J8: never into the database, not even for a moment."""
    keyring = fake_keyring.use(monkeypatch)
    with legacy_database(old) as legacy:
        legacy.credential("auth-1", **columns)
        legacy.source("source-1", auth_id="auth-1")
        legacy.crawl("crawl-1", auth_snapshot={"cookies": SECRET}, metadata={"token": SECRET}, error=f"token={SECRET}")
        legacy.log("crawl-1", f"Cookie: session={SECRET}")

    report = await services.importing.run(old)

    assert report.secrets == 1
    assert any(SECRET in entry for entry in keyring.entries.values())
    (credential,) = await services.credentials.list()
    assert (credential.kind, credential.origin, credential.kept) == (kind, "https://docs.site.test", True)
    assert credential.tail == SECRET[-4:]
    with contextlib.closing(sqlite3.connect(services.files.database)) as connection:
        assert not any(SECRET in line for line in connection.iterdump())
    for file in services.files.folder.iterdir():
        if file.is_file() and file.name.startswith("library.db"):
            # In a process of its own: closing the file here would drop the locks of the library.
            code = "import sys, pathlib; sys.exit(sys.argv[2].encode() in pathlib.Path(sys.argv[1]).read_bytes())"
            assert python(code, file, SECRET) == 0


async def test_without_a_keyring_a_credential_comes_without_its_secret_and_gets_it_later(services, old, monkeypatch):
    sound(old)
    report = await services.importing.run(old)
    assert why(report) == {("auth_credentials", "auth-1"): NO_KEYRING}
    assert (await services.importing.preview(old)).secrets_kept is False

    keyring = fake_keyring.use(monkeypatch)
    async with compose.reading(services.files, Settings()):
        pass
    services.secrets._looked = False
    second = await services.importing.run(old)

    assert not any(second.imported.values())
    assert second.secrets == 1
    assert any(SECRET in entry for entry in keyring.entries.values())


async def test_without_a_keyring_a_secret_can_be_remembered_until_the_end(services, old):
    report = await services.importing.run(sound(old), remember=True)

    assert why(report) == {("auth_credentials", "auth-1"): UNTIL_THE_END}
    (credential,) = await services.credentials.list()
    assert not credential.kept
    assert SECRET in (await services.secrets.fetch(credential.key) or "")


async def test_definitions_come_with_their_steps(services, old):
    with legacy_database(old) as legacy:
        legacy.source("source-1")
        legacy.definition(
            "nightly",
            type="summarizer",
            sources=["source-1", "source-9"],
            timeout="1h30m0s",
            schedule="*/5 * * * *",
            pre_jobs=["missing"],
            steps=[
                {
                    "name": "crawl",
                    "action": "crawl",
                    "on_error": "retry",
                    "config": {
                        "start_urls": [SITE, "::"],
                        "exclude_patterns": [r"/old/", r"(?<=look)behind"],
                        "max_depth": 2,
                        "max_pages": 0,
                        "rate_limit": 2_000_000_000,
                        "refresh_source": True,
                        "wait_for_completion": False,
                    },
                },
                {"name": "sum up", "action": "summarizer", "config": {"model": "x"}},
                {"name": "to paper", "action": "print_out", "config": {"tray": 2}},
            ],
        )
        legacy.definition("bad times", schedule="every day", timeout="soon", enabled=0)

    report = await services.importing.run(old)

    found = {each.definition.name: each for each in await services.definitions.list()}
    nightly = found["Definition nightly"].definition
    assert (nightly.type, nightly.timeout, nightly.schedule) == ("summariser", "1h30m", "*/5 * * * *")
    crawl, sum_up, to_paper = nightly.steps
    assert (crawl.action, crawl.on_error) == ("crawl", "retry")
    assert crawl.config == {"start_urls": [SITE], "exclude_patterns": ["re:/old/"], "max_depth": 2, "delay": 2.0}
    assert (sum_up.action, sum_up.config) == ("summarise", {})
    assert (to_paper.action, to_paper.config) == ("print_out", {"tray": 2}), "kept, to fail with a clear error"
    assert nightly.error_tolerance.max_child_failures == 5
    bad = found["Definition bad times"].definition
    assert (bad.schedule, bad.timeout, bad.enabled) == ("", "", False)
    assert {each.why for each in report.left_out if each.id == "nightly"} == {
        "an address to start from is no web address",
        "an include or exclude rule cannot be used",
        "an action is unknown, and its step fails when it is run",
        "a definition that it names does not exist",
        "a source that it names does not exist",
    }


async def test_definitions_that_would_run_each_other_in_a_circle_lose_a_link(services, old):
    """J4: circles are refused."""
    with legacy_database(old) as legacy:
        legacy.definition("a", post_jobs=["b"])
        legacy.definition("b", post_jobs=["c"])
        legacy.definition("c", pre_jobs=["a"], post_jobs=["c"])

    report = await services.importing.run(old)

    stored = {each.definition.name[-1]: each for each in await services.definitions.list()}
    assert stored["a"].definition.post_jobs == (stored["b"].id,)
    assert stored["c"].definition.pre_jobs == ()
    assert [each.id for each in report.left_out] == ["c", "c"]


async def test_a_definition_of_ours_that_cannot_be_read_keeps_none_from_coming(services, old):
    with contextlib.closing(sqlite3.connect(services.files.database, isolation_level=None)) as connection:
        connection.execute("INSERT INTO definitions (name, body, created_at, updated_at) VALUES ('x', '[]', 0, 0)")
    with legacy_database(old) as legacy:
        legacy.definition("a", post_jobs=["b"])
        legacy.definition("b")

    report = await services.importing.run(old)

    assert (report.imported["definitions"], report.left_out) == (2, ())


async def test_names_that_are_taken_get_a_number(services, old):
    with legacy_database(old) as legacy:
        legacy.definition("one", name="Nightly")
        legacy.definition("two", name="Nightly")

    await services.importing.run(old)

    assert [each.definition.name for each in await services.definitions.list()] == ["Nightly", "Nightly (2)"]


# --- other files ------------------------------------------------------------------------------------------------------


async def test_an_empty_database_brings_nothing(services, old):
    with legacy_database(old):
        pass

    report = await services.importing.run(old)

    assert not any(report.imported.values())
    assert report.left_out == ()


async def test_missing_tables_and_columns_do_not_matter(services, old):
    tables = {
        "crawl_jobs": "id TEXT PRIMARY KEY, status TEXT, created_at INTEGER",
        "documents": "id TEXT PRIMARY KEY, content_markdown TEXT, url TEXT",
        "job_logs": "id INTEGER PRIMARY KEY, job_id TEXT, message TEXT",
    }
    with legacy_database(old, tables) as legacy:
        legacy.add("crawl_jobs", id="crawl-1", status="completed", created_at=T0)
        legacy.add("documents", id="doc-1", content_markdown="# Heading", url=f"{SITE}a")
        legacy.add("job_logs", job_id="crawl-1", message="a line")

    report = await services.importing.run(old)

    assert {kind: number for kind, number in report.imported.items() if number} == {
        "documents": 1, "jobs": 1, "logs": 1,
    }  # fmt: skip
    assert (await services.library.document(f"{SITE}a")).title == "Heading"


async def test_the_layout_of_later_files(services, old):
    with legacy_database(old, LATER_TABLES) as legacy:
        moment = "2024-05-01 10:00:00.5+02:00"
        legacy.add(
            "jobs", id="root", parent_id=None, job_type="parent", phase="core", status="completed", created_at=moment,
            started_at="2024-05-01T08:00:01Z", completed_at="2024-05-01 08:00:09.123456789 +0000 UTC m=+0.1",
            payload={"name": "Docs", "config": {"max_depth": 1}, "metadata": {"job_definition_id": "def"}},
            result={"pages": 1}, error=None, progress_current=1, progress_total=1,
        )  # fmt: skip
        legacy.add(
            "jobs", id="page", parent_id="root", job_type="crawler_url", phase="core", status="running",
            created_at=moment, started_at=None, completed_at=None, payload={"url": f"{SITE}a"}, result=None,
            error=None, progress_current=0, progress_total=1,
        )  # fmt: skip
        legacy.definition("def")
        legacy.add("job_logs", job_id="page", timestamp="2024-05-01 08:00:05", level="WARN", message="slow")
        for name, body in (
            ("parent", b'{"type": "parent", "job_id": "x"}'),
            ("other", b'{"type": "crawler_url"}'),
            ("gob", b"\x0f\xff\x81\x03parent\x01"),
            ("odd", b"\xff\xfe"),
        ):
            legacy.add("goqite", id=name, queue="jobs", body=body)

    report = await services.importing.run(old)

    root = await job_named(services, "Docs")
    assert (root.created_at, root.started_at, root.completed_at) == (1714550400500, 1714550401000, 1714550409123)
    assert root.definition_id is not None
    page = await job_named(services, f"{SITE}a")
    assert page.status == "cancelled"
    (line,) = await services.jobs.logs(page.id, level="debug", limit=None, children=False)
    assert (line.level, line.at) == ("warn", 1714550405000)
    assert [(each.table, each.id) for each in report.left_out] == [
        ("goqite", name) for name in ("parent", "other", "gob", "odd")
    ]
    assert why(report)["goqite", "parent"] == "a queued message of type parent, which nothing runs any more"


async def test_a_damaged_full_text_table_is_never_read(services, old):
    sound(old)
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE VIRTUAL TABLE documents_fts USING fts5 (title)")
        connection.execute("DELETE FROM documents_fts_config")
        connection.execute("UPDATE documents_fts_data SET block = x'00'")
        connection.commit()

    assert (await services.importing.run(old)).imported["documents"] == 3


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_the_file_and_its_folder_stay_as_they_were(services, tmp_path, journal):
    folder = tmp_path / "old"
    folder.mkdir()
    file = sound(folder / "quaero.db")
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    folder.chmod(0o500)
    file.chmod(0o400)
    try:
        await services.importing.preview(file)
        await services.importing.run(file)
    finally:
        folder.chmod(0o700)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


async def test_what_a_crash_left_in_the_wal_comes_too(services, tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    code = (
        "import sqlite3, os, sys\n"
        "from tests.support.legacy import sound\n"
        "from pathlib import Path\n"
        "file = Path(sys.argv[1])\n"
        "sqlite3.connect(file).execute('PRAGMA journal_mode = wal')\n"
        "sound(file)\n"
        "c = sqlite3.connect(file)\n"
        "c.execute(\"UPDATE crawl_jobs SET name = 'from the WAL' WHERE id = 'crawl-1'\")\n"
        "c.commit()\n"
        "os._exit(0)\n"
    )
    file = folder / "quaero.db"
    assert python(code, file) == 0
    (folder / "quaero.db-shm").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before["quaero.db-wal"], "otherwise this tests nothing"

    await services.importing.run(file)

    assert (await job_named(services, "from the WAL")).status == "completed"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


async def test_a_program_that_reads_and_writes_it_meanwhile(services, old):
    sound(old)
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("UPDATE crawl_jobs SET name = 'just now' WHERE id = 'crawl-1'")
        connection.commit()
        report = await services.importing.run(old)

    assert report.imported["jobs"] == 5
    assert (await job_named(services, "just now")).status == "completed"


# --- files that cannot be imported ------------------------------------------------------------------------------------


def not_there(path: Path) -> None:
    pass


def a_folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.touch()


def no_database(path: Path) -> None:
    path.write_text("Dear diary, " * 100, encoding="utf-8")


def somebody_elses(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url TEXT)")
        connection.execute("CREATE TABLE sources (id INTEGER PRIMARY KEY, url TEXT)")
        connection.commit()


def damaged(path: Path) -> None:
    large(path, 500)
    data = bytearray(path.read_bytes())
    for start in range(8 * 4096, len(data), 16 * 4096):
        data[start : start + 4096] = b"\xa5" * len(data[start : start + 4096])
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    large(path, 500)
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (not_there, "There is no file"),
        (a_folder, "is a folder"),
        (empty, "is empty"),
        (no_database, "no SQLite database"),
        (somebody_elses, "no database of Quaero"),
        (damaged, "is damaged"),
        (cut_off, "is damaged"),
    ],
)
async def test_a_file_that_cannot_be_imported_changes_nothing(services, old, make, said):
    make(old)
    before = content(services)

    for attempt in (services.importing.run(old), services.importing.preview(old), look_into(old)):
        with pytest.raises(LegacyFileError, match=said):
            await attempt

    assert content(services) == before


async def test_our_own_library_is_no_legacy_file(services, old):
    link = old.with_name("link.db")
    os.link(services.files.database, link)
    for file in (services.files.database, link):
        with pytest.raises(LegacyFileError, match="is a library of Quaero Desktop"):
            await services.importing.run(file)


async def test_a_locked_file_is_said_to_be_locked(services, old, monkeypatch):
    monkeypatch.setattr("quaero_desktop.storage.sqlite.BUSY_TIMEOUT_MS", 10)
    sound(old)
    with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LegacyFileError, match="is locked"):
            await services.importing.run(old)

    assert (await services.importing.run(old)).imported["jobs"] == 5


# --- the preview ------------------------------------------------------------------------------------------------------


async def test_the_preview_says_what_the_import_does(services, old, monkeypatch):
    fake_keyring.use(monkeypatch)
    sound(old)
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.execute(
            "INSERT INTO crawl_jobs (id, parent_id, job_type) VALUES ('orphan', 'nobody', 'crawler_url')"
        )
        connection.commit()
    before = content(services)

    preview = await services.importing.preview(old)

    assert content(services) == before
    assert preview.scheduled == ("Definition nightly",)
    assert preview.secrets == 1
    report = await services.importing.run(old)
    assert preview.coming == report.imported
    assert preview.left_out == report.left_out
    again = await services.importing.preview(old)
    assert not again.brings_anything
    assert again.present == report.imported
    assert again.scheduled == ()


async def test_reasons_are_grouped(services, old):
    with legacy_database(old) as legacy:
        for number in range(12):
            legacy.page(f"orphan-{number}", "nobody", f"{SITE}{number}")

    (reason,) = reasons((await services.importing.preview(old)).left_out)

    assert (reason.table, reason.why, reason.count) == ("crawl_jobs", MISSING_PARENT, 12)
    assert reason.examples == tuple(f"orphan-{number}" for number in range(5))


# --- at size ----------------------------------------------------------------------------------------------------------


async def test_other_writes_do_not_wait_for_a_large_import(services, old):
    large(old, 4000)
    task: asyncio.Task[ImportReport] = asyncio.create_task(services.importing.run(old))
    among = 0
    while not task.done():
        await services.importing._database.write(lambda tx: tx.execute("UPDATE library SET created_at = created_at"))
        among += 1
        await asyncio.sleep(0)

    assert (await task).imported[Kind.JOBS] == 4010
    assert among > 3
    assert rows(services, "SELECT sum(n) FROM child_counts") == [(4000,)]


def test_the_tables_of_a_legacy_file_are_those_that_are_read() -> None:
    assert set(TABLES) | set(LATER_TABLES) == set(legacyfile.COLUMNS)
