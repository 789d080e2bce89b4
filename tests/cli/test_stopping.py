"""Ctrl-C and SIGTERM: a clean stop within three seconds, and the way on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Quaero, clean_environment, command
from tests.support.site import SiteProcess, site_process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent to processes there in another way")
PAGES = 30


def wait_for_pages(site: SiteProcess, number: int) -> None:
    deadline = time.monotonic() + 30
    while sum(path != "/robots.txt" for path in site.counts()) < number:
        assert time.monotonic() < deadline, "the crawl does not get on"
        time.sleep(0.02)


def stopped(line: list[str], site: SiteProcess, number: int, how: signal.Signals) -> tuple[int, str, str]:
    """Start `quaero`, stop it once *number* pages were asked for, and return its code, stdout and stderr."""
    with subprocess.Popen(
        command(*line),
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            wait_for_pages(site, number)
            process.send_signal(how)
            started = time.monotonic()
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert time.monotonic() - started < 3
    return process.returncode, out, err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_a_stopped_crawl_says_how_to_go_on_and_does(quaero: Quaero, tmp_path: Path, how: signal.Signals):
    with site_process(pages=PAGES, latency=0.15) as site:
        line = ["crawl", site.url, "--workers", "2", "--delay", "0", "--library", str(tmp_path), "--json"]
        code, out, err = stopped(line, site, 4, how)
        assert (code, out) == (130, "")
        assert err.startswith("Stopped after ")
        assert f"quaero --library {tmp_path} work --until-idle" in err

        left = quaero("jobs", "list", "--parent", 1, "--limit", 1000, "--library", tmp_path, "--json").json
        assert {job["status"] for job in left["jobs"]} <= {"pending", "completed"}
        assert f"quaero --library {tmp_path} work" in quaero("jobs", "list", "--library", tmp_path).out
        assert quaero("verify", "--library", tmp_path).code == 0

        assert quaero("jobs", "pause", 1, "--library", tmp_path, "--json").json["status"] == "paused"
        waited = quaero("work", "--until-idle", "--library", tmp_path, "--json")
        assert waited.json["processed"] == 0
        assert f"quaero --library {tmp_path} jobs resume 1" in waited.err
        quaero("jobs", "resume", 1, "--library", tmp_path)

        went_on = quaero("work", "--until-idle", "--library", tmp_path)
        assert (went_on.code, went_on.err) == (0, "")
        documents = quaero("documents", "list", "--limit", 1000, "--library", tmp_path, "--json").json
        assert {document["url"] for document in documents["documents"]} == site.page_urls


def test_work_that_serves_ends_with_ctrl_c(quaero: Quaero, tmp_path: Path):
    with site_process(pages=PAGES, latency=0.15) as site:
        stopped(["crawl", site.url, "--delay", "0", "--library", str(tmp_path)], site, 4, signal.SIGINT)
        code, _, err = stopped(["work", "--library", str(tmp_path)], site, 8, signal.SIGINT)
        assert code == 130
        assert "Traceback" not in err
        cancelled = quaero("jobs", "cancel", 1, "--library", tmp_path, "--json").json
        assert cancelled["status"] == "cancelled"
        assert quaero("verify", "--library", tmp_path).code == 0
