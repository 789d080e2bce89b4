"""Whether a window can be opened is found out before Qt is asked, which would abort the process."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from quaero_desktop.infra import display


@pytest.mark.parametrize("platform", ["offscreen", "minimal", "vnc:size=800x600"])
def test_some_platforms_of_qt_need_no_display(platform: str) -> None:
    assert display.obstacle({"QT_QPA_PLATFORM": platform}, "linux") is None


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_always_have_one(platform: str) -> None:
    assert display.obstacle({}, platform) is None


@pytest.mark.parametrize(
    "environ", [{}, {"DISPLAY": ""}, {"QT_QPA_PLATFORM": "xcb"}, {"QT_QPA_PLATFORM": "wayland", "DISPLAY": ":0"}]
)
def test_no_display_is_said_in_plain_words(environ: dict[str, str]) -> None:
    assert display.obstacle(environ, "linux") == "There is no display to open a window on."


def test_a_wayland_session_that_answers_will_do(tmp_path: Path) -> None:
    environ = {"WAYLAND_DISPLAY": "wayland-7", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert display.obstacle(environ, "linux") == "There is no display to open a window on."
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "wayland-7"))
        server.listen()
        assert display.obstacle(environ, "linux") is None


def test_a_display_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "_load", lambda name: object())
    monkeypatch.setattr(display, "_x11_answers", lambda name: False)
    assert display.obstacle({"DISPLAY": ":77"}, "linux") == "The display :77 cannot be opened."


def test_a_missing_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "_load", lambda name: None if name == "libxcb-cursor.so.0" else object())
    assert display.obstacle({"DISPLAY": ":0"}, "linux") == (
        "The window needs libxcb-cursor.so.0, which this system lacks. On Debian and Ubuntu: apt install libxcb-cursor0"
    )


def test_a_library_that_qt_itself_misses_is_named_too() -> None:
    error = ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")
    assert display.without_library(error).endswith("apt install libegl1")
    assert "libwhatever.so.3" in display.without_library(
        ImportError("libwhatever.so.3: cannot open shared object file")
    )
    assert "cannot be loaded" in display.without_library(ImportError("something else"))


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed.")
def test_a_real_x_server_will_do_and_a_dead_one_will_not() -> None:
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL
    )
    try:
        os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        assert display.obstacle({"DISPLAY": f":{number}"}, "linux") is None
    finally:
        server.terminate()
        server.wait(10)
    assert display.obstacle({"DISPLAY": f":{number}"}, "linux") == f"The display :{number} cannot be opened."


def test_the_program_says_it_and_does_not_abort(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environ.pop("QT_QPA_PLATFORM", None)
    ended = subprocess.run(
        [sys.executable, "-m", "quaero_desktop", "--library", str(tmp_path / "library")],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "There is no display" in ended.stderr
    assert "quaero crawl URL" in ended.stderr
    assert not (tmp_path / "library").exists()
