"""What is done with all pages that match, of which the table itself knows only those that were seen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from quaero_desktop.domain.jobs import OPEN_STATUSES, Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.actions import ActionId, Selection, Target
from tests.support.crawling import settings_with
from tests.support.desktop import Used, use
from tests.support.site import GeneratedSite, serving
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def library(tmp_path: Path, qapp: QApplication) -> Path:
    return tmp_path / "library"


@pytest.fixture
def site() -> Iterator[GeneratedSite]:
    with serving(GeneratedSite(pages=30)) as running:
        yield running


def test_cancelling_and_copying_all_that_match_leaves_none_out(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        jobs, actions = used.context.services.jobs, used.context.actions
        # Slow enough to be met half-way.
        job_id = await jobs.start_crawl(CrawlRequest(urls=(site.url,), delay_seconds=0.2))

        async def some_ended_and_some_wait() -> bool:
            job = await used.job(job_id)
            return job.progress_current >= 2 and job.progress_total - job.progress_current >= 3

        await until(some_ended_and_some_wait)
        await jobs.pause(job_id)
        which = PageFilter(root_id=job_id, type=("crawler_url",))
        ids = await used.context.services.pages.ids(which)
        # As the table says it that has seen the first page alone.
        (first,) = await used.context.services.pages.rows(ids[:1])
        assert first.status == Status.COMPLETED
        everything = Selection((Target.of_page(first),), which, len(ids))
        actions.select(everything)

        actions.trigger(ActionId.COPY_URL)
        await until(lambda: any("copied" in notice.message for notice in used.notices))
        copied = QApplication.clipboard().text().splitlines()
        assert (len(copied), len(set(copied))) == (len(ids), len(ids))
        assert set(copied) <= site.page_urls

        # The first of them has ended long ago: that stops none of the others.
        actions.select(everything)
        assert actions.action(ActionId.CANCEL).isEnabled()
        actions.trigger(ActionId.CANCEL)

        async def none_is_open() -> bool:
            found = await jobs.page(JobFilter(parent=job_id, status=tuple(OPEN_STATUSES), type=("crawler_url",)))
            return not found.total_count

        await until(none_is_open)
        ended = await jobs.page(JobFilter(parent=job_id, status=(Status.COMPLETED,), type=("crawler_url",)))
        assert ended.total_count >= 2
        assert [notice for notice in used.notices if notice.kind == "error"] == []

    use(library, scenario, settings=settings_with())


def test_all_that_match_cannot_be_cancelled_when_all_of_them_have_ended(library: Path) -> None:
    async def scenario(used: Used) -> None:
        actions = used.context.actions
        actions.select(Selection(every=PageFilter(root_id=1, status=("failed",)), count=3))
        assert actions.why_not(ActionId.CANCEL) == "It has ended already."

    use(library, scenario)
