"""A site that wants a sign-in, in the window: set up, expired half-way, done again, and gone on with (J5, J8)."""

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QApplication, QDialog
from shiboken6 import isValid

from quaero_desktop.domain.jobs import Cause, Status
from quaero_desktop.ui.actions import ActionId
from tests.support.crawling import NO_ROBOTS, page, settings_with
from tests.support.desktop import Used, use
from tests.support.recording_server import Exchange, RecordingServer, response
from tests.support.waiting import until

FIRST, SECOND = "f1rst-Session.4711", "s3cond-Session.0815"
FAST = settings_with(crawl={"local_delay_seconds": 0.0}, queue={"backoff_base_seconds": 0.01})


@pytest.fixture
def library(tmp_path: Path, qapp: QApplication) -> Path:
    return tmp_path / "library"


async def dialog_of(used: Used, name: str) -> Any:
    def shown() -> list[QDialog]:
        return [each for each in used.window.findChildren(QDialog, name) if each.isVisible()]

    await until(lambda: bool(shown()))
    return shown()[0]


def paste(dialog: Any, session: str, site: str) -> None:
    """Paste what the browser's developer tools copy."""
    mime = QMimeData()
    mime.setText(f"curl '{site}' -H 'User-Agent: Browser' -b 'sid={session}'")
    dialog.fields.paste.insertFromMimeData(mime)


def test_a_session_that_ends_half_way_pauses_the_crawl_and_the_next_one_goes_on_with_it(library: Path) -> None:
    async def scenario(used: Used) -> None:
        window, actions, services = used.window, used.context.actions, used.context.services
        server = RecordingServer()
        opens = {FIRST}
        shown = 0

        async def answer(exchange: Exchange) -> object:
            nonlocal shown
            known = any(session in "".join(exchange.header_lines) for session in opens)
            if exchange.target in ("/robots.txt", "/sitemap.xml"):
                await exchange.send(NO_ROBOTS)
            elif known:
                shown += 1
                if shown == 4:
                    opens.discard(FIRST)
                links = [f"/page/{number}" for number in range(8)] if exchange.target == "/" else []
                await exchange.send(page(*links, title=exchange.target, text=f"All about {exchange.target}."))
            else:
                await exchange.send(response(b"no", status="401 Unauthorized"))
            return None

        server.behaviour = answer
        async with server.running():
            actions.trigger(ActionId.SHOW_SOURCES)
            actions.trigger(ActionId.NEW_SOURCE)
            dialog = await dialog_of(used, "source")
            dialog.address.setText(server.url("/"))
            dialog.name.setText("Wiki")
            dialog.save(sign_in=True)
            dialog = await dialog_of(used, "credential")
            paste(dialog, FIRST, server.url("/"))
            dialog.save()
            await until(lambda: not isValid(dialog))
            await until(lambda: any(source.credential for source in window.sources.selection.sources))
            actions.trigger(ActionId.RUN_NOW)
            await until(lambda: window.detail.job_id is not None)
            job_id = window.detail.job_id or 0

            async def is_paused() -> bool:
                job = await used.job(job_id)
                return job.status == Status.PAUSED and job.cause == Cause.SIGN_IN

            await until(is_paused)
            offer = window.detail.overview.trouble._action
            await until(offer.isVisible)
            assert any(notice.button == "Sign in again…" for notice in used.notices)
            opens.add(SECOND)
            offer.click()
            dialog = await dialog_of(used, "credential")
            paste(dialog, SECOND, server.url("/"))
            dialog.save()
            job = await used.ended(job_id)
            assert (job.status, job.pages, job.failed_children) == (Status.COMPLETED, 9, 0)
            assert not any(session in str(notice) for session in (FIRST, SECOND) for notice in used.notices)
            assert services.engine is not None

    use(library, scenario, settings=FAST)
