"""The command line contract: what each command answers to a program and to a person."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

import quaero_desktop
from tests.cli.conftest import PAGES, Ended, Quaero, quaero_process
from tests.support.site import SiteProcess

JOB_FIELDS = set(
    "id parent_id root_id type phase status name url progress_current progress_total child_count completed_children "
    "failed_children warnings created_at started_at completed_at error cause payload result definition_id source_id "
    "rerun_of triggered_by attempt depth".split()
)
MISSING, PRIVATE = 2, 1


# --- crawl and work ---------------------------------------------------------------------------------------------------


def test_a_crawl_answers_with_one_json_value(crawled: tuple[Path, Ended]):
    ended = crawled[1]
    assert (ended.code, ended.err) == (0, "")
    result = ended.json
    assert set(result) >= {
        "job_id", "status", "pages", "documents", "failed", "skipped", "seconds", "pages_per_second",
    }  # fmt: skip
    assert (result["job_id"], result["status"], result["documents"]) == (1, "completed", PAGES)
    assert result["pages"] == PAGES + result["failed"]
    assert result["failed"] + result["skipped"] == MISSING + PRIVATE
    assert result["seconds"] > 0
    assert result["pages_per_second"] > 0


def test_a_crawl_tells_a_person_what_it_did_and_what_to_do_next(quaero: Quaero, site: SiteProcess, tmp_path: Path):
    ended = quaero("crawl", site.url, "--delay", 0, "--library", tmp_path / "new")
    assert (ended.code, ended.err) == (0, "")
    assert f"{PAGES} documents" in ended.out
    assert f"quaero --library {tmp_path / 'new'} jobs show 1" in ended.out
    assert f"quaero --library {tmp_path / 'new'} search" in ended.out


def test_a_crawl_that_stores_nothing_fails_with_the_reason(quaero: Quaero, site: SiteProcess, tmp_path: Path):
    ended = quaero("crawl", f"{site.url}missing/0.html", "--library", tmp_path / "new", "--json")
    assert ended.code == 1
    assert (ended.json["status"], ended.json["documents"]) == ("failed", 0)
    shown = quaero("jobs", "show", ended.json["job_id"], "--library", tmp_path / "new")
    assert "404" in shown.out


def test_the_options_of_a_crawl_are_stored_with_it(quaero: Quaero, site: SiteProcess, tmp_path: Path):
    options = (
        "--depth 1 --max-pages 3 --scope prefix --include page --exclude re:x+y --workers 3 --delay 0.001 --name N"
    )
    started = quaero("--library", tmp_path, "--json", "crawl", site.url, *options.split(), "--no-robots")
    assert started.json["pages"] <= 3
    job = quaero("jobs", "show", "1", "--library", tmp_path, "--json").json
    assert job["name"] == "N"
    asked = {
        "seeds": [site.url], "scope": "prefix", "include": ["page"], "exclude": ["re:x+y"], "max_depth": 1,
        "max_pages": 3, "per_host": 3, "delay_ms": 1, "obey_robots": False,
    }  # fmt: skip
    assert asked.items() <= job["payload"].items()


def test_work_answers_with_what_it_did(quaero: Quaero, own_library: Path):
    ended = quaero("work", "--until-idle", "--json", "--library", own_library)
    assert ended.code == 0
    assert ended.json == {"processed": 0, "completed": 0, "failed": 0, "seconds": ended.json["seconds"]}


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_jobs_are_listed_with_all_their_fields(quaero: Quaero, library: Path):
    ended = quaero("jobs", "list", "--library", library, "--json")
    answer = ended.json
    assert (ended.code, answer["total_count"], answer["limit"], answer["offset"]) == (0, 1, 50, 0)
    [job] = answer["jobs"]
    assert set(job) >= JOB_FIELDS
    assert (job["type"], job["status"], job["parent_id"]) == ("crawl", "completed", None)
    assert all(isinstance(job[field], int) for field in ("created_at", "started_at", "completed_at"))
    assert job["created_at"] <= job["started_at"] <= job["completed_at"]
    assert job["created_at"] > 1_700_000_000_000


@pytest.mark.parametrize(
    ("options", "types"),
    [
        ("--parent root", {"crawl": 1}),
        ("--parent all --limit 1000", {"crawl": 1, "validate": 1, "sitemap": 1, "crawler_url": ...}),
        ("--parent 1 --limit 1000", {"validate": 1, "sitemap": 1, "crawler_url": ...}),
        ("--parent 1 --status completed --limit 1000", {"validate": 1, "sitemap": 1, "crawler_url": PAGES}),
        ("--parent 1 --type crawler_url --limit 1000", {"crawler_url": ...}),
        ("--parent 1 --status failed --status cancelled --query missing", {"crawler_url": MISSING}),
        ("--parent all --type crawl", {"crawl": 1}),
        ("--source 999999", {}),
    ],
)
def test_jobs_are_filtered(quaero: Quaero, library: Path, options: str, types: dict[str, object]):
    answer = quaero("jobs", "list", *options.split(), "--library", library, "--json").json
    counts = Counter(job["type"] for job in answer["jobs"])
    assert counts == {kind: counts[kind] if number is ... else number for kind, number in types.items()}
    assert set(counts) == set(types)
    assert answer["total_count"] == counts.total()


def test_a_list_has_a_window_and_an_order(quaero: Quaero, library: Path):
    def ids(*options: str) -> list[int]:
        answer = quaero("jobs", "list", "--parent", "1", "--library", library, "--json", *options).json
        return [job["id"] for job in answer["jobs"]]

    every = ids("--order", "id", "--limit", "1000")
    assert every == sorted(every)
    assert ids("--order", "-id", "--limit", "1000") == every[::-1]
    assert ids("--order=-id", "--limit", "2", "--offset", "1") == every[::-1][1:3]
    assert ids("--limit", "0") == []


def test_jobs_are_grouped_below_their_parents(quaero: Quaero, library: Path):
    answer = quaero("jobs", "list", "--parent", "all", "--grouped", "--order", "id", "--limit", 4, "--library", library,
                    "--json").json  # fmt: skip
    [group] = answer["groups"]
    assert group["parent"]["id"] == 1
    assert [child["parent_id"] for child in group["children"]] == [1, 1, 1]
    assert answer["orphans"] == []
    assert {"total_count", "limit", "offset"} <= set(answer)
    orphans = quaero("jobs", "list", "--parent", "1", "--grouped", "--limit", 2, "--library", library, "--json").json
    assert (orphans["groups"], len(orphans["orphans"])) == ([], 2)


def test_a_job_shows_everything_about_it(quaero: Quaero, library: Path):
    answer = quaero("jobs", "show", 1, "--library", library, "--json").json
    assert set(answer) >= JOB_FIELDS
    assert answer["details"]["documents"] == PAGES
    assert sum(answer["details"]["failures"].values()) == answer["failed_children"]
    text = quaero("jobs", "show", 1, "--library", library).out
    assert f"{MISSING}: the page does not exist (404)" in text
    child = quaero("jobs", "list", "--parent", 1, "--status", "failed", "--library", library, "--json").json["jobs"][0]
    shown = quaero("jobs", "show", child["id"], "--library", library)
    assert child["url"] in shown.out
    assert child["error"] in shown.out
    found_on = re.search(r"found on +(\S+) \(job (\d+)\)", shown.out)
    assert found_on is not None
    assert quaero("jobs", "show", found_on[2], "--library", library, "--json").json["url"] == found_on[1]
    told = quaero("jobs", "show", child["id"], "--library", library, "--json").json["found_on"]
    assert told == {"id": int(found_on[2]), "url": found_on[1]}


def test_every_skipped_link_is_told_with_its_reason_and_rule(quaero: Quaero, site: SiteProcess, tmp_path: Path):
    quaero("crawl", site.url, "--exclude", "/page/1", "--library", tmp_path)
    skips = quaero("jobs", "show", 1, "--skipped", "--library", tmp_path, "--json").json["skips"]
    excluded = [skip for skip in skips["skips"] if skip["reason"] == "excluded"]
    assert f"{site.url}page/1.html" in {skip["url"] for skip in excluded}
    assert all("/page/1" in skip["rule"] for skip in excluded)
    text = quaero("jobs", "show", 1, "--skipped", "--limit", 1, "--library", tmp_path).out
    assert "excluded by a rule" in text
    assert f"1–1 of {skips['total_count']}" in text


def test_the_log_has_levels_a_limit_and_children(quaero: Quaero, library: Path):
    def levels(*options: str) -> Counter[str]:
        answer = quaero("jobs", "logs", "1", "--library", library, "--json", *options).json
        return Counter(line["level"] for line in answer["logs"])

    assert set(levels()) <= {"info", "warn", "error"}
    assert levels("--children", "--limit", "10000").total() > levels().total() > 0
    assert set(levels("--children", "--level", "warn")) <= {"warn", "error"}
    assert levels("--children", "--limit", "3").total() == 3
    text = quaero("jobs", "logs", 1, "--children", "--library", library).out
    assert "Completed" in text


def test_a_crawl_is_paused_resumed_and_cancelled(quaero: Quaero, site: SiteProcess, tmp_path: Path):
    quaero("crawl", site.url, "--library", tmp_path, "--max-pages", 1)
    assert quaero("jobs", "pause", 1, "--library", tmp_path).code == 1
    refused = quaero("jobs", "cancel", 1, "--library", tmp_path, "--json")
    assert (refused.code, refused.out) == (1, "")
    assert "completed already" in refused.err


# --- documents and search ---------------------------------------------------------------------------------------------


def test_documents_are_listed(quaero: Quaero, library: Path, site: SiteProcess):
    answer = quaero("documents", "list", "--library", library, "--json").json
    assert {document["url"] for document in answer["documents"]} == site.page_urls
    assert (answer["total_count"], answer["limit"], answer["offset"]) == (PAGES, 50, 0)
    for document in answer["documents"]:
        assert set(document) >= {"id", "url", "title", "content_hash", "truncated", "fetched_at"}
        assert isinstance(document["fetched_at"], int)
    text = quaero("documents", "list", "--library", library, "--limit", 1).out
    assert f"1–1 of {PAGES}" in text


def test_a_document_is_printed_as_markdown(quaero: Quaero, library: Path):
    document = quaero("documents", "list", "--library", library, "--json").json["documents"][0]
    text = quaero("documents", "show", document["id"], "--library", library).out
    assert document["url"] in text
    assert "```python" in text
    whole = quaero("documents", "show", document["id"], "--library", library, "--json").json
    assert whole["markdown"].strip() in text


@pytest.mark.parametrize("words", [["vacuum -lantern"], ["vacuum", "-lantern"], ["-lantern", "vacuum"]])
def test_a_search_may_leave_words_out(quaero: Quaero, site: SiteProcess, tmp_path: Path, words: list[str]):
    quaero("crawl", site.url, "--max-pages", 3, "--library", tmp_path)
    words = [word.replace("vacuum", "value") for word in words]
    answer = quaero("search", *words, "--library", tmp_path, "--json")
    assert answer.code == 0
    assert answer.json == quaero("--json", "--library", tmp_path, "search", "value -lantern").json | {
        "took_ms": answer.json["took_ms"]
    }


def test_a_search_answers_with_ranked_snippets(quaero: Quaero, library: Path, site: SiteProcess):
    answer = quaero("search", "value", "--limit", 3, "--library", library, "--json").json
    assert set(answer) >= {"results", "total_count", "took_ms"}
    assert len(answer["results"]) == 3
    assert answer["total_count"] == PAGES
    assert isinstance(answer["took_ms"], int)
    for result in answer["results"]:
        assert set(result) >= {"document_id", "url", "title", "snippet", "score"}
        assert result["url"] in site.page_urls
        assert "**value**" in result["snippet"].lower()
    text = quaero("search", "value", "--limit", 3, "--library", library)
    assert answer["results"][0]["title"] in text.out
    assert f"1–3 of {PAGES} results" in text.out


@pytest.mark.parametrize("query", ['"', "(", "AND OR", "title:", "-", "*", "site:x:y", "NEAR(", "", "a" * 5000])
def test_no_query_is_an_error(quaero: Quaero, library: Path, query: str):
    ended = quaero("search", "--library", library, "--json", "--", query)
    assert ended.code == 0
    assert set(ended.json) >= {"results", "total_count", "took_ms"}


# --- looking after ----------------------------------------------------------------------------------------------------


def test_verify_checks_every_promise(quaero: Quaero, library: Path):
    ended = quaero("verify", "--library", library, "--json")
    assert (ended.code, ended.json["ok"]) == (0, True)
    assert all(set(check) == {"name", "ok", "detail"} and check["ok"] for check in ended.json["checks"])
    text = quaero("verify", "--library", library).out.splitlines()
    assert len(text) == len(ended.json["checks"]) + 1


def test_a_backup_is_made_listed_and_restored(quaero: Quaero, own_library: Path):
    made = quaero("backup", "--library", own_library, "--json").json
    [listed] = quaero("backup", "list", "--library", own_library, "--json").json["backups"]
    assert listed["name"] == made["name"]
    (own_library / "library.db").unlink()
    restored = quaero("backup", "restore", made["name"], "--library", own_library, "--json")
    assert (restored.code, restored.json["restored"]) == (0, made["name"])
    assert quaero("documents", "list", "--library", own_library, "--json").json["total_count"] == PAGES


# --- global options ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "--library L --json jobs list",
        "jobs list --library L --json",
        "jobs --json list --library=L",
        "--json --library=L jobs list -v",
        "-v jobs --library L --json list",
        "--library elsewhere jobs list --library L --json",
    ],
)
def test_global_options_stand_before_or_after_the_command(quaero: Quaero, library: Path, line: str):
    ended = quaero(
        *(word.replace("L", str(library)) if word in ("L", "--library=L") else word for word in line.split())
    )
    assert ended.code == 0
    assert ended.json["total_count"] == 1


def test_the_environment_names_the_library(quaero: Quaero, library: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUAERO_LIBRARY", str(library))
    assert quaero("jobs", "list", "--json").json["total_count"] == 1
    assert quaero("jobs", "list", "--library", library / "none").code == 1


def test_a_broken_setting_is_named_and_the_default_used(
    quaero: Quaero, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "settings.toml"
    file.write_text("[crawl]\nmax_depth = 3\n\n[queue]\nnum_workers = 0\n", encoding="utf-8")
    monkeypatch.setenv("QUAERO_CONFIG", str(file))
    ended = quaero("jobs", "list", "--library", library, "--json")
    assert (ended.code, ended.json["total_count"]) == (0, 1)
    assert f"{file}, line 5" in ended.err
    assert "5 is used" in ended.err


def test_reading_creates_nothing(quaero: Quaero, library: Path, tmp_path: Path):
    def entries() -> set[str]:
        # The memory that SQLite shares between the readers of a library comes and goes.
        return {path.name for path in library.iterdir()} - {"library.db-shm", "library.db-wal"}

    before, content = entries(), (library / "library.db").read_bytes()
    commands = ("jobs list", "jobs show 1", "jobs logs 1", "documents list", "documents show 1", "search value",
                "verify", "backup list")  # fmt: skip
    for line in commands:
        assert quaero(*line.split(), "--library", library).code == 0, line
        if line != "backup list":
            assert quaero(*line.split(), "--library", tmp_path / "none").code == 1, line
    assert (entries(), (library / "library.db").read_bytes()) == (before, content)
    assert not (tmp_path / "none").exists()


def test_a_second_writer_is_refused_and_reading_works(quaero: Quaero, own_library: Path):
    from quaero_desktop.infra.lock import InstanceLock

    with InstanceLock(own_library / "library.lock"):
        for line in ("work --until-idle", "jobs cancel 1", "backup", "crawl docs.python.org"):
            ended = quaero(*line.split(), "--library", own_library, "--json")
            assert (ended.code, ended.out) == (3, ""), line
            assert "open already" in ended.err
        assert quaero("jobs", "list", "--library", own_library, "--json").json["total_count"] == 1


def test_secrets_in_an_address_are_shown_nowhere(quaero: Quaero, site: SiteProcess, tmp_path: Path):
    address = site.url.replace("://", "://someone:hunter2hunter2@")
    lines = [
        ("crawl", address, "--max-pages", "2"), ("crawl", address, "--max-pages", "1", "--json", "-v"),
        ("crawl", address.replace("http", "ftp")), ("jobs", "list", "--parent", "all"),
        ("jobs", "list", "--parent", "all", "--json"), ("jobs", "show", "1"), ("jobs", "show", "1", "--json"),
        ("jobs", "logs", "1", "--children", "--level", "debug"), ("documents", "list", "--json"),
        ("jobs", "show", address),
    ]  # fmt: skip
    for line in lines:
        ended = quaero(*line, "--library", tmp_path)
        assert "hunter2" not in ended.out + ended.err, line
    assert b"hunter2" not in (tmp_path / "library.db").read_bytes()


def test_the_version_is_printed(quaero: Quaero):
    assert quaero("--version") == Ended(0, f"quaero {quaero_desktop.__version__}\n", "")


def test_a_process_answers_like_a_call(library: Path):
    ended = quaero_process("--json", "jobs", "list", "--library", str(library))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("}\n")
    assert json.loads(ended.out)["total_count"] == 1
