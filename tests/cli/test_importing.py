"""`quaero import` (O2): what it prints, how it ends, and that it asks nobody who is not there."""

import contextlib
import io
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Quaero
from tests.support import fake_keyring
from tests.support.legacy import SITE, LegacyDatabase, sound

KINDS = ["credentials", "sources", "definitions", "documents", "jobs", "logs", "seen_urls"]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with five sound jobs, an orphan and a childless wrapper."""
    file = sound(tmp_path / "quaero.db")
    with contextlib.closing(sqlite3.connect(file)) as connection:
        LegacyDatabase(connection).page("orphan", "nobody", f"{SITE}orphan")
        LegacyDatabase(connection).crawl("wrapper", entity_type="job_definition")
        connection.commit()
    return file


def test_it_imports_into_a_new_library_and_says_what_came(quaero: Quaero, old: Path, tmp_path: Path) -> None:
    ended = quaero("import", old, "--library", tmp_path / "library")

    assert ended.code == 0
    assert "Imported 1 credential, 1 source, 2 definitions, 3 documents, 5 jobs, 2 log lines" in ended.out
    assert "Left out, in whole or in part: 3 rows." in ended.out
    assert "its parent does not exist" in ended.out
    assert quaero("verify", "--library", tmp_path / "library").code == 0


def test_json_says_the_same_and_nothing_prompts(quaero: Quaero, old: Path, tmp_path: Path) -> None:
    ended = quaero("import", old, "--json", "--library", tmp_path / "library")

    assert ended.code == 0
    assert list(ended.json["imported"]) == KINDS
    assert ended.json["imported"]["jobs"] == 5
    assert {(each["table"], each["id"]) for each in ended.json["left_out"]} == {
        ("crawl_jobs", "orphan"),
        ("crawl_jobs", "wrapper"),
        ("auth_credentials", "auth-1"),
    }
    assert "no keyring" in next(each["reason"] for each in ended.json["left_out"] if each["id"] == "auth-1")
    again = quaero("import", old, "--json", "--library", tmp_path / "library")
    assert not any(again.json["imported"].values())
    assert again.json["present"] == ended.json["imported"]


def test_a_dry_run_says_the_same_and_creates_nothing(quaero: Quaero, old: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    before = quaero("import", old, "--dry-run", "--json", "--library", library)
    assert before.code == 0
    assert not library.exists()

    done = quaero("import", old, "--json", "--library", library)
    assert before.json["imported"] == done.json["imported"]
    assert before.json["left_out"] == done.json["left_out"]
    after = quaero("import", old, "--dry-run", "--library", library)
    assert "There is nothing new in it." in after.out


def test_a_dry_run_names_what_will_run_by_schedule(quaero: Quaero, old: Path, tmp_path: Path) -> None:
    ended = quaero("import", old, "--dry-run", "--library", tmp_path / "library")

    assert "Would import 1 credential" in ended.out
    assert "By schedule would run: Definition nightly." in ended.out


@pytest.mark.parametrize("extra", [(), ("--dry-run",), ("--json",)])
def test_a_file_that_cannot_be_imported_creates_nothing(quaero: Quaero, tmp_path: Path, extra: tuple[str, ...]) -> None:
    ended = quaero("import", tmp_path / "nothing.db", "--library", tmp_path / "library", *extra)

    assert ended.code == 1
    assert ended.out == ""
    assert "There is no file" in ended.err
    assert not (tmp_path / "library").exists()


def test_without_a_file_it_says_so(quaero: Quaero) -> None:
    ended = quaero("import")

    assert ended.code == 2
    assert "FILE is missing" in ended.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code", "jobs"), [("y\n", 0, 5), ("\n", 0, 5), ("n\n", 1, 0), ("", 1, 0)])
def test_without_a_keyring_a_person_at_a_terminal_is_asked(
    quaero: Quaero, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, jobs: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)

    ended = quaero("import", old, "--library", tmp_path / "library")

    assert ended.code == code
    assert "no keyring" in ended.err
    assert "1 credential would come\nwithout the secret." in ended.err
    came = quaero("import", old, "--dry-run", "--json", "--library", tmp_path / "library").json["present"]["jobs"]
    assert came == jobs


def test_with_a_keyring_nobody_is_asked(
    quaero: Quaero, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = fake_keyring.use(monkeypatch)
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)

    ended = quaero("import", old, "--library", tmp_path / "library")

    assert ended.code == 0
    assert "1 secret went to the keyring." in ended.out
    assert keyring.entries
