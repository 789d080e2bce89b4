"""Processes that sign in: the secret stands in no file, no output and no process list, whatever happens (J8)."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.quaero import QuaeroLibrary, wait_until
from tests.support.background import in_background
from tests.support.crawling import NO_ROBOTS, page
from tests.support.fake_keyring import FILE_VARIABLE
from tests.support.recording_server import Exchange, RecordingServer, response

SECRET = "s3cr3t-Session.9x"
NEW_SECRET = "n3w-Session.4711"
PAGES = 30


class Wiki(RecordingServer):
    """Shows its pages to who has the session.

    Attributes:
        session: what opens it.
        held: how many pages are shown before the others have to wait; None for all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session = SECRET
        self.held: int | None = None
        self.shown = 0
        self.behaviour = self.answer

    async def answer(self, exchange: Exchange) -> object:
        if exchange.target == "/robots.txt":
            await exchange.send(NO_ROBOTS)
        elif self.session not in (exchange.header("Cookie") or ""):
            await exchange.send(response(b"", status="302 Found", Location="/login"))
        else:
            self.shown += 1
            if self.held is not None and self.shown > self.held:
                await exchange.until_hung_up()
                return True
            links = [f"/{number}" for number in range(PAGES)] if exchange.target == "/" else []
            await exchange.send(page(*links, title=f"Page {exchange.target}", text=f"All about {exchange.target}."))
        return None


@pytest.fixture
def wiki() -> Iterator[Wiki]:
    wiki = Wiki()
    with in_background(wiki):
        yield wiki


@pytest.fixture
def quaero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuaeroLibrary:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.support.fake_keyring.FileKeyring")
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "keyring.json"))
    return QuaeroLibrary(tmp_path / "library")


def give(quaero: QuaeroLibrary, folder: Path, secret: str, *command: str) -> str:
    """Give a secret to a command by a file, and return what it said."""
    file = folder / "cookies.txt"
    file.write_text(f"127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{secret}\n", encoding="utf-8")
    ended = quaero.run("credentials", *command, "--from", str(file), "-v")
    file.unlink()
    return ended.stdout + ended.stderr


def of_its_processes(pid: int) -> str:
    """Return what others can see of a process and its children: arguments and environment."""
    seen = []
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        seen += [*process.cmdline(), *process.environ().values(), process.name()]
    return " ".join(seen)


def test_a_session_that_ends_in_a_crawl_that_is_killed(quaero, wiki, tmp_path):
    said = give(quaero, tmp_path, SECRET, "add", "Wiki", "--site", wiki.origin)
    quaero.run("sources", "add", wiki.url(), "--credential", "1")
    wiki.held = 10
    with quaero.running("crawl", "--source", "1", "-v") as crawl:
        wait_until(lambda: wiki.shown > 10, "ten pages were shown")
        seen = of_its_processes(crawl.pid)
        ended = crawl.kill()
        crawl.wait_for_the_group()
    said += ended.stdout + ended.stderr
    assert "crawl" in seen
    assert SECRET not in seen
    assert quaero.wal.stat().st_size > 0
    for name, content in quaero.files().items():
        assert SECRET.encode() not in content, name

    wiki.held, wiki.session = None, NEW_SECRET
    paused = quaero.run("work", "--until-idle", "-v")
    said += paused.stdout + paused.stderr
    assert "Sign in again" in paused.stderr
    assert quaero.value("SELECT status || ' ' || cause FROM jobs WHERE id = 1") == "paused sign_in"
    titles = quaero.rows("SELECT title FROM documents")
    assert titles
    assert all(title.startswith("Page /") for (title,) in titles)

    said += give(quaero, tmp_path, NEW_SECRET, "edit", "1")
    said += quaero.run("jobs", "resume", "1").stdout
    worked = quaero.run("work", "--until-idle", "-v")
    said += worked.stdout + worked.stderr
    assert quaero.rows("SELECT status, warnings FROM jobs WHERE id = 1") == [("completed", 0)]
    assert quaero.value("SELECT count(*) FROM documents") == PAGES + 1
    quaero.verify()
    exported = tmp_path / "export"
    quaero.run("documents", "export", "--to", str(exported))
    said += quaero.run("jobs", "logs", "1", "--children", "--level", "debug").stdout
    written = {**quaero.files(), **{str(path): path.read_bytes() for path in exported.rglob("*") if path.is_file()}}
    for secret in (SECRET, NEW_SECRET):
        assert secret not in said
        for name, content in written.items():
            assert secret.encode() not in content, name
    kept = (tmp_path / "keyring.json").read_text(encoding="utf-8")
    assert NEW_SECRET in kept
    assert SECRET not in kept
    assert NEW_SECRET not in " ".join(os.environ.values())
