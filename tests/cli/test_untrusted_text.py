"""Text of others commands no terminal and breaks no JSON, whatever of the library is listed, shown or looked for."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from quaero_desktop.cli import main
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose
from tests.support.payloads import storable_payloads
from tests.support.untrusted import fill

COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
OWN_STYLE = re.compile("\x1b\\[[0-9;]*m")
"""What rich itself writes for colours; text of others gets no escape in front of it."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that is full of it."""
    folder = tmp_path_factory.mktemp("untrusted") / "library"

    async def make() -> None:
        async with compose.writing(LibraryFiles(folder), Settings(), create=True) as services:
            await fill(services, storable_payloads())

    asyncio.run(make())
    return folder


COMMAND_LINES = (
    ("jobs", "list", "--parent", "all", "--limit", "400"),
    ("jobs", "list", "--grouped", "--limit", "400"),
    ("jobs", "show", "1"),
    ("jobs", "logs", "1", "--children", "--limit", "400"),
    ("documents", "list", "--limit", "400"),
    ("search", "needle", "--limit", "400"),
    ("sources", "list"),
    ("credentials", "list"),
    ("definitions", "list"),
    ("jobs", "delete", "1", "--dry-run"),
    ("cleanup", "--older-than", "0d", "--dry-run"),
    ("jobs", "list", "--query", "\x1b[31m\u202e\x00<b>"),
)


@pytest.mark.parametrize("words", COMMAND_LINES, ids=" ".join)
def test_nothing_of_it_commands_a_terminal(library: Path, words: tuple[str, ...], capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    capsys.readouterr()
    code = main.execute(["--library", str(library), *words])
    out, err = capsys.readouterr()
    assert code == 0, err
    for line in OWN_STYLE.sub("", out + err).split("\n"):
        found = COMMANDS.search(line)
        assert not found, f"{found[0]!r} in {line[:200]!r}"


def test_a_document_shown_on_a_terminal_commands_nothing_and_is_whole_in_a_file(library: Path, capsys, monkeypatch):
    for number, is_terminal in ((1, True), (20, True), (40, True), (40, False)):
        monkeypatch.setattr(sys.stdout, "isatty", lambda is_terminal=is_terminal: is_terminal, raising=False)
        capsys.readouterr()
        assert main.execute(["--library", str(library), "documents", "show", str(number)]) == 0
        shown = OWN_STYLE.sub("", capsys.readouterr().out)
        if is_terminal:
            assert not [line for line in shown.split("\n") if COMMANDS.search(line)]


@pytest.mark.parametrize("words", COMMAND_LINES, ids=" ".join)
def test_json_is_one_valid_value(library: Path, words: tuple[str, ...], capsys):
    capsys.readouterr()
    assert main.execute(["--library", str(library), *words, "--json"]) == 0
    out = capsys.readouterr().out
    json.loads(out)
    assert "\x1b" not in out
    assert out.count("\n") == 1
