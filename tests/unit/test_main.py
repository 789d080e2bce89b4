"""Which front end a command line means, and what is said when there can be no window."""

import os
import subprocess
import sys

import pytest

from quaero_desktop import __main__ as main


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "https://docs.python.org/3/",
        "docs.python.org",
        "wiki:8080 https://www.postgresql.org/",
        "--library folder",
        "--library=folder docs.python.org",
        "-v --library crawl",
        "--self-test out.png",
    ],
)
def test_no_command_means_the_window(arguments: str):
    assert main.means_window(arguments.split())


@pytest.mark.parametrize(
    "arguments",
    [
        "crawl https://docs.python.org/3/",
        "jobs list",
        "--json jobs list",
        "--library folder --json jobs list",
        "--library=folder search words",
        "-v verify",
        "--help",
        "--version",
        "no-such-command",
    ],
)
def test_a_command_means_the_command_line(arguments: str):
    assert not main.means_window(arguments.split())


def test_without_a_window_the_way_without_one_is_named(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr("sys.argv", ["quaero-desktop"])
    monkeypatch.setattr(main, "window_obstacle", lambda environ: "There is no display to open a window on.")
    with pytest.raises(SystemExit) as ended:
        main.main()
    output = capsys.readouterr()
    assert (ended.value.code, output.out) == (2, "")
    assert "no display" in output.err
    assert "quaero crawl URL" in output.err


def test_a_display_is_needed_where_the_system_has_displays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert "no display" in (main.window_obstacle({"DISPLAY": ""}, "linux") or "")
    assert main.window_obstacle({"QT_QPA_PLATFORM": "offscreen"}, "linux") is None
    assert main.window_obstacle({}, "darwin") is None


def test_the_window_needs_qt(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "PySide6" else object())
    assert "PySide6" in (main.window_obstacle({"DISPLAY": ":0"}, "linux") or "")


def test_a_start_imports_nothing_that_it_does_not_show():
    """Each of these took milliseconds of a start; what they are for comes later, or never."""
    code = "import sys, quaero_desktop.app; print(*sys.modules)"
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)

    late = {"httpx", "aiohttp", "lxml", "tomlkit", "rich", "keyring", "quaero_desktop.ui.palette"}
    late |= {f"quaero_desktop.ui.views.{name}" for name in ("library", "document", "definitions", "sources", "pages")}
    imported = set(done.stdout.split())
    assert "quaero_desktop.ui.views.jobs" in imported
    assert not late & imported
    assert not {name for name in imported if name.startswith("quaero_desktop.ui.dialogs.")}
