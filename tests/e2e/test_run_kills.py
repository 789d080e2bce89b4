"""``kill -9`` in each step of a run: it goes on where it was, and does nothing twice (J3, J4, Q7)."""

import signal

import pytest

from tests.e2e.quaero import QuaeroLibrary
from tests.support.site import GeneratedSite, serving

pytestmark = pytest.mark.slow

NIGHTLY = """\
name = "Nightly"
pre_jobs = ["Before"]
post_jobs = ["After"]
{steps}
"""
STEP = """\
[[steps]]
name = "{action}"
action = "{action}"
config = {{{config}}}
"""
TIDY = 'name = "{name}"\n[[steps]]\nname = "Tidy"\naction = "reindex"\n'
POINTS = (
    "prerequisite:after", "crawler_url:after", "transform:spawned", "transform:after", "summarise:spawned",
    "corpus_summary:after", "reindex:before", "cleanup:before",
)  # fmt: skip
PAGES = 12


def add(library: QuaeroLibrary, text: str) -> None:
    file = library.folder.parent / "definition.toml"
    file.write_text(text, encoding="utf-8")
    library.run("definitions", "add", str(file), "--json")


def test_a_run_killed_in_each_of_its_steps_does_everything_once(library):
    with serving(GeneratedSite(pages=PAGES)) as site:
        for name in ("Before", "After"):
            add(library, TIDY.format(name=name))
        configs = {
            "crawl": f'start_urls = ["{site.url}"], delay = 0, concurrency = 2',
            "cleanup": 'older_than = "30d"',
        }
        actions = ("crawl", "transform", "summarise", "corpus_summary", "reindex", "cleanup")
        steps = "".join(STEP.format(action=action, config=configs.get(action, "")) for action in actions)
        add(library, NIGHTLY.format(steps=steps))
        library.run("definitions", "run", "3", "--json")
        for point in POINTS:
            with library.running("work", "--until-idle", program=("-m", "tests.e2e.mortal", point)) as running:
                ended = running.wait()
                assert ended.code == -signal.SIGKILL, (point, ended)
                running.wait_for_the_group()
            if point == "transform:spawned":
                library.verify()
        library.finish()

    library.verify()
    roots = library.run("jobs", "list", "--order", "id", "--json").answer["jobs"]
    assert sorted((root["name"], root["status"], root["warnings"]) for root in roots) == [
        ("After", "completed", 0),
        ("Before", "completed", 0),
        ("Nightly", "completed", 0),
    ]
    details = library.job(next(root["id"] for root in roots if root["name"] == "Nightly"))["details"]
    assert [step["status"] for step in details["steps"]] == ["completed"] * 6
    assert library.document_urls() == sorted(site.page_urls)
    assert library.rows("SELECT DISTINCT version FROM documents") == [(1,)]
    # One planner and one part for each document, whatever was killed when.
    assert library.rows(
        "SELECT type, count(*) FROM jobs WHERE type IN ('transform', 'summarise') GROUP BY 1 ORDER BY 1"
    ) == [("summarise", PAGES + 1), ("transform", PAGES + 1)]
    assert library.value("SELECT count(*) FROM messages") == 0
