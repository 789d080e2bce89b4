"""``quaero definitions``: recipes of crawls and what follows them, by hand or by schedule."""

import argparse
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.crawling import run_crawl
from quaero_desktop.cli.ending import EXIT_OK
from quaero_desktop.domain.definitions import StoredDefinition
from quaero_desktop.domain.errors import FieldError, NotFoundError, UsageError
from quaero_desktop.domain.fields import quoted
from quaero_desktop.services.compose import Services

if TYPE_CHECKING:
    from rich.text import Text

_MAX_BYTES = 1_000_000
_RUNS_LISTED = 5


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run ``definitions`` with one of its actions."""
    match given.action:
        case "list":
            return run(options, _list(options))
        case "show":
            return run(options, _show(options, given.id))
        case "add":
            # Before the library is opened, or made.
            return run(options, _add(options, given.file, _text_of(given.file), given.replace))
        case "export":
            return run(options, _export(options, given.id, given.to))
        case "run" if given.wait:
            return run(options, run_crawl(options, lambda services: services.definitions.run(given.id)))
        case "run":
            return run(options, _run(options, given.id))
        case "delete":
            return run(options, _delete(options, given.id))
        case "enable" | "disable":
            on = given.action == "enable"
            return _change(options, given.id, lambda services: services.definitions.enable(given.id, on))
        case _:
            paused = given.action == "pause"
            return _change(options, given.id, lambda services: services.definitions.pause_schedule(given.id, paused))


# --- looking ----------------------------------------------------------------------------------------------------------


def _flat(services: Services, stored: StoredDefinition) -> dict[str, Any]:
    """Return a definition as ``--json`` prints it: what it is, and what is known about it."""
    known: dict[str, Any] = msgspec.to_builtins(stored)
    definition = known.pop("definition")
    words = None
    if stored.definition.schedule and not stored.problem:
        words = services.definitions.in_words(stored.definition.schedule)
    return {
        "id": stored.id,
        **definition,
        **known,
        "schedule_in_words": words,
        "next_runs": list(services.definitions.next_runs(stored)),
    }


async def _list(options: Options) -> int:
    async with options.reading() as services:
        stored = await services.definitions.list()
        if options.json:
            flat = [_flat(services, each) for each in stored]
            output.print_json({"definitions": flat, "total_count": len(flat)})
            return EXIT_OK
        rows = [_row(services, each) for each in stored]
    if not rows:
        options.advise("No definitions. Make one: quaero definitions add FILE, or in the window.")
        return EXIT_OK
    output.table(
        ("id", "name", "schedule", "next run", "last run"), rows, numbers=("id",), flexible=("name", "schedule")
    )
    return EXIT_OK


def _row(services: Services, stored: StoredDefinition) -> "list[str | Text]":
    upcoming = services.definitions.next_runs(stored, 1)
    return [
        str(stored.id),
        stored.definition.name,
        _when(services, stored),
        output.moment(upcoming[0]) if upcoming else "—",
        output.moment(stored.last_run),
    ]


def _when(services: Services, stored: StoredDefinition) -> str:
    """Return in words when a definition runs by itself."""
    if stored.problem:
        return "✕ cannot run"
    words = services.definitions.in_words(stored.definition.schedule)
    if not stored.definition.enabled:
        return f"off ({words})" if stored.definition.schedule else "off"
    if stored.definition.schedule and stored.schedule_paused:
        words = f"paused ({words})"
    return f"{words}, and when Quaero starts" if stored.definition.auto_start else words


async def _show(options: Options, definition_id: int) -> int:
    async with options.reading() as services:
        stored = await services.definitions.get(definition_id)
        if options.json:
            output.print_json(_flat(services, stored))
            return EXIT_OK
        names = await services.definitions.names()
        runs = await services.jobs.by_ids(await services.definitions.runs(definition_id, _RUNS_LISTED))
        definition = stored.definition
        output.lines(definition.name, *([definition.description] if definition.description else []))
        if stored.problem:
            output.lines(f"It cannot run: {output.one_line(stored.problem)}")
        output.lines("")
        rows = [("when", _when(services, stored))]
        rows += [("next run", output.moment(moment)) for moment in services.definitions.next_runs(stored)]
        for title, ids, known in (
            ("sources", definition.sources, names.sources),
            ("before it", definition.pre_jobs, names.definitions),
            ("after it", definition.post_jobs, names.definitions),
        ):
            if ids:
                rows.append((title, ", ".join(f"{known.get(each, 'gone')} ({each})" for each in ids)))
        if definition.timeout:
            rows.append(("timeout", definition.timeout))
        if (tolerance := definition.error_tolerance) is not None:
            failures = output.count(tolerance.max_child_failures, "failure")
            rows.append(("tolerates", f"{failures}, then {tolerance.failure_action.replace('_', ' ')}"))
        for number, step in enumerate(definition.steps, 1):
            config = ", ".join(f"{key} = {_shown(value)}" for key, value in step.config.items())
            on_error = "" if step.on_error == "fail" else f"; on an error: {step.on_error}"
            rows.append((f"step {number}", f"{step.name}: {step.action}{f' ({config})' if config else ''}{on_error}"))
        output.table(("", ""), rows)
        if runs:
            output.lines("")
            output.table(
                ("job", "status", "started", "ended"),
                [
                    (
                        str(job.id),
                        output.status_text(job.status, job.warnings),
                        output.moment(job.started_at),
                        output.moment(job.completed_at),
                    )
                    for job in runs
                ],
                numbers=("job",),
            )
    return EXIT_OK


def _shown(value: Any) -> str:
    match value:
        case list() | tuple():
            return ", ".join(map(_shown, value))
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


async def _export(options: Options, definition_id: int, to: str | None) -> int:
    async with options.reading() as services:
        text = await services.definitions.to_toml(definition_id)
    if to is not None:
        _write(to, text)
    if options.json:
        output.print_json({"id": definition_id, "toml": text} if to is None else {"id": definition_id, "file": to})
    elif to is None:
        output.plain_lines(text.removesuffix("\n"))
    else:
        output.lines(f"Written to {to}.")
    return EXIT_OK


def _write(to: str, text: str) -> None:
    try:
        with Path(to).open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{to} exists already.", "Name another file.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{quoted(to)} cannot be written: {getattr(error, 'strerror', None) or error}.") from error


# --- changing ---------------------------------------------------------------------------------------------------------


def _text_of(file: str) -> str:
    """Return the text of a file that a person names.

    Raises:
        NotFoundError: there is none.
        UsageError: it is no text, too large, or cannot be read.
    """
    try:
        if file == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise UsageError(f"{file} is larger than {_MAX_BYTES // 1000} kB, so it is no definition.")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {quoted(file)}.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise UsageError(f"{file} is not UTF-8 text.", "Save it as UTF-8.") from error
        raise UsageError(f"{quoted(file)} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


async def _add(options: Options, file: str, text: str, replace: bool) -> int:
    async with options.writing(create=True) as services:
        try:
            definition_id = await services.definitions.add_toml(text, replace=replace)
        except FieldError as error:
            hint = error.hint
            if error.field == "name" and "already" in error.message:
                hint = f"{hint} Or put it in its place with --replace."
            name = "standard input" if file == "-" else file
            said = error.message
            where = f"{name}, line {said[5:]}" if said.startswith("Line ") else f"{name}: {said}"
            raise UsageError(where, hint) from error
        stored = await services.definitions.get(definition_id)
        when = _when(services, stored)
    if options.json:
        output.print_json({"id": definition_id})
    else:
        output.lines(
            f"Definition {definition_id}, {output.one_line(stored.definition.name)}: {when}.",
            options.typed(f"Run it now: quaero definitions run {definition_id} --wait"),
        )
    return EXIT_OK


async def _run(options: Options, definition_id: int) -> int:
    async with options.writing() as services:
        job_id = await services.definitions.run(definition_id)
        job = await services.jobs.get(job_id)
    if options.json:
        output.print_json({"job_id": job_id})
    else:
        output.lines(
            f"Job {job_id} is queued: {output.one_line(job.name)}",
            options.typed("Run it with: quaero work --until-idle"),
        )
    return EXIT_OK


async def _delete(options: Options, definition_id: int) -> int:
    async with options.writing() as services:
        deleted = await services.definitions.delete(definition_id)
    if options.json:
        output.print_json({"deleted": [definition_id] if deleted is not None else []})
    elif deleted is None:
        output.lines(f"There is no definition {definition_id} any more.")
    else:
        output.lines(f"Deleted: {output.one_line(str(deleted.row[1]))}. Its jobs stay.")
    return EXIT_OK


def _change(options: Options, definition_id: int, change: Callable[[Services], Awaitable[None]]) -> int:
    async def perform() -> int:
        async with options.writing() as services:
            await change(services)
            stored = await services.definitions.get(definition_id)
            if options.json:
                output.print_json(_flat(services, stored))
            else:
                output.lines(f"{output.one_line(stored.definition.name)}: {_when(services, stored)}")
        return EXIT_OK

    return run(options, perform())
