"""``quaero rules``: what would become of a URL, and why."""

import argparse

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.ending import EXIT_OK
from quaero_desktop.domain.crawl import CrawlScope
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.services import rules
from quaero_desktop.services.jobs import CrawlRequest


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run ``rules check``."""
    checked = rules.check(_scope(options, given), given.url)
    if options.json:
        output.print_json(checked)
        return EXIT_OK
    output.plain_lines(checked.sentence)
    if checked.canonical not in (None, checked.url):
        output.plain_lines(f"The crawl knows it as {checked.canonical}")
    return EXIT_OK


def _scope(options: Options, given: argparse.Namespace) -> CrawlScope:
    if given.job is not None:
        if given.seed or given.scope or given.include or given.exclude:
            raise UsageError("--job brings its own rules.", "Leave out --seed, --scope, --include and --exclude.")
        return run(options, _stored(options, given.job))
    request = CrawlRequest(
        # A link that is its own seed is in any scope: only the rules decide about it.
        urls=tuple(given.seed) or (given.url,),
        scope=given.scope,
        include=tuple(given.include),
        exclude=tuple(given.exclude),
    )
    return rules.scope_of(request, options.configuration().settings)


async def _stored(options: Options, job_id: int) -> CrawlScope:
    async with options.reading() as services:
        return await services.jobs.scope(job_id)
