"""The two lines of live progress: they fit any width, and give up the least important first."""

import msgspec
import pytest

from quaero_desktop.cli.progress import root_lines
from quaero_desktop.domain.jobs import Job
from quaero_desktop.domain.listing import RootDetails
from quaero_desktop.domain.progress import Progress
from quaero_desktop.services.jobs import JobDetails

URL = "https://docs.python.org/3/library/" + "very-long-" * 20 + "page.html"
NUMBERS = {field.name: 0 for field in msgspec.structs.fields(Job)}


def known(name: str = "docs.python.org") -> JobDetails:
    job = msgspec.convert(
        NUMBERS
        | {"id": 1, "root_id": 1, "type": "crawl", "phase": "core", "status": "running", "name": name, "url": None}
        | {"parent_id": None, "error": None, "cause": None, "payload": {}, "result": None, "children": {}},
        Job,
    )
    root = RootDetails(
        job=job, pages={}, documents=0, changes={}, bytes=0, discovered=0, current_url=URL, heartbeat_at=None,
        skipped={}, failures={}, pages_per_second=0, seconds_left=None,
    )  # fmt: skip
    return JobDetails(job=job, root=root, attempts=())


MOMENT = Progress(done=1204, failed=3, queued=96, rate=38.24, eta_seconds=184)


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("name", ["docs.python.org", "数据库" * 30, "x" * 300, "a\nb\x1b[2J"])
def test_lines_fit_the_terminal(width: int, name: str):
    lines = root_lines(known(name), MOMENT, width)
    assert lines.plain.count("\n") == 2
    assert all(line.cell_len < width for line in lines.split("\n"))
    assert "\x1b" not in lines.plain


def test_a_wide_terminal_shows_everything():
    first, second = root_lines(known(), MOMENT, 120).plain.splitlines()
    assert first == "▶ running  docs.python.org  1,204 done · 3 failed · 96 queued · 38.2 pages/s · about 3 m 4 s left"
    assert second.startswith("  https://docs.python.org/3/library/very")
    assert second.endswith("page.html")
    assert "…" in second


def test_a_narrow_terminal_keeps_what_matters():
    first = root_lines(known(), MOMENT, 60).plain.splitlines()[0]
    assert "1,204 done" in first
    assert "left" not in first
