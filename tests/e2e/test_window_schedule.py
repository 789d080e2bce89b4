"""J4 in the window: definitions run by their schedules while it is open, and what is left out is said."""

import asyncio
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from quaero_desktop.domain.definitions import Definition, Step
from quaero_desktop.domain.jobs import JobType, Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose
from tests.support.desktop import Used, use
from tests.support.waiting import until

pytestmark = pytest.mark.slow

LONG_AGO = 1_700_000_000_000


async def prepared(folder: Path) -> None:
    """Make a library with two definitions that are due; a run of the second one is paused."""
    async with compose.writing(LibraryFiles(folder), Settings(), create=True) as services:
        for name in ("Tidy", "Held up"):
            step = Step(name="Clean up", action="cleanup", config={"older_than": "30d"})
            number = await services.definitions.save(Definition(name=name, schedule="0 3 * * *", steps=(step,)))
            await services.definitions.schedules.deal_with(number, LONG_AGO)
        await services.jobs.pause(await services.definitions.run(number))


def test_what_is_due_runs_and_what_still_runs_is_left_out(tmp_path: Path, qapp: QApplication) -> None:
    folder = tmp_path / "library"
    asyncio.run(prepared(folder))

    async def scenario(used: Used) -> None:
        definitions = used.context.services.definitions

        async def has_run() -> bool:
            (tidy,) = [each for each in await definitions.list() if each.definition.name == "Tidy"]
            return tidy.last_job is not None

        await until(has_run)
        await until(lambda: any("is left out this time" in notice.message for notice in used.notices))
        (notice,) = [notice for notice in used.notices if "left out" in notice.message]
        assert (notice.kind, notice.message.startswith("“Held up” was due again")) == ("info", True)
        runs = (await used.context.services.jobs.page(JobFilter(type=(JobType.DEFINITION_RUN,), order="id"))).jobs
        assert [job.name for job in runs] == ["Tidy", "Held up"]
        assert (await used.ended(runs[0].id)).status == Status.COMPLETED

    use(folder, scenario)
