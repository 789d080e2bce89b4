"""D4 on the command line: what a second crawl found, and the versions of a document."""

from pathlib import Path

import pytest

from tests.cli.conftest import Quaero
from tests.support.site import GeneratedSite, serving

PAGES = 4


class Rewritten(GeneratedSite):
    """A site whose pages can be taken away or rewritten."""

    def __init__(self) -> None:
        super().__init__(pages=PAGES, links_per_page=0)
        self.gone: set[str] = set()
        self.rewritten: set[str] = set()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        status, media_type, body = super().answer(path)
        if path in self.gone:
            return 404, "text/html", b""
        return status, media_type, body.replace(b"<h1>", b"<h1>Rewritten: ") if path in self.rewritten else body


@pytest.fixture
def recrawled(quaero: Quaero, tmp_path: Path):
    """A library after two crawls; between them a page changed and another went. What the crawls said comes along."""
    site = Rewritten()
    with serving(site):
        command = ("--library", tmp_path / "library", "crawl", site.url, "--delay", 0)
        first = quaero(*command)
        site.rewritten.add("/")
        site.gone.add("/page/3.html")
        second = quaero(*command, "--json")
        third = quaero(*command)
        return tmp_path / "library", first, second, third


def test_crawls_and_jobs_tell_what_changed(quaero: Quaero, recrawled):
    library, first, second, third = recrawled
    assert "new" not in first.out, "nobody asks what is new in a new library"
    assert second.json["changes"] == {"new": 0, "changed": 1, "unchanged": 2, "gone": 1}
    assert second.json["documents"] == 3
    assert "3 documents" in third.out
    assert ": 3 unchanged, 1 failed" in third.out

    job_id = second.json["job_id"]
    details = quaero("--library", library, "jobs", "show", job_id, "--json").json["details"]
    assert details["changes"] == second.json["changes"]
    assert "1 changed, 2 unchanged, 1 gone" in quaero("--library", library, "jobs", "show", job_id).out
    assert "unchanged" not in quaero("--library", library, "jobs", "show", 1).out


def test_documents_show_their_versions_and_whether_they_are_gone(quaero: Quaero, recrawled):
    library = recrawled[0]

    def documents(*words: object):
        return quaero("--library", library, "documents", *words)

    by_url = {document["url"]: document for document in documents("list", "--json").json["documents"]}
    (gone,) = (document for document in by_url.values() if document["gone_at"] is not None)
    assert gone["url"].endswith("/page/3.html")
    assert f"{gone['title']} (gone)" in documents("list").out
    assert "(gone since 20" in documents("show", gone["id"]).out.splitlines()[0]

    first_page = next(document for url, document in by_url.items() if url.count("/") == 3)
    shown = documents("show", first_page["id"], "--versions", "--json").json
    assert [version["version"] for version in shown["versions"]] == [2, 1]
    assert shown["versions"][0]["changed_at"] == shown["changed_at"] > shown["versions"][1]["changed_at"]
    lines = documents("show", first_page["id"], "--versions").out.splitlines()
    assert [line.split()[0] for line in lines] == ["version", "2", "1"]
    assert quaero("--library", library, "documents", "show", 99, "--versions").code == 1
