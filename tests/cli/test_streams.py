"""Terminals, pipes and encodings: what is printed arrives whatever reads it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quaero_desktop.cli import output
from tests.cli.conftest import ROOT, Quaero, clean_environment, command, quaero_process


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_no_encoding_is_too_small(library: Path, encoding: str):
    for line in ("jobs list", "jobs show 1", "search value", "verify", "documents list"):
        ended = quaero_process(*line.split(), "--library", str(library), PYTHONIOENCODING=encoding)
        assert (ended.code, ended.err) == (0, ""), line
    ended = quaero_process("jobs", "list", "--library", str(library), PYTHONIOENCODING=encoding)
    assert ("✓! completed" if encoding == "utf-8" else "+! completed") in ended.out


def test_json_is_utf_8_whatever_the_terminal_speaks(library: Path):
    ended = subprocess.run(
        command("documents", "show", "1", "--library", str(library), "--json"),
        cwd=ROOT,
        env={**clean_environment(), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout.decode("utf-8").startswith("{")


def test_a_pipe_gets_whole_lines_without_colours(quaero: Quaero, library: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "40")
    ended = quaero("jobs", "list", "--parent", "1", "--library", library, "--status", "failed")
    assert "\x1b" not in ended.out
    assert "…" not in ended.out
    assert "missing/0.html" in ended.out
    assert all(line == line.rstrip() for line in ended.out.splitlines())


def test_a_reader_that_has_seen_enough_is_no_error(library: Path):
    for line in ("jobs list --parent all --limit 1000", "documents show 1", "search value --json", "--help"):
        with subprocess.Popen(
            command(*line.split(), "--library", str(library)),
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b"", line
            assert process.wait(30) in (0, 1), line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_told(library: Path):
    with open("/dev/full", "wb") as full:
        for line in ("jobs list", "jobs list --json", "documents show 1"):
            ended = quaero_process(*line.split(), "--library", str(library), stdout=full)
            assert ended.code == 1, line
            assert ended.err == "What the command prints cannot be written: No space left on device.\n", line


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "a\rb", "\x9b31m", "\u202etxt.exe"])
def test_text_from_the_web_does_not_command_the_terminal(text: str):
    shown = output.safe(f"title {text}\n\ttext")
    assert not set(shown) & set("\x1b\x07\r\x9b\u202e")
    assert shown.startswith("title ")
    assert shown.endswith("\n\ttext")


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("http://a/b", 10, "http://a/b"),
        ("https://docs.python.org/3/library/json.html", 21, "https://do…/json.html"),
        ("数据库数据库数据库", 9, "数据…据库"),
        ("abc", 2, "ab"),
        ("abc", 0, ""),
    ],
)
def test_a_long_address_is_cut_in_the_middle(text: str, width: int, shown: str):
    assert output.elided(text, width) == shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.97, "10 s"), (59.4, "59 s"), (72, "1 m 12 s"), (7500, "2 h 5 m")]
)
def test_durations_are_told_as_people_do(seconds: float, text: str):
    assert output.duration(seconds) == text


def without(environment: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}


def on_a_terminal(arguments: list[str], columns: int, **environment: str) -> bytes:
    """Return what `quaero` writes to a terminal of that width, as stdout and stderr."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        # The terminal itself says how wide it is; a worker of pytest-xdist hears it in its environment.
        env={**without(clean_environment(), "COLUMNS", "LINES"), "TERM": "xterm-256color", **environment},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while chunk := os.read(ours, 65536):
                written += chunk
        except OSError:
            # Linux says so when the last one who has the other end closes it.
            pass
        assert process.wait(30) == 0
    os.close(ours)
    return written


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals of this kind")
class TestOnATerminal:
    def test_lines_fit_and_have_colours(self, library: Path):
        written = on_a_terminal(["jobs", "list", "--parent", "1", "--library", str(library), "--status", "failed"], 60)
        assert b"\x1b[31m" in written
        plain = _without_escapes(written).splitlines()
        assert [line for line in plain if len(line) > 60] == []
        assert "…" in plain[1]

    def test_colours_can_be_turned_off(self, library: Path):
        written = on_a_terminal(["jobs", "list", "--library", str(library)], 80, NO_COLOR="1")
        assert b"\x1b[3" not in written

    def test_progress_is_shown_and_leaves_nothing_behind(self, tmp_path: Path):
        from tests.support.site import site_process

        with site_process(pages=8, latency=0.1) as site:
            written = on_a_terminal(["crawl", site.url, "--workers", "2", "--library", str(tmp_path)], 60)
        assert b"queued" in written
        # The cursor is shown again, and after the last erased line only the result is printed.
        assert written.rindex(b"\x1b[?25h") > written.rindex(b"\x1b[?25l")
        rest = _without_escapes(written[written.rindex(b"\x1b[2K") :])
        assert "queued" not in rest
        assert "8 documents" in rest


def _without_escapes(written: bytes) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode("utf-8"))
