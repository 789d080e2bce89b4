"""``quaero definitions``: recipes from files, run by hand to their end, listed with when they come next (J3, J4)."""

import io
import sys
import time
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import Quaero, quaero_process
from tests.support.site import GeneratedSite, serving

NIGHTLY = dedent(
    """\
    name = "Nightly"
    description = "All pages, and then a look for what is old."
    schedule = "0 3 * * *"

    [[steps]]
    name = "Fetch"
    action = "crawl"
    [steps.config]
    start_urls = ["SITE"]
    delay = 0

    [[steps]]
    name = "Tidy"
    action = "cleanup"
    on_error = "continue"
    [steps.config]
    older_than = "30d"
    """
)


@pytest.fixture
def kitchen(quaero: Quaero, tmp_path: Path) -> Any:
    """A call of `quaero` on a library of its own, and one that writes a file."""
    file = tmp_path / "nightly.toml"

    def write(text: str = NIGHTLY.replace("SITE", "docs.quaero.org")) -> Path:
        file.write_text(text, encoding="utf-8")
        return file

    def call(*arguments: object) -> Any:
        return quaero("--library", tmp_path / "library", *arguments)

    return SimpleNamespace(quaero=call, write=write, file=file)


@pytest.fixture
def site():
    site = GeneratedSite(pages=4, links_per_page=2, missing=1)
    with serving(site):
        yield site


def test_a_file_is_added_to_a_library_that_is_made_for_it(kitchen):
    ended = kitchen.quaero("definitions", "add", kitchen.write(), "--json")
    assert (ended.code, ended.json, ended.err) == (0, {"id": 1}, "")


def test_a_definition_is_run_to_its_end(kitchen, site):
    kitchen.quaero("definitions", "add", kitchen.write(NIGHTLY.replace("SITE", site.url)))
    ended = kitchen.quaero("definitions", "run", 1, "--wait", "--json")
    assert (ended.code, ended.err) == (0, "")
    result = ended.json
    assert (result["job_id"], result["definition_id"], result["status"], result["documents"], result["failed"]) == (
        1, 1, "completed", 4, 1,
    )  # fmt: skip
    assert [(step["number"], step["name"], step["status"]) for step in result["steps"]] == [
        (1, "Fetch", "completed"), (2, "Tidy", "completed"),
    ]  # fmt: skip
    (root,) = kitchen.quaero("jobs", "list", "--json").json["jobs"]
    assert (root["type"], root["definition_id"], root["name"], root["parent_id"]) == (
        "definition_run",
        1,
        "Nightly",
        None,
    )
    assert kitchen.quaero("verify").code == 0

    shown = kitchen.quaero("definitions", "show", 1).out
    assert "every day at 03:00" in shown
    assert "Fetch: crawl (start_urls = " in shown
    told = kitchen.quaero("jobs", "show", 1).out.splitlines()
    assert any(line.startswith("1  ✓ completed  Fetch  4 documents, ") for line in told)
    assert "definition  1" in told
    again = kitchen.quaero("jobs", "rerun", 1, "--wait").out
    assert again.splitlines()[0].startswith("✓! completed, 1 warning  Nightly: ")
    assert any("Fetch" in line and "4 documents" in line for line in again.splitlines())


def test_a_run_returns_at_once_and_work_goes_on_with_it(kitchen, site):
    """J3."""
    kitchen.quaero("definitions", "add", kitchen.write(NIGHTLY.replace("SITE", site.url)))
    assert kitchen.quaero("definitions", "run", 1, "--json").json == {"job_id": 1}
    assert kitchen.quaero("jobs", "show", 1, "--json").json["status"] == "pending"
    assert kitchen.quaero("work", "--until-idle").code == 0
    assert kitchen.quaero("jobs", "show", 1, "--json").json["status"] == "completed"


def test_a_run_that_fails_ends_with_1(kitchen):
    with serving(GeneratedSite(pages=1, links_per_page=0)) as site:
        gone = site.url
    kitchen.quaero("definitions", "add", kitchen.write(NIGHTLY.replace("SITE", gone)))
    ended = kitchen.quaero("definitions", "run", 1, "--wait", "--json")
    assert (ended.code, ended.json["status"]) == (1, "failed")
    assert [step["status"] for step in ended.json["steps"]] == ["failed", "skipped"]


def test_what_runs_before_and_after_is_run_too(kitchen, site):
    """J4: each is a root of its own, triggered by this one."""
    tidy = 'name = "{}"\n[[steps]]\naction = "cleanup"\nconfig = {{older_than = "30d"}}\n'
    for name in ("Before", "After"):
        kitchen.quaero("definitions", "add", kitchen.write(tidy.format(name)))
    both = 'pre_jobs = ["before"]\npost_jobs = ["After"]\n' + NIGHTLY.replace("SITE", site.url)
    assert kitchen.quaero("definitions", "add", kitchen.write(both), "--json").json == {"id": 3}
    ended = kitchen.quaero("definitions", "run", 3, "--wait", "--json")
    assert ended.code == 0
    roots = kitchen.quaero("jobs", "list", "--order", "id", "--json").json["jobs"]
    assert {(root["name"], root["status"], root["triggered_by"]) for root in roots} == {
        ("Nightly", "completed", None), ("Before", "completed", 1), ("After", "completed", 1),
    }  # fmt: skip
    assert kitchen.quaero("definitions", "delete", 1).code == 1


def test_the_list_tells_what_comes_next(kitchen):
    assert "No definitions." in kitchen.quaero("definitions", "list").out or True
    kitchen.quaero("definitions", "add", kitchen.write())
    answer = kitchen.quaero("definitions", "list", "--json").json
    assert answer["total_count"] == 1
    (listed,) = answer["definitions"]
    now = time.time() * 1000
    assert (listed["id"], listed["name"], listed["schedule"], listed["schedule_in_words"]) == (
        1, "Nightly", "0 3 * * *", "every day at 03:00",
    )  # fmt: skip
    assert (listed["enabled"], listed["schedule_paused"], listed["auto_start"]) == (True, False, False)
    assert len(listed["next_runs"]) == 3
    assert all(now < moment < now + 4 * 86_400_000 for moment in listed["next_runs"])
    assert (listed["last_run"], listed["last_job"], listed["problem"]) == (None, None, "")
    assert kitchen.quaero("definitions", "show", 1, "--json").json == listed
    line = kitchen.quaero("definitions", "list").out.splitlines()[1]
    assert line.split("  ")[0].strip() == "1"
    assert "every day at 03:00" in line


def test_switches(kitchen):
    kitchen.quaero("definitions", "add", kitchen.write())
    for action, said, upcoming in (
        ("pause", "Nightly: paused (every day at 03:00)", 0),
        ("resume", "Nightly: every day at 03:00", 3),
        ("disable", "Nightly: off (every day at 03:00)", 0),
        ("enable", "Nightly: every day at 03:00", 3),
    ):
        assert kitchen.quaero("definitions", action, 1).out.strip() == said
        assert len(kitchen.quaero("definitions", action, 1, "--json").json["next_runs"]) == upcoming
    kitchen.quaero("definitions", "disable", 1)
    ended = kitchen.quaero("definitions", "run", 1)
    assert (ended.code, ended.out) == (1, "")
    assert "“Nightly”" in ended.err


def test_a_definition_goes_and_comes_as_a_file(kitchen, tmp_path, monkeypatch):
    kitchen.quaero("definitions", "add", kitchen.write())
    text = kitchen.quaero("definitions", "export", 1).out
    assert 'schedule = "0 3 * * *" # every day at 03:00' in text
    assert kitchen.quaero("definitions", "export", 1, "--json").json == {"id": 1, "toml": text}
    target = tmp_path / "out.toml"
    assert kitchen.quaero("definitions", "export", 1, "--to", target).code == 0
    assert target.read_text(encoding="utf-8") == text
    refused = kitchen.quaero("definitions", "export", 1, "--to", target)
    assert (refused.code, "exists already" in refused.err) == (2, True)

    kitchen.quaero("definitions", "delete", 1)
    assert kitchen.quaero("definitions", "delete", 1, "--json").json == {"deleted": []}
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    assert kitchen.quaero("definitions", "add", "-", "--json").json == {"id": 2}
    assert kitchen.quaero("definitions", "export", 2).out == text
    assert kitchen.quaero("definitions", "add", target, "--replace", "--json").json == {"id": 2}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "older_than",
            "oldr_than",
            ", line 17: steps[2].config.oldr_than: cleanup has no such option; did you mean older",
        ),
        ('"30d"', '"30"', ", line 17: steps[2].config.older_than: “30” lacks its unit."),
        ('"crawl"', '"craw"', ", line 7: steps[1].action is “craw”, which nobody knows; did you mean crawl?"),
        ("0 3 * * *", "0 3 * *", ", line 3: schedule is “0 3 * *”: that has 4 parts and not five"),
        ("delay = 0", "delay = = 0", ", line 10: this is not valid TOML"),
        ("delay = 0", "sources = [1]", ", line 10: steps[1].config.sources: crawl has no such option"),
        (
            'name = "Nightly"',
            'name = "Nightly"\nsources = ["Docs"]',
            ", line 2: sources[1]: there is no source “Docs”.",
        ),
        ('name = "Nightly"', "", ": name is missing."),
    ],
)
def test_a_file_that_makes_no_sense_is_told_with_its_line(kitchen, before, after, said):
    file = kitchen.write(NIGHTLY.replace(before, after, 1).replace("SITE", "docs.quaero.org"))
    ended = kitchen.quaero("--json", "definitions", "add", file)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{file}{said}")


def test_a_second_one_of_a_name_is_refused_with_the_way_out(kitchen):
    kitchen.quaero("definitions", "add", kitchen.write())
    ended = kitchen.quaero("definitions", "add", kitchen.file)
    assert ended.code == 2
    assert "there is a definition “Nightly” already, number 1" in ended.err
    assert "--replace" in ended.err


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "There is no file"), (b"\xff\xfe\x00", "is not UTF-8 text"), (b"x" * 1_000_001, "is larger than 1000 kB")],
)
def test_a_file_that_is_none_is_told(kitchen, content, said):
    if content is not None:
        kitchen.file.write_bytes(content)
    ended = kitchen.quaero("definitions", "add", kitchen.file)
    assert (ended.out, said in ended.err) == ("", True)
    assert ended.code in (1, 2)
    assert kitchen.quaero("definitions", "add", kitchen.file.parent).code == 2


@pytest.mark.parametrize("action", ["show", "export", "run", "enable", "pause"])
def test_what_is_not_there_is_told(kitchen, action):
    kitchen.quaero("definitions", "add", kitchen.write())
    ended = kitchen.quaero("definitions", action, 7)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("There is no definition 7.")


def test_it_works_in_a_process_of_its_own(tmp_path):
    file = tmp_path / "größe.toml"
    file.write_text('name = "Größe"\n[[steps]]\naction = "cleanup"\nconfig = {older_than = "1d"}\n', encoding="utf-8")
    library = str(tmp_path / "library")
    assert quaero_process("definitions", "add", str(file), "--library", library, "--json").json == {"id": 1}
    ended = quaero_process("definitions", "run", "1", "--wait", "--library", library)
    assert ended.code == 0
    assert ended.out.splitlines()[0].startswith("✓ completed  Größe: ")
