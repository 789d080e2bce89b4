"""Job definitions of a legacy database."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.definitions import (
    Action,
    Definition,
    DefinitionType,
    ErrorTolerance,
    FailureAction,
    OnError,
    Step,
    find_circle,
    parse_duration,
)
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.fields import MAX_NAME
from quaero_desktop.domain.legacy.columns import nested, one_line, row_id, text, texts, times, whole, within, yes
from quaero_desktop.domain.legacy.crawling import MOST_AT_ONCE, MOST_DEPTH, MOST_PAGES, delay_ms, patterns
from quaero_desktop.domain.legacy.values import LegacyDefinition, Note, Row, UnusableError
from quaero_desktop.domain.schedule import check_schedule

_ACTIONS = {
    "crawl": Action.CRAWL, "crawler": Action.CRAWL,
    "transform": Action.TRANSFORM, "reprocess": Action.TRANSFORM,
    "summarise": Action.SUMMARISE, "summarize": Action.SUMMARISE, "summarizer": Action.SUMMARISE,
    "summary": Action.SUMMARISE, "extract_summary": Action.SUMMARISE,
    "corpus_summary": Action.CORPUS_SUMMARY, "post_summary": Action.CORPUS_SUMMARY,
    "reindex": Action.REINDEX, "rebuild_index": Action.REINDEX,
    "cleanup": Action.CLEANUP,
}  # fmt: skip
_TYPES = {"crawler": DefinitionType.CRAWLER, "summarizer": DefinitionType.SUMMARISER}
_GO_DURATION = re.compile(r"(?:\d+(?:\.\d*)?(?:h|m|s|ms|us|µs|ns))+")
_GO_PARTS = re.compile(r"(\d+(?:\.\d*)?)(h|ms|us|µs|ns|m|s)")
_GO_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_MOST_STEPS = 100
_MOST_DESCRIPTION = 16_000


def definition(row: Row, now: int, note: Note) -> LegacyDefinition:
    """Return what a row of ``job_definitions`` means.

    An action that we do not know stays as it is, so that it fails with a clear error when it is met.

    Raises:
        UnusableError: its steps cannot be read.
    """
    legacy_id = row_id(row)
    broken: list[str] = []
    found = nested(row, "steps", list, broken.append)
    if broken:
        raise UnusableError("its steps are not valid JSON, and it is nothing without them")
    steps = tuple(_step(each, number, note) for number, each in enumerate(found[:_MOST_STEPS], 1))
    if len(found) > _MOST_STEPS:
        note(f"it has more than {_MOST_STEPS} steps, and only so many come")
    created, updated = times(row, now)
    return LegacyDefinition(
        legacy_id=legacy_id,
        definition=Definition(
            name=one_line(text(row, "name"))[:MAX_NAME] or legacy_id[:MAX_NAME],
            type=_TYPES.get(text(row, "type").lower(), DefinitionType.CUSTOM),
            description=text(row, "description")[:_MOST_DESCRIPTION],
            schedule=_schedule(text(row, "schedule"), note),
            timeout=_duration(text(row, "timeout"), note),
            enabled=yes(row.get("enabled"), default=True),
            auto_start=yes(row.get("auto_start"), default=False),
            error_tolerance=_tolerance(nested(row, "error_tolerance", dict, note)),
            steps=steps,
        ),
        sources=texts(nested(row, "sources", list, note)),
        pre_jobs=texts(nested(row, "pre_jobs", list, note)),
        post_jobs=texts(nested(row, "post_jobs", list, note)),
        created_at=created,
        updated_at=updated,
    )


def linked(
    found: Sequence[LegacyDefinition],
    ids: Mapping[str, int],
    sources: Mapping[str, int],
    edges: Mapping[int, Sequence[int]],
    leave_out: Callable[[str, str], None],
) -> Iterator[tuple[LegacyDefinition, Definition]]:
    """Yield definitions with the ids of what they name; what is not there, or runs in a circle, they lose (J4).

    Args:
        found: the definitions.
        ids: of definitions, those of *found* too, by legacy id.
        sources: the ids of sources by legacy id.
        edges: which definitions the others run before or after themselves.
        leave_out: told the legacy id of a definition and why a link of it does not come.
    """
    known = {start: list(ends) for start, ends in edges.items()}
    for each in found:
        own = ids[each.legacy_id]
        kept: dict[str, list[int]] = {"pre_jobs": [], "post_jobs": [], "sources": []}
        for field, links in (("pre_jobs", each.pre_jobs), ("post_jobs", each.post_jobs)):
            for link in dict.fromkeys(links):
                if link not in ids:
                    leave_out(each.legacy_id, f"a definition that it names does not exist: {one_line(link)}")
                    continue
                known.setdefault(own, []).append(ids[link])
                if find_circle(own, known):
                    known[own].pop()
                    leave_out(
                        each.legacy_id,
                        f"a definition that it names would run it again, in a circle: {one_line(link)}",
                    )
                else:
                    kept[field].append(ids[link])
        for link in dict.fromkeys(each.sources):
            if link in sources:
                kept["sources"].append(sources[link])
            else:
                leave_out(each.legacy_id, f"a source that it names does not exist: {one_line(link)}")
        yield each, msgspec.structs.replace(each.definition, **{field: tuple(each) for field, each in kept.items()})


def _step(found: object, number: int, note: Note) -> Step:
    if not isinstance(found, dict):
        note(f"a step of it makes no sense, and fails when it is run: step {number}")
        found = {}
    written = found.get("action")
    named = one_line(written) if isinstance(written, str) else ""
    action = str(_ACTIONS.get(named.strip().lower(), named))
    if action not in tuple(Action):
        note(f"an action is unknown, and its step fails when it is run: {named or 'none'}")
    name = found.get("name")
    config = found.get("config")
    on_error = str(found.get("on_error") or OnError.FAIL).strip().lower()
    config = config if isinstance(config, dict) else {}
    return Step(
        name=(one_line(name) if isinstance(name, str) else "") or action or f"step {number}",
        action=action,
        on_error=on_error if on_error in tuple(OnError) else OnError.FAIL,
        config=_options(action, config, note),
    )


def _options(action: str, config: dict[str, Any], note: Note) -> dict[str, Any]:
    """Return the options of a step as ours are written."""
    match action:
        case Action.CRAWL:
            return _crawl_options(config, note)
        case Action.CLEANUP:
            return _cleanup_options(config)
        case Action.TRANSFORM | Action.SUMMARISE | Action.CORPUS_SUMMARY | Action.REINDEX:
            return {}
        case _:
            return config


def _crawl_options(config: dict[str, Any], note: Note) -> dict[str, Any]:
    # The rest (refresh_source, wait_for_completion, detail_level, retries) is what ours do in any case.
    starts = []
    for address in texts(config.get("start_urls")):
        try:
            starts.append(urls.seed(address))
        except UsageError:
            note(f"an address to start from is no web address: {one_line(address)}")
    delay = delay_ms(config)
    options: dict[str, Any] = {
        "start_urls": list(dict.fromkeys(starts)),
        "include_patterns": list(patterns((config,), "include_patterns", note)),
        "exclude_patterns": list(patterns((config,), "exclude_patterns", note)),
        "max_depth": within(config.get("max_depth"), 0, MOST_DEPTH),
        "max_pages": within(config.get("max_pages"), 1, MOST_PAGES),
        "concurrency": within(config.get("concurrency"), 1, MOST_AT_ONCE),
        "delay": None if delay is None else delay / 1000,
        "follow_links": None if config.get("follow_links") is None else yes(config["follow_links"], default=True),
    }
    return {key: value for key, value in options.items() if value is not None and value != []}


def _cleanup_options(config: dict[str, Any]) -> dict[str, Any]:
    days = whole(config.get("older_than_days") or config.get("days") or config.get("max_age_days"))
    age = config.get("older_than")
    options: dict[str, Any] = {"older_than": f"{min(days, 36_500)}d"} if days is not None and days > 0 else {}
    if not options and isinstance(age, str) and age.strip():
        options["older_than"] = age.strip()
    if statuses := texts(config.get("status")):
        options["status"] = list(statuses)
    return options


def _schedule(written: str, note: Note) -> str:
    written = " ".join(written.split())
    if not written:
        return ""
    try:
        check_schedule(written)
    except UsageError:
        note(f"its schedule cannot be used, so it comes without one: {one_line(written)}")
        return ""
    return written


def _duration(written: str, note: Note) -> str:
    """Return a duration of Go as ours are written; empty for none."""
    written = written.strip()
    if not written or not written.strip("0smhnuµ."):
        return ""
    compact = written.replace(" ", "")
    seconds = 0
    if _GO_DURATION.fullmatch(compact):
        seconds = round(sum(float(number) * _GO_SECONDS[unit] for number, unit in _GO_PARTS.findall(compact)))
    if seconds > 0:
        parts = ((seconds // 3600, "h"), (seconds % 3600 // 60, "m"), (seconds % 60, "s"))
        ours = "".join(f"{number}{unit}" for number, unit in parts if number)
        try:
            parse_duration(ours)
            return ours
        except UsageError:
            pass
    note(f"its timeout is no duration, so it comes without one: {one_line(written)}")
    return ""


def _tolerance(found: dict[str, Any]) -> ErrorTolerance | None:
    most = whole(found.get("max_child_failures"))
    if most is None or most <= 0:  # there 0 meant any number
        return None
    action = str(found.get("failure_action") or FailureAction.STOP_ALL).strip().lower()
    return ErrorTolerance(
        max_child_failures=min(most, MOST_PAGES),
        failure_action=action if action in tuple(FailureAction) else FailureAction.STOP_ALL,
    )
