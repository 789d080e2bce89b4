"""What a command advises can be typed as it stands."""

import pytest

from quaero_desktop.cli.ending import for_library


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Why: quaero jobs show 1", "Why: quaero --library /data/q jobs show 1"),
        (
            "quaero jobs resume 1, then quaero work --until-idle",
            "quaero --library /data/q jobs resume 1, then quaero --library /data/q work --until-idle",
        ),
        ("Restore (“quaero backup list”)", "Restore (“quaero --library /data/q backup list”)"),
        ("Help: quaero jobs show --help", "Help: quaero jobs show --help"),
        ("Help: quaero --help", "Help: quaero --help"),
        ("Another Quaero is at work.", "Another Quaero is at work."),
        ("", ""),
    ],
)
def test_a_command_names_the_library_that_was_asked_for(text: str, typed: str) -> None:
    assert for_library(text, "/data/q") == typed


def test_without_a_library_of_its_own_a_command_is_as_it_was() -> None:
    assert for_library("quaero work", None) == "quaero work"


@pytest.mark.parametrize(("platform", "quoted"), [("linux", "'/my data\\1'"), ("win32", '"/my data\\1"')])
def test_a_folder_is_quoted_for_the_shell(monkeypatch: pytest.MonkeyPatch, platform: str, quoted: str) -> None:
    monkeypatch.setattr("quaero_desktop.cli.ending.sys.platform", platform)
    assert for_library("quaero work", "/my data\\1") == f"quaero --library {quoted} work"
