"""``quaero documents export``."""

import csv
import json
from pathlib import Path

import pytest

from tests.cli.conftest import PAGES, Quaero


@pytest.fixture
def export(quaero: Quaero, library: Path):
    """`quaero documents export` of the crawled library."""

    def call(*arguments: object):
        return quaero("--library", library, "documents", "export", *arguments)

    return call


def test_a_folder_of_markdown_is_the_default(export, tmp_path: Path, site):
    ended = export("--to", tmp_path / "mine")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{PAGES} documents in {PAGES + 1} files (")
    assert ended.out.endswith(f" kB) written to {tmp_path / 'mine'}\n")
    host = site.url.split("/")[2].replace(":", "_")
    assert (tmp_path / "mine" / host / "index.md").read_text(encoding="utf-8").startswith('---\ntitle: "')


def test_the_end_of_the_name_says_the_format(export, tmp_path: Path):
    assert export("--to", tmp_path / "x.jsonl").code == 0
    assert len([json.loads(line) for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()]) == PAGES
    assert export("--to", tmp_path / "x.CSV").code == 0
    with open(tmp_path / "x.CSV", encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == PAGES
    assert export("--to", tmp_path / "y", "--format", "csv").code == 0
    assert (tmp_path / "y").read_bytes()[3:6] == b"id,"


def test_json_is_one_value(export, tmp_path: Path):
    answer = export("--to", tmp_path / "x.jsonl", "--json", 1, 3).json
    assert answer == {
        "documents": 2,
        "files": 1,
        "bytes": (tmp_path / "x.jsonl").stat().st_size,
        "target": str(tmp_path / "x.jsonl"),
        "skipped": [],
    }


def test_documents_are_chosen_as_lists_and_searches_choose_them(export, quaero: Quaero, library: Path, tmp_path: Path):
    def urls(*which: object) -> list[str]:
        assert export("--to", tmp_path / "x.jsonl", "--force", *which).code == 0
        return [json.loads(line)["url"] for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()]

    listed = quaero("--library", library, "documents", "list", "--query", "page/1", "--json").json["documents"]
    assert sorted(urls("--query", "page/1")) == sorted(document["url"] for document in listed)
    word = "page"
    found = quaero("--library", library, "search", word, "--limit", 100, "--json").json["results"]
    assert found
    assert urls("--search", word) == [hit["url"] for hit in found]
    assert len(urls("--source", 1)) == PAGES
    assert len(urls(2, 1)) == 2


def test_numbers_that_are_no_documents_are_told(export, tmp_path: Path):
    ended = export("--to", tmp_path / "x.csv", 1, 99)
    assert (ended.code, ended.err) == (1, "There is no document 99.\n")
    assert ended.out.startswith("1 document ")
    ended = export("--to", tmp_path / "y.csv", 98, 99)
    assert (ended.code, ended.out) == (1, "")
    assert "no document to export" in ended.err


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("", 2, "--to is missing"),
        ("--to x --format pdf", 2, "Unknown format “pdf”"),
        ("--to=", 2, "--to needs the name"),
        ("--to x --source 99", 1, "There is no source 99."),
        ("--to none/x.csv", 1, "There is no folder"),
        ("--to taken.csv", 1, "exists already"),
        ("--to . --force", 1, "exists already and is not empty"),
    ],
)
def test_what_makes_no_sense_is_told(export, tmp_path: Path, monkeypatch, line: str, code: int, said: str):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.csv").write_text("mine")
    ended = export(*line.split())
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["taken.csv"]
    assert (tmp_path / "taken.csv").read_text() == "mine"
