"""``quaero rules``: what would become of a link, and why, without reading the code or a log; and other rules."""

import asyncio
from pathlib import Path

import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.infra.lock import InstanceLock
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import opening
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queue import Queue
from tests.cli.conftest import Quaero
from tests.support.outcomes import stored

DOCS = "https://docs.python.org/3"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{DOCS}/x", "followed"),
        (f"{DOCS}/whatsnew/3.11.html --exclude *.pdf --exclude */whatsnew/*", "excluded by rule 2: */whatsnew/*"),
        (f"{DOCS}/library/ --include /library/ --exclude *.pdf", "followed"),
        (
            f"{DOCS}/x --include /library/ --include re:^ftp",
            "not included: no include rule matches: /library/, re:^ftp",
        ),
        (
            f"{DOCS}/c-api/ --seed {DOCS}/library/ --scope prefix",
            "outside the scope of the crawl, prefix: docs.python.org/3/library/",
        ),
        (f"https://www.python.org/ --seed {DOCS}/ --scope domain", "followed"),
        (f"https://www.python.org/ --seed {DOCS}/", "outside the scope of the crawl, host: docs.python.org"),
        ("https://b.co.uk/ --seed https://a.co.uk/ --scope domain", "outside the scope of the crawl, domain: a.co.uk"),
        (f"mailto:me@quaero --seed {DOCS}/", "skipped: only http and https are collected"),
        (f"{DOCS}/{'x' * 5000} --seed {DOCS}/", "skipped: longer than 4096 characters"),
    ],
)
def test_the_verdict_names_the_rule(quaero: Quaero, line: str, said: str):
    ended = quaero("rules", "check", *line.split())
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{said}\n"


def test_the_address_is_shown_as_the_crawl_knows_it(quaero: Quaero):
    ended = quaero("rules", "check", "/3/x?utm_source=y#z", "--seed", "docs.python.org")
    assert ended.out.splitlines() == ["followed", f"The crawl knows it as {DOCS}/x"]


def test_json_is_one_value(quaero: Quaero):
    ended = quaero("--json", "rules", "check", f"{DOCS}/old/x?gclid=1", "--exclude", "*/old/*")
    assert ended.json == {
        "url": f"{DOCS}/old/x?gclid=1",
        "canonical": f"{DOCS}/old/x",
        "verdict": "skipped",
        "reason": "excluded",
        "rule": "exclude rule 1: */old/*",
    }
    followed = quaero("rules", "check", f"{DOCS}/", "--json").json
    assert (followed["verdict"], followed["reason"], followed["rule"]) == ("followed", None, "")
    mail = quaero("rules", "check", "mailto:me@quaero", "--seed", DOCS, "--json").json
    assert (mail["verdict"], mail["canonical"], mail["reason"]) == ("skipped", None, "scheme")


def test_of_a_job_its_own_rules_decide(quaero: Quaero, library: Path, site):
    inside = quaero("--library", library, "rules", "check", "/x", "--job", 1)
    assert (inside.code, inside.out.splitlines()[0]) == (0, "followed")
    outside = quaero("--library", library, "rules", "check", f"{DOCS}/", "--job", 1)
    assert outside.out.startswith("outside the scope of the crawl, host: ")
    child = quaero("--library", library, "rules", "check", site.url, "--job", 2)
    assert (child.code, child.out.splitlines()[0]) == (0, "followed")


def test_a_secret_is_not_repeated(quaero: Quaero):
    ended = quaero("rules", "check", "https://me:hunter2secret@docs.python.org/", "--json")
    assert ended.json["verdict"] == "followed"
    assert "hunter2secret" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("rules check", "URL is missing."),
        ("rules", "usage: quaero rules"),
        ("rules check http://[::1", "“http://[::1” is not a web address."),
        (f"rules check {DOCS}/ --exclude re:(", "The rule “re:(” is not a valid regular expression: missing )"),
        (f"rules check {DOCS}/ --include=", "An include or exclude rule is empty."),
        (f"rules check {DOCS}/ --scope far", "--scope needs host, prefix or domain, not “far”."),
        (f"rules check {DOCS}/ --seed ftp://x", "“ftp://x” is not a web address."),
        (f"rules check {DOCS}/ --job 1 --exclude x", "--job brings its own rules."),
    ],
)
def test_nonsense_is_told(quaero: Quaero, library: Path, line: str, sentence: str):
    ended = quaero("--library", library, *line.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(sentence)


def test_an_unknown_job_is_told(quaero: Quaero, library: Path):
    ended = quaero("--library", library, "rules", "check", DOCS, "--job", 999)
    assert (ended.code, ended.out) == (1, "")
    assert "999" in ended.err


def test_a_job_of_no_library_creates_none(quaero: Quaero, tmp_path: Path):
    ended = quaero("--library", tmp_path / "none", "rules", "check", DOCS, "--job", 1)
    assert ended.code == 1
    assert list(tmp_path.iterdir()) == []


# --- other rules for a crawl under way ------------------------------------------------------------------------------


@pytest.fixture
def under_way(tmp_path: Path) -> Path:
    """A library with a crawl of which one page is stored, and three that it links to are queued."""

    async def begin() -> None:
        database = await opening.open_library(LibraryFiles(tmp_path), clock=SystemClock(), create=True)
        ledger = Ledger(database, Queue(owner="me"))
        await ledger.start(NewRoot(name="docs", config=CrawlConfig(seeds=(f"{DOCS}/",))))
        (page,) = (await ledger.receive(1, NO_PACE)).assignments
        links = [f"{DOCS}/{path}" for path in ("library/", "whatsnew/3.10", "whatsnew/3.11")]
        await ledger.complete(page.delivery.receipt, stored(f"{DOCS}/", links=links))
        await database.close()

    asyncio.run(begin())
    return tmp_path


def test_the_rules_of_a_crawl_under_way_are_changed(quaero: Quaero, under_way: Path):
    change = ("rules", "change", 1, "--library", under_way)

    first, second = (f"{n} queued pages withdrawn, {m} skipped links queued" for n, m in ((2, 0), (0, 2)))

    ended = quaero(*change, "--exclude", "*/whatsnew/*", "--max-pages", 4)
    assert (ended.code, ended.out, ended.err) == (0, f"{first}\n", "")
    ended = quaero(*change, "--no-exclude", "--no-max-pages", "--scope", "domain", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == {"job_id": 1, "withdrawn": 0, "queued": 2}

    logged = quaero("jobs", "logs", 1, "--library", under_way, "--json").json["logs"]
    assert [line["message"].split("; ") for line in logged][-2:] == [
        ["Rules changed: exclude + */whatsnew/*, max-pages no limit → 4", first],
        ["Rules changed: exclude - */whatsnew/*, scope host → domain, max-pages 4 → no limit", second],
    ]
    assert quaero("verify", "--library", under_way).code == 0


def test_a_library_in_use_is_left_alone(quaero: Quaero, under_way: Path):
    with InstanceLock(under_way / "library.lock"):
        ended = quaero("rules", "change", 1, "--depth", 1, "--library", under_way, "--json")
    assert (ended.code, ended.out) == (3, "")
    assert "open already" in ended.err


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        ("rules change 1", 2, "No rule is given."),
        ("rules change", 2, "ID is missing."),
        ("rules change 1 --exclude x --no-exclude", 2, "--exclude and --no-exclude exclude each other."),
        ("rules change 1 --include re:(", 2, "The rule “re:(” is not a valid regular expression"),
        ("rules change 1 --max-pages 0", 2, "max-pages is 0; 1 is the least."),
        ("rules change 1 --depth -1", 2, "depth is -1; 0 is the least."),
        ("rules change 99 --depth 1", 1, "There is no job 99."),
    ],
)
def test_a_change_that_makes_no_sense_is_told(quaero: Quaero, under_way: Path, line: str, code: int, sentence: str):
    ended = quaero("--library", under_way, *line.split())
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith(sentence)


def test_the_rules_of_a_crawl_that_ended_stay(quaero: Quaero, own_library: Path):
    ended = quaero("--library", own_library, "rules", "change", 1, "--depth", 1)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Job 1 is completed, so its rules cannot be changed.")
