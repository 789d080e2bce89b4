"""``quaero sources``: the sites that are collected."""

import argparse
from collections.abc import Sequence

import msgspec

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.ending import EXIT_OK, complain
from quaero_desktop.domain.errors import FieldError, NotFoundError, UsageError
from quaero_desktop.domain.sources import NewSource, Source, SourceDeletion, SourceRules, namesakes
from quaero_desktop.domain.urls import origin_of

_RULES = {
    "scope": "scope",
    "include": "include",
    "exclude": "exclude",
    "depth": "depth",
    "max_pages": "max_pages",
    "workers": "per_host",
    "delay": "delay_ms",
}
"""The options of the command line, and the rules that they mean."""


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run one of the actions of ``sources``."""
    match given.action:
        case "list":
            return run(options, _list(options, given.automatic))
        case "show":
            return run(options, _show(options, given.id))
        case "add":
            return run(options, _add(options, given))
        case "edit":
            _refuse_contradictions(given)
            return run(options, _edit(options, given))
        case _:
            return run(options, _delete(options, given))


async def _list(options: Options, automatic: bool) -> int:
    async with options.reading() as services:
        every = await services.sources.list()
    shown = [source for source in every if automatic or not source.automatic]
    if options.json:
        output.print_json({"sources": [plain(source) for source in shown], "total_count": len(shown)})
        return EXIT_OK
    if not shown:
        others = len(every)
        options.advise(
            f"No sources of your own; crawls made {others:,} by themselves: quaero sources list --automatic"
            if others
            else "No sources. Add one: quaero sources add URL"
        )
        return EXIT_OK
    rows = [
        (
            str(source.id),
            source.name + ("" if source.enabled else " (off)"),
            source.base_url,
            f"{source.documents:,}",
            source.credential.name if source.credential is not None else "",
        )
        for source in shown
    ]
    output.table(
        ("id", "name", "begins at", "documents", "signs in with"),
        rows,
        numbers=("id", "documents"),
        flexible=("name", "begins at"),
    )
    return EXIT_OK


async def _show(options: Options, source_id: int) -> int:
    async with options.reading() as services:
        source = await services.sources.get(source_id)
    return _print(options, source)


async def _add(options: Options, given: argparse.Namespace) -> int:
    new = _checked(
        NewSource(
            base_url=given.url,
            name=given.name,
            rules=_changed_rules(SourceRules(), given),
            credential_id=given.credential,
        )
    )
    async with options.writing(create=True) as services:
        source = await services.sources.get(await services.sources.add(new))
        every = await services.sources.list()
    code = _print(options, source)
    _tell_namesakes(options, source, every)
    if not options.json:
        options.advise("", f"Crawl it: quaero crawl --source {source.id}")
    return code


def _checked(source: NewSource) -> NewSource:
    try:
        return source.checked()
    except FieldError as error:
        if error.field != "base_url":
            raise
        # On the command line nobody wrote a field of that name.
        raise UsageError(error.message.removeprefix("base_url: "), error.hint) from None


def _tell_namesakes(options: Options, source: Source, every: Sequence[Source]) -> None:
    """Say that others have the same name: lists, and definitions that name a source, cannot tell them apart by it."""
    others = namesakes(every, source.name, source.id)
    if others:
        ids = ", ".join(str(other.id) for other in others)
        complain(
            f"Source {ids} {'is' if len(others) == 1 else 'are'} called “{others[0].name}”, too.",
            options.typed(f"To tell them apart: quaero sources edit {source.id} --name NAME"),
        )


async def _edit(options: Options, given: argparse.Namespace) -> int:
    _refuse_no_change(given)
    async with options.writing() as services:
        before = await services.sources.get(given.id)
        credential_id = before.credential.id if before.credential is not None else None
        changed = _checked(
            NewSource(
                base_url=given.url or before.start_url,
                name=before.name if given.name is None else given.name,
                enabled=(before.enabled or given.enable) and not given.disable,
                rules=_changed_rules(before.rules, given),
                credential_id=None if given.no_credential else given.credential or credential_id,
            )
        )
        await services.sources.update(given.id, changed)
        source = await services.sources.get(given.id)
        every = await services.sources.list()
    code = _print(options, source)
    if given.name is not None:
        _tell_namesakes(options, source, every)
    return code


async def _delete(options: Options, given: argparse.Namespace) -> int:
    plan: SourceDeletion | None
    if given.dry_run:
        async with options.reading() as services:
            plan = await services.sources.plan_deletion(given.id)
    else:
        async with options.writing() as services:
            try:
                plan = await services.sources.delete(given.id, documents=given.with_documents)
            except NotFoundError:
                # As everywhere: deleting what is gone is a success.
                plan = None
    if plan is None:
        if options.json:
            output.print_json({"source_id": None, "dry_run": False})
        else:
            output.lines(f"There is no source {given.id}.")
    elif options.json:
        output.print_json(msgspec.to_builtins(plan) | {"dry_run": given.dry_run})
    else:
        _tell_deletion(plan, given.dry_run)
    return EXIT_OK


def _tell_deletion(plan: SourceDeletion, dry_run: bool) -> None:
    documents = f" with {output.count(plan.documents, 'document')}" if plan.documents else ""
    output.lines(f"{'Would delete' if dry_run else 'Deleted'}: source {plan.source_id}, “{plan.name}”{documents}")
    if plan.jobs:
        output.lines(f"{output.count(plan.jobs, 'job')} of it stay{'s' if plan.jobs == 1 else ''}, without a source.")
    if dry_run and plan.open_jobs:
        output.lines(f"First its {output.count(plan.open_jobs, 'job')} that are not over must end.")
    if dry_run and plan.definitions:
        output.lines(f"First take it out of the definitions: {', '.join(plan.definitions)}")
    if dry_run and plan.documents:
        output.lines("Its documents go with it only with --with-documents; else it stays.")


def _refuse_no_change(given: argparse.Namespace) -> None:
    said = (*_RULES, "credential", "url", "name", "robots", "enable", "disable", "no_robots")
    if not any(getattr(given, name) not in (None, [], False) or getattr(given, f"no_{name}", False) for name in said):
        raise UsageError("Nothing is to be changed.", "What can be changed says: quaero sources edit --help")


def _refuse_contradictions(given: argparse.Namespace) -> None:
    for name in (*_RULES, "credential"):
        value = getattr(given, name)
        if getattr(given, f"no_{name}") and value not in (None, []):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} and --no-{option} exclude each other.")
    for one, other in (("robots", "no_robots"), ("enable", "disable")):
        if getattr(given, one) and getattr(given, other):
            raise UsageError(f"--{one} and --{other.replace('_', '-')} exclude each other.")


def _changed_rules(rules: SourceRules, given: argparse.Namespace) -> SourceRules:
    """Return *rules* with what the command line says."""
    changes: dict[str, object] = {}
    for option, rule in _RULES.items():
        value = getattr(given, option)
        if getattr(given, f"no_{option}", False):
            changes[rule] = getattr(SourceRules(), rule)
        elif value not in (None, []):
            changes[rule] = tuple(value) if isinstance(value, list) else value
    if "delay_ms" in changes and given.delay is not None:
        if not 0 <= given.delay <= 86_400:
            raise UsageError(f"delay is {given.delay:g} seconds; it must be between 0 and 86400.")
        changes["delay_ms"] = round(given.delay * 1000)
    if given.no_robots:
        changes["obey_robots"] = False
    elif getattr(given, "robots", False):
        changes["obey_robots"] = None
    return msgspec.structs.replace(rules, **changes)


def _print(options: Options, source: Source) -> int:
    if options.json:
        output.print_json(plain(source))
        return EXIT_OK
    rules = source.rules
    rows = [
        ("begins at", source.base_url),
        ("documents", f"{source.documents:,}"),
        ("signs in with", _credential_words(source)),
        ("scope", rules.scope or ""),
        *[("include", rule) for rule in rules.include],
        *[("exclude", rule) for rule in rules.exclude],
        ("depth", "" if rules.depth is None else str(rules.depth)),
        ("most pages", "" if rules.max_pages is None else f"{rules.max_pages:,}"),
        ("requests at a host", "" if rules.per_host is None else str(rules.per_host)),
        ("delay", "" if rules.delay_ms is None else f"{rules.delay_ms / 1000:g} s"),
        ("robots.txt", {None: "", True: "obeyed", False: "not obeyed"}[rules.obey_robots]),
    ]
    notes = [] if source.enabled else ["switched off"]
    notes += ["made by crawls without a source"] if source.automatic else []
    output.lines(f"{source.name}", f"source {source.id}" + (f", {', '.join(notes)}" if notes else ""), "")
    output.table(("", ""), [(name, value) for name, value in rows if value])
    if rules == SourceRules():
        output.lines("No rules of its own: crawls take the settings.")
    return EXIT_OK


def _credential_words(source: Source) -> str:
    credential = source.credential
    if credential is None:
        return ""
    elsewhere = f"; only at {credential.origin}" if origin_of(source.start_url) != credential.origin else ""
    return f"{credential.name} (credential {credential.id}, {credential.kind}{elsewhere})"


def plain(source: Source) -> dict[str, object]:
    """Return a source as ``--json`` prints it."""
    value: dict[str, object] = msgspec.to_builtins(source)
    # Everything that can be said is there, whatever the default is.
    value["rules"] = {name: getattr(source.rules, name) for name in SourceRules.__struct_fields__}
    if isinstance(value["credential"], dict):
        del value["credential"]["reference"]
    return value
