"""Summaries on the command line: made by a definition, shown with their document, exported with it."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Quaero

RECIPE = """\
name = "In short"

[[steps]]
name = "Summarise"
action = "summarise"

[[steps]]
name = "All of it"
action = "corpus_summary"
"""


def test_what_documents_say_in_short(quaero: Quaero, own_library: Path, tmp_path: Path) -> None:
    file = tmp_path / "in_short.toml"
    file.write_text(RECIPE, encoding="utf-8")

    def call(*arguments: object) -> Any:
        return quaero("--library", own_library, *arguments, "--json").json

    first = call("documents", "list")["documents"][0]["id"]
    before = call("documents", "show", first)
    assert (before["summary"], before["keywords"], before["summary_method"]) == (None, [], None)
    number = call("definitions", "add", file)["id"]
    job = call("definitions", "run", number, "--wait")
    assert job["status"] == "completed"
    assert quaero("--library", own_library, "jobs", "show", job["job_id"], "--json").json["result"]["documents"] > 1

    after = call("documents", "show", first)
    assert after["summary_method"] == "extractive"
    assert after["keywords"]
    assert not after["summary_stale"]
    text = quaero("--library", own_library, "documents", "show", first).out
    assert f"\nKeywords: {', '.join(after['keywords'])}\n" in text
    assert (f"\nIn short: {after['summary']}\n" in text) is bool(after["summary"])

    call("documents", "export", "--to", tmp_path / "all.jsonl")
    exported = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {each["id"]: each["keywords"] for each in exported}[first] == after["keywords"]
    call("documents", "export", "--to", tmp_path / "all")
    page = next(path for path in (tmp_path / "all").rglob("*.md") if path.name != "index.md")
    assert '\nkeywords: ["' in page.read_text(encoding="utf-8")
