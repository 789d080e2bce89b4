"""``quaero rules``: what would become of a URL, and why; and other rules for a crawl under way."""

import argparse

from msgspec import UNSET

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.ending import EXIT_OK
from quaero_desktop.domain.crawl import CrawlScope
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.rulechange import RuleChange, RuleChanges
from quaero_desktop.services import rules
from quaero_desktop.services.crawlrequest import CrawlRequest


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run one of the actions of ``rules``."""
    if given.action == "change":
        return _change(options, given)
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


def _change(options: Options, given: argparse.Namespace) -> int:
    changes = _changes(given)
    change = run(options, _changed(options, given.id, changes))
    if options.json:
        output.print_json({"job_id": given.id, "withdrawn": change.withdrawn, "queued": change.queued})
    else:
        output.lines(
            f"{output.count(change.withdrawn, 'queued page')} withdrawn,"
            f" {output.count(change.queued, 'skipped link')} queued"
        )
    return EXIT_OK


def _changes(given: argparse.Namespace) -> RuleChanges:
    for name in ("include", "exclude", "max_pages"):
        option = name.replace("_", "-")
        if getattr(given, f"no_{name}") and getattr(given, name):
            raise UsageError(f"--{option} and --no-{option} exclude each other.")
    changes = RuleChanges(
        scope=given.scope or UNSET,
        include=tuple(given.include) if given.include or given.no_include else UNSET,
        exclude=tuple(given.exclude) if given.exclude or given.no_exclude else UNSET,
        max_depth=UNSET if given.depth is None else given.depth,
        max_pages=UNSET if given.max_pages is None and not given.no_max_pages else given.max_pages,
    )
    if changes == RuleChanges():
        raise UsageError("No rule is given.", "Help: quaero rules change --help")
    return changes


async def _changed(options: Options, job_id: int, changes: RuleChanges) -> RuleChange:
    async with options.writing() as services:
        return await services.jobs.change_rules(job_id, changes)


async def _stored(options: Options, job_id: int) -> CrawlScope:
    async with options.reading() as services:
        return await services.jobs.scope(job_id)
