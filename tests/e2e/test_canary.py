"""J8, end to end: known secrets go through all that Quaero does, and afterwards they are found nowhere."""

import asyncio
import base64
import contextlib
import gc
import io
import json
import logging
import os
import sqlite3
import threading
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtWidgets import QApplication, QPushButton

from quaero_desktop.cli import main
from quaero_desktop.domain import pasting
from quaero_desktop.domain.credentials import CredentialKind, NewCredential
from quaero_desktop.domain.sources import NewSource
from quaero_desktop.infra import log, redact
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.services import engine
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.crash import CrashReporter
from quaero_desktop.ui.dialogs.crash import CrashDialog, report
from tests.e2e import leaky
from tests.e2e.quaero import QuaeroLibrary
from tests.support import fake_keyring
from tests.support.crawling import NO_ROBOTS, ParserHere, engine_of, redirect
from tests.support.crawling import library as opened_library
from tests.support.legacy import T0, legacy_database
from tests.support.qtwindow import qt_world
from tests.support.recording_server import Exchange, RecordingServer, response


@dataclass(frozen=True)
class Canary:
    """A secret that is shown to a site of its own.

    Attributes:
        kind: what it is.
        pasted: what a person gives Quaero.
        header: what the site is shown.
        sought: what must be found nowhere: less than the whole, for the last four characters may be shown.
    """

    kind: CredentialKind
    pasted: str
    header: str
    sought: tuple[str, ...] = field(repr=False)


def _basic() -> Canary:
    # With characters that every way of writing writes in another way; what is sought is not among them.
    secret = 'cnryPassw0rd8Jm2 "%/ü'
    encoded = base64.b64encode(f"reader:{secret}".encode()).decode()
    return Canary(CredentialKind.BASIC, f"reader:{secret}", f"Basic {encoded}", (secret[:16], encoded[10:28]))


CANARIES = (
    Canary(
        CredentialKind.COOKIES, "sid=cnryCo0kie5Tq7Zw9Lm3; theme=dark", "sid=cnryCo0kie5Tq7Zw9Lm3; theme=dark",
        ("cnryCo0kie5Tq7Z",),
    ),
    Canary(CredentialKind.BEARER, "cnryB3arerX4kP8sVt2q", "Bearer cnryB3arerX4kP8sVt2q", ("cnryB3arerX4kP8",)),
    _basic(),
    Canary(CredentialKind.HEADER, "X-Api-Key: cnryH3aderN6wR1yUe9", "cnryH3aderN6wR1yUe9", ("cnryH3aderN6wR1",)),
)  # fmt: skip
MODEL_KEY = "cnryM0delKeyG7hD4cXa"
LEGACY = "cnryLegacyS3ssion2Fp"
IN_ADDRESS = "cnryAddr3ssQ5vB9nJk"
USER_PART = "cnryUs3rPartW8zE6tHo"

OURS = (*(part for each in CANARIES for part in each.sought), MODEL_KEY[:15], LEGACY[:15])
"""What a person entrusted to us: not even the sources of pages may hold it, should a site repeat it."""
NOWHERE = (*OURS, USER_PART[:15])
"""What must not be found in any file, answer, line, argument or environment."""
NOT_SHOWN = (*NOWHERE, IN_ADDRESS[:15])
"""The same for what is shown or leaves the library: there an address is masked that the library needs as it is."""


def assert_none(text: str | bytes, where: str, sought: tuple[str, ...] = NOT_SHOWN) -> None:
    """Fail when a secret is in *text*, and do not repeat it."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    for number, each in enumerate(sought):
        place = raw.find(each.encode())
        assert place < 0, (
            f"secret {number} ({each[:8]}…) in {where}, at {place}, after {raw[max(0, place - 60) : place]!r}"
        )


class Sites:
    """A site for each canary and a model, which say back what they are told.

    Attributes:
        servers: of the sites, in the order of the canaries.
        model: of the model.
        asked_slow: set when a page was asked for that gets no answer.
        patient: whether such pages get one after all.
    """

    def __init__(self) -> None:
        self.servers = tuple(RecordingServer() for _ in CANARIES)
        self.model = RecordingServer()
        self.asked_slow = threading.Event()
        self.patient = False
        for server, canary in zip(self.servers, CANARIES, strict=True):
            server.behaviour = self._site(server, canary)
        self.model.behaviour = self._model

    def _site(self, server: RecordingServer, canary: Canary) -> Callable[[Exchange], Any]:
        other = self.servers[0]

        async def answer(exchange: Exchange) -> object:
            path = exchange.target
            if path in ("/robots.txt", "/sitemap.xml"):
                await exchange.send(NO_ROBOTS)
            elif canary.header not in "".join(exchange.header_lines):
                await exchange.send(response(f"no: {exchange.header_lines}".encode(), status="401 Unauthorized"))
            elif path == "/slow":
                self.asked_slow.set()
                if not self.patient:
                    await exchange.until_hung_up()
                    return True
                await exchange.send(page("It took its time."))
            elif path == "/moved":
                await exchange.send(redirect(f"/there?access_token={IN_ADDRESS}"))
            elif path == "/away":
                await exchange.send(redirect(other.url(f"/from-elsewhere?sig={IN_ADDRESS}")))
            elif path == "/back":
                await exchange.send(redirect(f"/there?s={canary.header.replace(' ', '%20')}"))
            elif path == "/broken":
                await exchange.send(
                    response(f"I was asked {exchange.raw!r}".encode(), status="500 Internal Server Error")
                )
            elif path == "/echo":
                said = f"You sent {canary.header}, that is {canary.pasted} or {json.dumps(canary.pasted)}."
                await exchange.send(
                    response(
                        page(said, title=f"You are {canary.header}").split(b"\r\n\r\n", 1)[1],
                        ETag=f'"{canary.header}"', Set_Cookie=f"again={canary.header}",
                    )
                )  # fmt: skip
            elif path == "/":
                user = server.url("/signed").replace("//", f"//reader:{USER_PART}@")
                links = ["/moved", "/away", "/back", "/broken", "/echo", leaky.RAISES, "/missing", "/slow", user]
                await exchange.send(page("It begins here.", [*links, f"/ok?token={IN_ADDRESS}&page=1"]))
            elif path == "/missing":
                await exchange.send(response(canary.header.encode(), status="404 Not Found"))
            else:
                await exchange.send(page("Some words that are worth keeping."))
            return None

        return answer

    async def _model(self, exchange: Exchange) -> object:
        await exchange.reader.readexactly(int(exchange.header("Content-Length") or 0))
        told = {"error": {"message": f"Incorrect key: {exchange.header('Authorization')}", "type": "auth"}}
        await exchange.send(
            response(json.dumps(told).encode(), status="401 Unauthorized", Content_Type="application/json")
        )
        return None

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve from a thread until the block ends."""
        ready = threading.Event()
        stop: list[Callable[[], object]] = []

        async def serve() -> None:
            async with contextlib.AsyncExitStack() as stack:
                for server in (*self.servers, self.model):
                    await stack.enter_async_context(server.running())
                over, loop = asyncio.Event(), asyncio.get_running_loop()
                stop.append(lambda: loop.call_soon_threadsafe(over.set))
                ready.set()
                await over.wait()

        thread = threading.Thread(target=lambda: asyncio.run(serve()), name="sites")
        thread.start()
        try:
            assert ready.wait(10)
            yield
        finally:
            for each in stop:
                each()
            thread.join(10)


def page(text: str, links: Any = (), title: str = "A page") -> bytes:
    """Return the answer with a page whose links are beside its text, as the addresses of a site's navigation are."""
    anchors = "".join(f'<a href="{link}">Go on</a>' for link in links)
    words = "These are words enough to be a page that is worth keeping in a library. " * 4
    return response(
        f"<title>{title}</title><nav>{anchors}</nav><main><h1>Page</h1><p>{text} {words}</p></main>".encode()
    )


@dataclass
class Watch:
    """Looks at arguments and environments of the processes of a run, again and again.

    Attributes:
        seen: how many processes it looked at.
    """

    seen: set[int] = field(default_factory=set)

    def look(self, processes: list[psutil.Process]) -> None:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                arguments, environment = process.cmdline(), process.environ()
                self.seen.add(process.pid)
                assert_none("\0".join(arguments), f"the arguments of {arguments[:4]}")
                assert_none(repr(environment), f"the environment of {arguments[:4]}")


def contents(database: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each value of a database, with where it is; compressed ones as what they were."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        names = [name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for name in names:
            cursor = connection.execute(f'SELECT * FROM "{name}"')
            columns = [column[0] for column in cursor.description]
            for row in cursor:
                for column, value in zip(columns, row, strict=True):
                    if isinstance(value, bytes):
                        yield f"{database}: {name}.{column}", value
                        with contextlib.suppress(zlib.error):
                            yield f"{database}: {name}.{column}, unpacked", zlib.decompress(value)


@pytest.mark.slow
def test_known_secrets_are_found_nowhere_after_all_that_can_happen_to_them(tmp_path, monkeypatch, capsys):
    """Pages that succeed, fail, redirect and repeat the secret; mistakes; kill -9; backup, exports, import."""
    keyring_file, settings_file, said = tmp_path / "keyring.json", tmp_path / "settings.toml", tmp_path / "said"
    said.mkdir()
    monkeypatch.setenv(fake_keyring.FILE_VARIABLE, str(keyring_file))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.support.fake_keyring.FileKeyring")
    monkeypatch.setenv("QUAERO_CONFIG", str(settings_file))
    fake_keyring.use(monkeypatch, fake_keyring.FileKeyring())
    library = QuaeroLibrary(tmp_path / "library")
    answers: list[tuple[str, str]] = []

    def quaero(*arguments: object, code: int | None = 0) -> Any:
        """Run a command that reads or sets up, in this process, and return its answer."""
        words = ["--library", str(library.folder), *map(str, arguments)]
        capsys.readouterr()
        ended = main.execute(words)
        output = capsys.readouterr()
        answers.append((" ".join(words[2:]), output.out + output.err))
        assert code is None or ended == code, output.err
        return json.loads(output.out) if "--json" in words and output.out else output.out

    sites, watch = Sites(), Watch()
    with sites.serving():
        settings_file.write_text(
            f'[summaries]\nendpoint = "{sites.model.url("/v1")}"\nmodel = "tiny"\n'
            "[queue]\nmax_attempts = 1\nbackoff_base_seconds = 0.01\n[crawl]\nlocal_delay_seconds = 0.0\n"
        )
        store = SecretStore()
        store.put(f"summaries:{sites.model.origin}", MODEL_KEY)
        store.close()
        names = []
        for server, canary in zip(sites.servers, CANARIES, strict=True):
            secret = tmp_path / "secret"
            secret.write_text(canary.pasted, encoding="utf-8")
            name = str(canary.kind)
            names.append(name)
            credential = quaero(
                "credentials", "add", name, "--site", server.origin, "--kind", name, "--from", secret, "--json"
            )
            quaero("sources", "add", server.url("/"), "--name", name, "--credential", credential["id"], "--json")
            secret.unlink()
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(
            f'name = "All"\nsources = {json.dumps(names)}\n[[steps]]\nname = "Fetch"\naction = "crawl"\n'
            'on_error = "continue"\nconfig = {delay = 0}\n'
            '[[steps]]\nname = "Short"\naction = "summarise"\non_error = "continue"\nconfig = {method = "model"}\n'
        )
        definition = quaero("definitions", "add", recipe, "--json")["id"]

        # The first life ends by kill -9, with a page under way that was asked for with a secret.
        with running(library, said / "first", "definitions", "run", str(definition), "--wait", "-v") as process:
            while not sites.asked_slow.is_set():
                watch.look(process.group())
                assert not process.ended, (said / "first.err").read_text()[-2000:]
            watch.look(process.group())
            process.kill()
            process.wait_for_the_group()
        look_at_the_library(library)
        assert library.wal.exists()

        # The second one brings it to its end.
        sites.patient = True
        with running(library, said / "second", "work", "--until-idle", "-v") as process:
            while not process.ended:
                watch.look(process.group())
        assert len(watch.seen) >= 4, "two processes with at least one parse process each were looked at"
        asked = [server.targets for server in sites.servers]
    log_lines = (said / "second.err").read_text() + (said / "first.err").read_text()
    assert log_lines.count("asking for") > 50, "it was to be told at every level"
    assert "Traceback" in log_lines

    root = quaero("jobs", "list", "--json")["jobs"][0]
    assert (root["type"], root["warnings"] > 0) == ("definition_run", True)
    for path in ("/moved", "/away", "/back", "/broken", "/echo", "/missing", "/slow", f"/ok?token={IN_ADDRESS}&page=1"):
        assert all(path in targets for targets in asked), path
    assert all(f"/there?access_token={IN_ADDRESS}" in targets for targets in asked)
    assert sites.model.exchanges, "the model was asked with its key"

    # All that is told, to people and to programs.
    for how in ((), ("--json",)):
        quaero("jobs", "list", "--parent", "all", "--limit", "1000", *how)
        quaero("jobs", "show", root["id"], *how)
        quaero("jobs", "logs", root["id"], "--children", "--level", "debug", "--limit", "10000", *how)
        for what in ("sources", "credentials", "definitions", "documents"):
            quaero(what, "list", *how)
        quaero("search", "worth", *how)
        quaero("verify", *how)
    jobs = quaero("jobs", "list", "--parent", "all", "--limit", "1000", "--json")["jobs"]
    raised = [job for job in jobs if (job["url"] or "").endswith(leaky.RAISES)]
    assert len(raised) == len(CANARIES)
    for job in raised:
        assert "RuntimeError" in job["error"]
        quaero("jobs", "show", job["id"])

    # All that leaves the library.
    quaero("backup", "create")
    out = tmp_path / "out"
    out.mkdir()
    for target in ("pages.jsonl", "pages.csv", "pages"):
        quaero("documents", "export", "--to", out / target)
    old = tmp_path / "old.db"
    with legacy_database(old) as legacy:
        cookie = {"name": "sid", "value": LEGACY, "domain": "old.site.test", "path": "/"}
        legacy.credential("old", "https://old.site.test/", site_domain="old.site.test", cookies=[cookie])
        legacy.source("old", "https://old.site.test/", auth_id="old")
        snapshot = {"cookies": [cookie], "tokens": {"access": LEGACY}}
        legacy.crawl(
            "old", auth_snapshot=snapshot, config_json={"headers": {"Cookie": f"sid={LEGACY}"}, "max_depth": 2}
        )
        legacy.page(
            "old-page", "old", "https://old.site.test/a", status="failed", error=f"401 for Cookie: sid={LEGACY}"
        )
        legacy.log("old", f"signed in with sid={LEGACY} as the cookie")
        legacy.document("old", "https://old.site.test/a", metadata={"request_headers": {"cookie": f"sid={LEGACY}"}})
        legacy.add(
            "job_logs", job_id="old-page", timestamp="12:00:05", level="error", created_at=T0,
            message=f"Authorization: Bearer {LEGACY}",
        )  # fmt: skip
    quaero("import", old, "--json")

    # And nowhere is any of it.
    for each in (*(canary.pasted for canary in CANARIES[1:3]), MODEL_KEY, LEGACY):
        assert (
            json.dumps(json.dumps(each.removeprefix("reader:"), ensure_ascii=False))[3:-3] in keyring_file.read_text()
        )
    for command, text in answers:
        assert_none(text, f"the answer to {command}")
    for file in [*said.iterdir(), *(each for each in out.rglob("*") if each.is_file())]:
        assert_none(file.read_bytes(), str(file.relative_to(tmp_path)))
        assert_none(str(file), "the name of a file")
    look_at_the_library(library)
    assert len(list(library.folder.rglob("*.db"))) >= 2, "the backup was looked at, too"
    for folder in (Path(os.environ["HOME"]), settings_file.parent):
        for file in folder.rglob("*"):
            if file.is_file() and file not in (keyring_file, old, *library.folder.rglob("*")):
                assert_none(file.read_bytes(), str(file), NOWHERE)


@contextlib.contextmanager
def running(library: QuaeroLibrary, said: Path, *arguments: str) -> Iterator[Any]:
    """Run the leaky ``quaero``; all that it says goes into files."""
    with (
        open(f"{said}.out", "w") as stdout,
        open(f"{said}.err", "w") as stderr,
        library.running(*arguments, program=("-m", "tests.e2e.leaky"), stdout=stdout, stderr=stderr) as process,
    ):
        yield process


def look_at_the_library(library: QuaeroLibrary) -> None:
    """Look at every byte of every file of a library, and at all that is packed in its databases.

    An address with a secret in it is what a crawl needs to go on; in lines of the log and in errors it is masked.
    """
    for file in library.folder.rglob("*"):
        if file.is_file():
            assert_none(file.read_bytes(), str(file.relative_to(library.folder)), NOWHERE)
    for database in library.folder.rglob("*.db"):
        for where, value in contents(database):
            if "page_sources.body" in where:
                assert_none(value, where, OURS)  # what a page told everybody is in it
            else:
                shown = where.endswith(("job_logs.message", "jobs.error", "attempts.error", "audit.detail"))
                assert_none(value, where, NOT_SHOWN if shown else NOWHERE)


# --- in one process ---------------------------------------------------------------------------------------------------


async def test_nothing_of_ours_shows_a_secret_when_it_is_printed(tmp_path, monkeypatch):
    """All values and objects of ours that live while pages are asked for with secrets, by their ``repr``."""
    monkeypatch.setattr(engine, "ParseRunner", ParserHere)
    seen: set[str] = set()

    def look() -> None:
        alive = [each for each in gc.get_objects() if is_ours(each)]
        # Values without containers in them are not known to the collector, only what holds them.
        for each in (*alive, *(below for above in alive for below in gc.get_referents(above) if is_ours(below))):
            seen.add(type(each).__qualname__)
            assert_none(f"{each!r} {each!s}", f"the repr of a {type(each).__qualname__}", OURS)
        for task in asyncio.all_tasks():
            written = io.StringIO()
            task.print_stack(file=written)
            assert_none(f"{task!r}{written.getvalue()}", "a task", OURS)

    async with contextlib.AsyncExitStack() as stack:
        services = await stack.enter_async_context(opened_library(tmp_path / "library"))
        for canary in CANARIES:
            server = await stack.enter_async_context(RecordingServer().running())

            async def answer(exchange: Exchange) -> None:
                if exchange.target == "/a":
                    look()
                found = NO_ROBOTS if exchange.target.startswith(("/robots", "/sitemap")) else page("Words.", ["/a"])
                await exchange.send(found)

            server.behaviour = answer
            new = NewCredential(name=canary.kind, origin=server.origin, kind=canary.kind)
            credential = await services.credentials.add(new, canary.pasted)
            source = await services.sources.add(
                NewSource(name=canary.kind, base_url=server.url("/"), credential_id=credential)
            )
            job_id = await services.jobs.start_crawl(CrawlRequest(urls=(), source_id=source, delay_seconds=0))
            await engine_of(services).run(workers=2, until_idle=True, only=frozenset({job_id}))
            assert any(canary.header in line for each in server.exchanges for line in each.header_lines)
    assert {"Cookies", "Bearer", "Basic", "Header", "SecretStore", "Credential", "Access", "Fetcher"} <= seen, seen


WINDOW = ("quaero_desktop.ui.", "quaero_desktop.app")
"""What is Qt's as much as ours: another test of this process may have left some, whose C++ half is gone."""


def is_ours(thing: object) -> bool:
    module: object = type(thing).__module__
    # Some types of C have something else there.
    return isinstance(module, str) and module.startswith("quaero_desktop.") and not module.startswith(WINDOW)


def test_what_a_crash_tells_and_copies_is_without_secrets(tmp_path, qapp: QApplication):
    store = SecretStore()
    for number, canary in enumerate(CANARIES):
        pasted = pasting.read(canary.pasted, now=0, kind=canary.kind, origin="https://site.test")
        store.lend(f"memory:{number}", pasted.secret.reveal())
    written = io.StringIO()
    told: list[str] = []
    diagnostics = log.configure("debug", redactor=redact.Redactor(), stream=written, file=tmp_path / "log.txt")
    try:
        with qt_world(tmp_path / "library") as world:
            reporter = CrashReporter()
            reporter.crashed.connect(told.append)
            for canary in CANARIES:
                try:
                    raise RuntimeError(f"sent {canary.header!r}, made of {canary.pasted}, to {canary}")
                except RuntimeError as error:
                    text = "".join(traceback.format_exception(error))
                    reporter.report(error)
                    logging.getLogger("anything").debug("%r", canary, exc_info=error, stack_info=True)
                assert_none(report(text), "what is copied", OURS)
                dialog = CrashDialog(world.context, None, text)
                dialog.show()
                copy: Any = dialog.findChild(QPushButton, "copyDetails")
                copy.click()
                assert "RuntimeError" in qapp.clipboard().text()
                assert_none(qapp.clipboard().text(), "the clipboard", OURS)
                dialog.close()
            world.wait_until(lambda: len(told) == 3)
            reporter.deleteLater()
            del dialog, reporter
    finally:
        diagnostics.close()
        store.close()
    assert_none("".join(told), "what the crash dialog is told", OURS)
    assert "RuntimeError" in written.getvalue()
    assert_none(written.getvalue(), "the log", OURS)
    assert_none((tmp_path / "log.txt").read_bytes(), "the file of the log", OURS)
