"""Text of others commands no terminal and breaks no JSON, whatever of the library is listed, shown or looked for."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from quaero_desktop.cli import main
from quaero_desktop.domain.definitions import Definition, DefinitionType
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings import Settings
from quaero_desktop.services import compose
from tests.support.outcomes import stored
from tests.support.payloads import payloads, storable_payloads
from tests.support.untrusted import fill

COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
OWN_STYLE = re.compile("\x1b\\[[0-9;]*m")
"""What rich itself writes for colours; text of others gets no escape in front of it."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that is full of it."""
    import asyncio

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


class Terminal:
    """Stands in for a terminal that notes what reaches it."""


@pytest.mark.parametrize("words", COMMAND_LINES, ids=" ".join)
def test_nothing_of_it_commands_a_terminal(library: Path, words: tuple[str, ...], capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    capsys.readouterr()
    code = main.execute(["--library", str(library), *words])
    out, err = capsys.readouterr()
    assert code == 0, err
    for line in OWN_STYLE.sub("", out + err).splitlines():
        found = COMMANDS.search(line)
        assert not found, f"{found[0]!r} in {line[:200]!r}"
