"""``quaero sources`` and ``quaero credentials``: no argument, answer or sentence holds a secret (J8)."""

import io
import json
import os
import pty
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quaero_desktop.cli import secretprompt
from quaero_desktop.cli.ending import InterruptedByUserError
from tests.cli.conftest import Quaero
from tests.support import fake_keyring
from tests.support.background import in_background
from tests.support.crawling import page, site
from tests.support.fake_keyring import FakeKeyring
from tests.support.recording_server import RecordingServer, response

SITE = "https://wiki.site.test"
TOKEN = "s3cr3t-Token.9x"


@pytest.fixture
def keyring(monkeypatch) -> FakeKeyring:
    return fake_keyring.use(monkeypatch)


@pytest.fixture
def secret(tmp_path) -> Path:
    """A file with a secret."""
    path = tmp_path / "secret.txt"
    path.write_text(f"Authorization: Bearer {TOKEN}\n", encoding="utf-8")
    return path


@pytest.fixture
def library(tmp_path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def served() -> Iterator[RecordingServer]:
    """A site that wants the token, on a loop of its own."""
    server = RecordingServer()
    with_it = site({"/": page("/a"), "/a": page()})

    async def answer(exchange):
        if exchange.target != "/robots.txt" and exchange.header("Authorization") != f"Bearer {TOKEN}":
            return await exchange.send(response(b"no", status="401 Unauthorized"))
        return await with_it(exchange)

    server.behaviour = answer
    with in_background(server):
        yield server


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


class TestCredentials:
    def test_a_secret_of_a_file_is_added_listed_changed_and_deleted(self, quaero: Quaero, keyring, library, secret):
        added = quaero("credentials", "add", "Wiki", "--site", SITE, "--from", secret, "--library", library)
        assert (added.code, added.err) == (0, "")
        assert "••••n.9x" in added.out
        assert "in the keyring of this computer" in added.out
        listed = quaero("credentials", "list", "--library", library, "--json").json
        [credential] = listed["credentials"]
        assert listed["total_count"] == 1
        assert {name: credential[name] for name in ("id", "name", "origin", "kind", "kept", "tail", "login_url")} == {
            "id": 1, "name": "Wiki", "origin": SITE, "kind": "bearer", "kept": True, "tail": "n.9x", "login_url": "",
        }  # fmt: skip
        shown = quaero("credentials", "list", "--library", library)
        assert "••••n.9x" in shown.out
        renamed = quaero("credentials", "edit", 1, "--name", "The wiki", "--library", library, "--json")
        assert (renamed.json["name"], renamed.json["tail"], renamed.json["waiting"]) == ("The wiki", "n.9x", [])
        secret.write_text("an0ther-Token.8y", encoding="utf-8")
        changed = quaero("credentials", "edit", 1, "--kind", "bearer", "--from", secret, "--library", library)
        assert "••••n.8y" in changed.out
        for ended in (added, shown, renamed, changed):
            assert TOKEN not in ended.out + ended.err
            assert "an0ther-Token" not in ended.out + ended.err
        assert quaero("credentials", "delete", 1, "--library", library, "--json").json == {"deleted": [1]}
        assert quaero("credentials", "delete", 1, "--library", library, "--json").json == {"deleted": []}
        assert keyring.entries == {}
        assert TOKEN.encode() not in everything(library)

    def test_without_a_keyring_it_says_that_the_secret_is_kept_nowhere(self, quaero: Quaero, library, secret):
        for line in (("add", "Wiki", "--site", SITE), ("edit", "1")):
            told = quaero("credentials", *line, "--from", secret, "--library", library).out
            assert "kept    nowhere" in told
            assert "called 1, which only you can read, and let QUAERO_SECRETS name the folder" in told
            assert TOKEN not in told

    def test_a_secret_can_come_through_a_pipe(self, quaero: Quaero, library, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"curl '{SITE}/' -b 'sid={TOKEN}'"))
        added = quaero("credentials", "add", "Wiki", "--from", "-", "--library", library, "--json")
        assert (added.json["origin"], added.json["kind"], added.json["kept"]) == (SITE, "cookies", False)

    @pytest.mark.parametrize("extra", [(), ("--json",)])
    def test_without_a_terminal_nobody_is_asked(self, quaero: Quaero, library, extra):
        ended = quaero("credentials", "add", "Wiki", "--site", SITE, "--library", library, *extra)
        assert (ended.code, ended.out) == (2, "")
        assert "nobody to ask" in ended.err
        assert not library.exists()

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("--site", "ftp://x.test"), "not a web address"),
            (("--site", SITE, "--kind", "magic"), "Unknown kind “magic”"),
            (("--site", SITE, "--kind", "cookies"), "no secret of the kind cookies"),
            ((), "Say which site"),
            (("--site", SITE, "--token", TOKEN), "There is no option --token"),
        ],
    )
    def test_what_is_wrong_is_said_without_the_secret(self, quaero: Quaero, library, secret, arguments, sentence):
        ended = quaero("credentials", "add", "Wiki", "--from", secret, "--library", library, *arguments)
        assert (ended.code, ended.out) == (2, "")
        assert sentence in ended.err
        assert TOKEN not in ended.err

    def test_a_file_that_is_not_there(self, quaero: Quaero, library, tmp_path):
        ended = quaero("credentials", "add", "W", "--site", SITE, "--from", tmp_path / "no", "--library", library)
        assert (ended.code, "cannot be read" in ended.err) == (1, True)

    def test_trying_one_out(self, quaero: Quaero, keyring, library, secret, served):
        quaero("credentials", "add", "Wiki", "--site", served.origin, "--from", secret, "--library", library)
        works = quaero("credentials", "test", 1, "--library", library, "--json")
        assert (works.code, works.json["ok"], works.json["status"]) == (0, True, 200)
        secret.write_text("an0ther-Token.8y", encoding="utf-8")
        quaero("credentials", "edit", 1, "--kind", "bearer", "--from", secret, "--library", library)
        fails = quaero("credentials", "test", 1, "--library", library)
        assert fails.code == 1
        assert "does not let us in" in fails.out


class TestSources:
    def test_a_source_is_added_shown_changed_and_deleted(self, quaero: Quaero, library):
        added = quaero(
            "sources", "add", "docs.site.test/3/", "--name", "Docs", "--scope", "prefix", "--exclude", "*.pdf",
            "--depth", 3, "--delay", 0.5, "--workers", 1, "--no-robots", "--library", library, "--json",
        )  # fmt: skip
        assert added.json | {"created_at": 0, "updated_at": 0} == {
            "id": 1, "name": "Docs", "base_url": "https://docs.site.test/3/", "automatic": False, "enabled": True,
            "credential": None, "documents": 0, "created_at": 0, "updated_at": 0,
            "rules": {
                "scope": "prefix", "include": [], "exclude": ["*.pdf"], "depth": 3, "max_pages": None, "per_host": 1,
                "delay_ms": 500, "obey_robots": False,
            },
        }  # fmt: skip
        edited = quaero(
            "sources", "edit", 1, "--no-exclude", "--no-depth", "--no-delay", "--robots", "--include", "/3/",
            "--disable", "--library", library, "--json",
        )  # fmt: skip
        assert edited.json["rules"] == {
            "scope": "prefix", "include": ["/3/"], "exclude": [], "depth": None, "max_pages": None, "per_host": 1,
            "delay_ms": None, "obey_robots": None,
        }  # fmt: skip
        assert not edited.json["enabled"]
        shown = quaero("sources", "show", 1, "--library", library)
        assert "switched off" in shown.out
        assert "/3/" in shown.out
        assert [each["id"] for each in quaero("sources", "list", "--library", library, "--json").json["sources"]] == [1]
        planned = quaero("sources", "delete", 1, "--dry-run", "--library", library, "--json").json
        assert (planned["documents"], planned["dry_run"]) == (0, True)
        assert quaero("sources", "delete", 1, "--library", library).out == "Deleted: source 1, “Docs”\n"
        assert quaero("sources", "show", 1, "--library", library).code == 1
        again = quaero("sources", "delete", 1, "--library", library)
        assert (again.code, again.out) == (0, "There is no source 1.\n")  # X3: what is gone is deleted

    def test_an_address_that_is_none_is_named_without_inner_words(self, quaero: Quaero, library):
        ended = quaero("sources", "add", "ftp://docs.site.test", "--library", library)
        assert (ended.code, ended.err.partition("\n")[0]) == (2, "“ftp://docs.site.test” is not a web address.")

    def test_contradictions_are_refused(self, quaero: Quaero, library):
        for arguments in (("--depth", 1, "--no-depth"), ("--robots", "--no-robots"), ("--enable", "--disable")):
            ended = quaero("sources", "edit", 1, *arguments, "--library", library)
            assert (ended.code, "exclude each other" in ended.err) == (2, True)

    def test_an_edit_of_nothing_says_what_can_be_changed(self, quaero: Quaero, library):
        quaero("sources", "add", SITE, "--library", library)
        ended = quaero("sources", "edit", 1, "--library", library)
        assert ended.code == 2
        assert ended.err == "Nothing is to be changed.\nWhat can be changed says: quaero sources edit --help\n"

    def test_two_of_one_name_are_said_to_be_hard_to_tell_apart(self, quaero: Quaero, library):
        quaero("sources", "add", SITE, "--name", "Wiki", "--library", library)
        second = quaero("sources", "add", f"{SITE}/b/", "--name", "wiki", "--library", library, "--json")
        assert second.code == 0
        assert second.json["id"] == 2
        assert second.err.splitlines()[0] == "Source 1 is called “Wiki”, too."
        renamed = quaero("sources", "edit", 2, "--name", "B", "--library", library)
        assert (renamed.code, renamed.err) == (0, "")

    def test_a_crawl_needs_an_address_or_a_source(self, quaero: Quaero, library):
        ended = quaero("crawl", "--library", library)
        assert (ended.code, ended.err) == (2, "URL is missing.\nHelp: quaero crawl --help\n")

    def test_a_crawl_for_a_source_signs_in_by_itself(self, quaero: Quaero, keyring, library, secret, served):
        quaero("credentials", "add", "Wiki", "--site", served.origin, "--from", secret, "--library", library)
        quaero("sources", "add", served.url(), "--depth", 1, "--credential", 1, "--library", library)
        crawled = quaero("crawl", "--source", 1, "--library", library, "--json")
        assert (crawled.code, crawled.json["documents"]) == (0, 2)
        assert quaero("verify", "--library", library, "--json").code == 0
        assert TOKEN.encode() not in everything(library)

    def test_without_the_secret_it_pauses_and_says_how_to_go_on(self, quaero: Quaero, library, secret, served):
        quaero("credentials", "add", "Wiki", "--site", served.origin, "--from", secret, "--library", library)
        quaero("sources", "add", served.url(), "--credential", 1, "--library", library)
        crawled = quaero("crawl", "--source", 1, "--library", library, "--json")
        assert (crawled.code, crawled.json["status"]) == (1, "paused")
        assert "the secret of “Wiki”" in crawled.err
        assert f"quaero --library {library} jobs resume 1" in crawled.err
        assert "QUAERO_SECRETS" in crawled.err
        assert served.exchanges == []
        edited = quaero("credentials", "edit", 1, "--from", secret, "--library", library)
        assert "Waiting for it: job 1" in edited.out

    def test_with_a_keyring_a_new_secret_lets_it_go_on(self, quaero: Quaero, keyring, library, secret, served):
        quaero("credentials", "add", "Wiki", "--site", served.origin, "--from", secret, "--library", library)
        quaero("sources", "add", served.url(), "--credential", 1, "--library", library)
        keyring.entries.clear()
        crawled = quaero("crawl", "--source", 1, "--library", library)
        assert crawled.code == 1
        assert f"quaero --library {library} credentials edit ID" in crawled.err

    @pytest.mark.parametrize("name", ["1", "Wiki"])
    def test_with_nobody_to_ask_the_secret_is_read_from_a_file_and_written_nowhere(
        self, quaero: Quaero, library, secret, served, tmp_path, monkeypatch, name
    ):
        """As a service without a keyring: ``QUAERO_SECRETS`` names a folder with a file for each credential."""
        quaero("credentials", "add", "Wiki", "--site", served.origin, "--from", secret, "--library", library)
        quaero("sources", "add", served.url(), "--depth", 1, "--credential", 1, "--library", library)
        handed = tmp_path / "handed"
        handed.mkdir()
        monkeypatch.setenv("QUAERO_SECRETS", str(handed))
        paused = quaero("crawl", "--source", 1, "--library", library, "--json")
        assert paused.json["status"] == "paused"
        assert f"No file in “{handed}” is called like a credential." in paused.err
        file = handed / name
        file.write_text(f"{TOKEN}\n", encoding="utf-8")
        file.chmod(0o644)
        tested = quaero("credentials", "test", 1, "--library", library, "--json")
        assert f"Others may read “{file}”" in tested.err
        file.chmod(0o600)
        quaero("jobs", "resume", 1, "--library", library)
        worked = quaero("work", "--until-idle", "--library", library, "--json")
        assert (worked.code, worked.err) == (0, "")
        assert json.loads(quaero("jobs", "show", 1, "--library", library, "--json").out)["status"] == "completed"
        assert quaero("credentials", "test", 1, "--library", library, "--json").json["ok"]
        file.write_text("two words", encoding="utf-8")
        assert "The file for “Wiki”: " in quaero("credentials", "test", 1, "--library", library, "--json").err
        assert TOKEN.encode() not in everything(library)

    def test_at_a_terminal_the_secret_is_asked_for_before_the_start(
        self, quaero: Quaero, library, secret, served, monkeypatch
    ):
        quaero("credentials", "add", "Wiki", "--site", served.origin, "--from", secret, "--library", library)
        quaero("sources", "add", served.url(), "--credential", 1, "--library", library)
        asked: list[str] = []
        answers = ["two words", TOKEN]

        def ask(prompt: str) -> str:
            asked.append(prompt)
            return answers.pop(0)

        monkeypatch.setattr(secretprompt, "can_ask", lambda: True)
        monkeypatch.setattr(secretprompt, "ask", ask)
        paused = quaero("crawl", "--source", 1, "--library", library, "--json")
        assert (paused.json["status"], asked) == ("paused", [])
        crawled = quaero("crawl", "--source", 1, "--library", library)
        assert crawled.code == 0
        assert asked == [f"Secret of “Wiki” (token for {served.origin}): "] * 2
        assert "no blanks" in crawled.err
        quaero("jobs", "resume", 1, "--library", library)
        answers.append(TOKEN)
        worked = quaero("work", "--until-idle", "--library", library)
        assert (worked.code, len(asked)) == (0, 3)
        assert json.loads(quaero("jobs", "show", 1, "--library", library, "--json").out)["status"] == "completed"
        assert TOKEN.encode() not in everything(library)


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of Unix")
class TestAsking:
    """A secret is typed, or pasted, without being shown; all lines of it, however long they are."""

    @contextmanager
    def typed(self, monkeypatch, data: bytes, when: Callable[[int], None] = lambda _: None) -> Iterator[int]:
        """Let the process have a terminal at which somebody types *data*; yield the other end of it."""
        ours, theirs = pty.openpty()
        # As a shell leaves it.
        attributes = termios.tcgetattr(theirs)
        attributes[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(theirs, termios.TCSANOW, attributes)
        with os.fdopen(theirs, "r", closefd=False) as stdin:
            monkeypatch.setattr("sys.stdin", stdin)

            def type_it() -> None:
                # Not before the terminal is silent, as nobody can tell from outside.
                while termios.tcgetattr(theirs)[3] & termios.ICANON:
                    pass
                when(theirs)
                for start in range(0, len(data), 1000):
                    os.write(ours, data[start : start + 1000])

            thread = threading.Thread(target=type_it)
            thread.start()
            yield ours
            thread.join()
        assert termios.tcgetattr(theirs)[3] & termios.ECHO
        os.set_blocking(ours, False)
        try:
            echoed = os.read(ours, 100_000)
        except BlockingIOError:
            echoed = b""
        assert data.strip() == b"" or data.strip()[:8] not in echoed
        os.close(theirs)
        os.close(ours)

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (TOKEN.encode() + b"\n", TOKEN),
            (b"wrogn\x7f\x7fng" + b"\r", "wrong"),
            (b"away\x15here\n", "here"),
            (
                b"curl 'https://x' \\\n  -b 'a=1' \\\n  --compressed\n",
                "curl 'https://x' \\\n  -b 'a=1' \\\n  --compressed",
            ),
            (b"# Netscape\n.x\tTRUE\n.y\tTRUE\n", "# Netscape\n.x\tTRUE\n.y\tTRUE"),
            (b"x" * 10_000 + b"\n", "x" * 10_000),
            ("pässword\n".encode(), "pässword"),
            (b"\x04", ""),
            (b"\n", ""),
        ],
    )
    def test_all_of_it_is_read_and_nothing_is_shown(self, monkeypatch, capsys, data, text):
        with self.typed(monkeypatch, data):
            assert secretprompt.ask("Secret: ") == text
        shown = capsys.readouterr()
        assert (shown.out, shown.err) == ("", "Secret: \n")

    def test_ctrl_c_ends_it_and_gives_the_terminal_back(self, monkeypatch):
        before = signal.getsignal(signal.SIGINT)
        interrupt = lambda _: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
        with self.typed(monkeypatch, b"", interrupt), pytest.raises(InterruptedByUserError):
            secretprompt.ask("Secret: ")
        assert signal.getsignal(signal.SIGINT) is before
