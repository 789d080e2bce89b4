"""The live progress of crawls on a terminal: some lines that stay where they are, and are gone at the end."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from rich.live import Live
from rich.text import Text

from quaero_desktop.cli import output
from quaero_desktop.domain.progress import Progress, ProgressMeter
from quaero_desktop.services.jobs import JobDetails

_log = logging.getLogger(__name__)

_REFRESH_SECONDS = 0.25
_MOST_ROOTS = 5
_LEAST_NAME = 16


@asynccontextmanager
async def live_progress(details: Callable[[int], Awaitable[JobDetails]], roots: list[int]) -> AsyncIterator[None]:
    """Show on stderr how the roots get on, so that stdout stays clean. A terminal must be there."""
    console = output.console(stderr=True)
    with Live(Text(""), console=console, transient=True, auto_refresh=False) as live:
        task = asyncio.create_task(_refresh(live, details, roots), name="progress")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _refresh(live: Live, details: Callable[[int], Awaitable[JobDetails]], roots: list[int]) -> None:
    meters = {root_id: ProgressMeter() for root_id in roots[:_MOST_ROOTS]}
    try:
        while True:
            text = Text(no_wrap=True, overflow="crop")
            for root_id, meter in meters.items():
                known = await details(root_id)
                now = meter.update(known.job, round(time.time() * 1000))
                text.append_text(root_lines(known, now, live.console.width))
            if len(roots) > _MOST_ROOTS:
                text.append(f"and {output.count(len(roots) - _MOST_ROOTS, 'more crawl')}\n")
            live.update(text, refresh=True)
            await asyncio.sleep(_REFRESH_SECONDS)
    except Exception:
        # A crawl must not suffer from what is shown of it.
        _log.exception("The progress cannot be shown.")


def root_lines(known: JobDetails, now: Progress, width: int) -> Text:
    """Return two lines about a root, no wider than *width* columns: what is done, and the page of the moment."""
    status = output.status_text(known.job.status, known.job.warnings)
    facts = [f"{now.done:,} done", f"{now.failed:,} failed", f"{now.queued:,} queued", f"{now.rate:.1f} pages/s"]
    if now.eta_seconds is not None and now.queued:
        facts.append(f"about {output.duration(now.eta_seconds)} left")
    name = output.one_line(known.job.name)
    # What does not fit goes: the time left first, then the rate.
    while True:
        numbers = " · ".join(facts)
        room = width - status.cell_len - len(numbers) - 5
        if room >= min(_LEAST_NAME, len(name)) or len(facts) == 1:
            break
        facts.pop()
    line = Text(no_wrap=True, overflow="crop")
    line.append_text(status)
    line.append(f"  {output.elided(name, max(room, 0))}  {numbers}")
    line.truncate(width - 1)
    current = known.root.current_url if known.root is not None else None
    page = output.elided(output.one_line(current), max(width - 4, 0)) if current else ""
    line.append(f"\n  {page}", style="dim")
    return line.append("\n")
