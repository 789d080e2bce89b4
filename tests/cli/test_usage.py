"""What a person is told who typed something that cannot be: a sentence, a hint, and the right exit code."""

import re
from pathlib import Path

import pytest

from quaero_desktop.cli.syntax.base import Parser
from quaero_desktop.cli.syntax.commandline import build, parse
from tests.cli.conftest import Quaero

URL = "docs.python.org"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("crawl", "URL is missing."),
        ("crawl ftp://docs.python.org/", "“ftp://docs.python.org/” is not a web address."),
        ("crawl http://", "“http://” is not a web address."),
        ("crawl ", "The web address is empty."),
        (f"crawl {URL} --depth -1", "depth is -1; 0 is the least."),
        (f"crawl {URL} --depth two", "--depth needs a whole number, not “two”."),
        (f"crawl {URL} --max-pages 0", "max-pages is 0; 1 is the least."),
        (f"crawl {URL} --workers 0", "workers is 0; 1 is the least."),
        (f"crawl {URL} --delay -1", "delay is -1 seconds; it must be between 0 and 86400."),
        (f"crawl {URL} --delay nan", "delay is nan seconds; it must be between 0 and 86400."),
        (f"crawl {URL} --delay soon", "--delay needs a number of seconds, not “soon”."),
        (f"crawl {URL} --scope foo", "--scope needs host, prefix or domain, not “foo”."),
        (f"crawl {URL} --include re:(", "The rule “re:(” is not a"),
        (f"crawl {URL} --exclude=", "An include or exclude rule is empty."),
        (f"crawl {URL} --dept 3", "There is no option --dept. Did you mean --depth?"),
        ("jobs list --status nope", "Unknown status “nope”."),
        ("jobs list --type nope", "Unknown type “nope”."),
        ("jobs list --order nope", "Unknown order “nope”."),
        ("jobs list --limit -1", "The limit is -1; 0 is the least."),
        ("jobs list --offset -1", "The offset is -1; 0 is the least."),
        ("jobs list --parent nope", "--parent needs root, all or the number of a job, not “nope”."),
        ("jobs list --limit", "--limit needs a value."),
        ("jobs list more", "“more” is one word too many."),
        ("jobs show nope", "ID needs a number, as the lists show it, not “nope”."),
        ("jobs logs 1 --level loud", "Unknown level “loud”."),
        ("jobs logs 1 --limit -1", "The limit is -1; 0 is the least."),
        ("jobs lst", "There is no command “lst”. Did you mean list?"),
        ("documents list --limit -1", "The limit is -1; 0 is the least."),
        ("search x --limit -1", "The limit is -1; 0 is the least."),
        ("search x --limt 1", "There is no option --limt. Did you mean --limit?"),
        ("search", "WORDS is missing."),
        ("crwl", "There is no command “crwl”. Did you mean crawl?"),
        ("nonsense", "There is no command “nonsense”."),
        ("--nonsense", "There is no option --nonsense."),
        (f"crawl {URL} --bogus", "There is no option --bogus.\nHelp"),
        ("--library= jobs list", "--library needs the name of a folder."),
        ("jobs list --library", "--library needs a value."),
    ],
)
def test_what_makes_no_sense_is_told(quaero: Quaero, library: Path, line: str, sentence: str):
    words = ["crawl", ""] if line == "crawl " else line.split()
    named = [] if "--library" in line else ["--library", library]
    ended = quaero("--json", *named, *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(sentence)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("jobs show 999", "There is no job 999."),
        ("jobs show 99999999999999999999999", "There is no job 99999999999999999999999."),
        ("jobs logs 999", "There is no job 999."),
        ("jobs list --parent 999", "There is no job 999."),
        ("documents show 999", "There is no document 999."),
        ("backup restore nope", "There is no backup “nope”."),
        ("backup restore ../../nope", "There is no backup “../../nope”."),
    ],
)
def test_what_is_not_there_is_told(quaero: Quaero, own_library: Path, line: str, sentence: str):
    ended = quaero(*line.split(), "--library", own_library, "--json")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(sentence)


@pytest.mark.parametrize("line", [f"crawl {URL} --source 77", "jobs cancel 999", "jobs pause 999", "jobs resume 999"])
def test_changing_what_is_not_there_is_told(quaero: Quaero, own_library: Path, line: str):
    ended = quaero(*line.split(), "--library", own_library)
    assert (ended.code, ended.out) == (1, "")
    assert re.match(r"There is no (source 77|job 999)\.", ended.err)


@pytest.mark.parametrize("line", ["jobs list", "verify", "backup", "backup list", "work --until-idle", "search x"])
def test_a_missing_library_is_told_with_how_to_start_one(quaero: Quaero, tmp_path: Path, line: str):
    ended = quaero(*line.split(), "--library", tmp_path / "none", "--json")
    assert (ended.code, ended.out) == (1, "")
    folder = tmp_path / "none"
    assert ended.err == f"There is no library in {folder} yet.\nStart one with: quaero --library {folder} crawl URL\n"


@pytest.mark.parametrize("line", ["jobs list", f"crawl {URL}", "backup list", "verify"])
def test_a_library_that_is_a_file_is_told(quaero: Quaero, tmp_path: Path, line: str):
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    ended = quaero(*line.split(), "--library", file)
    assert (ended.code, ended.out) == (1, "")
    assert f"“{file}” is a file" in ended.err
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_library_below_a_file_is_told(quaero: Quaero, tmp_path: Path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    ended = quaero("crawl", URL, "--library", tmp_path / "file" / "library")
    assert ended.code == 1
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("line", ["", "jobs", "documents"])
def test_an_unfinished_command_gets_help(quaero: Quaero, line: str):
    ended = quaero(*line.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("usage: quaero")


def parsers(root: Parser) -> list[Parser]:
    return [root, *(each for command in root.commands().values() for each in parsers(command))]


@pytest.mark.parametrize("command", parsers(build()), ids=lambda command: command.prog)
def test_help_explains_every_option_and_gives_an_example(quaero: Quaero, command: Parser):
    ended = quaero(*command.prog.split()[1:], "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"examples:\n  {command.prog.split()[0]} " in ended.out
    for action in command._actions:
        assert action.help or action.choices, action
        wanted = action.option_strings or [str(action.metavar)]
        assert all(name in ended.out for name in wanted)
    assert "==SUPPRESS==" not in ended.out


@pytest.mark.parametrize("command", parsers(build()), ids=lambda command: command.prog)
def test_every_example_can_be_typed(command: Parser):
    import shlex

    examples = re.findall(r"^  quaero (.*)$", str(command.epilog), re.MULTILINE)
    assert examples
    for example in examples:
        if "COMMAND" not in example:
            assert parse(shlex.split(example.partition("|")[0])).command
