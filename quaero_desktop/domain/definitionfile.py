"""Definitions as TOML files that people write: read with the line of what is wrong, and written so that they come back.

Sources and other definitions stand there by name, or by number.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.definitions import Definition, ErrorTolerance, OnError, Step
from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.fields import meant_by, quoted, shown
from quaero_desktop.domain.schedule import in_words
from quaero_desktop.domain.text import single_line

MAX_CHARACTERS = 200_000
_MAX_STATEMENT_LINES = 1_000
_MAX_DEPTH = 5
"""Nothing that is known lies deeper."""
_TOML_ERROR = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL)
_TEXT, _YES_OR_NO, _WHOLE = "a text", "true or false", "a whole number"
_NAMES = "a list of names or numbers"
_TOP = {
    "name": _TEXT,
    "type": _TEXT,
    "description": _TEXT,
    "schedule": _TEXT,
    "timeout": _TEXT,
    "enabled": _YES_OR_NO,
    "auto_start": _YES_OR_NO,
    "sources": _NAMES,
    "pre_jobs": _NAMES,
    "post_jobs": _NAMES,
    "error_tolerance": "a section, [error_tolerance]",
    "steps": "a list of sections, each [[steps]]",
}
_STEP = {"name": _TEXT, "action": _TEXT, "on_error": _TEXT, "config": "a section, [steps.config]"}
_TOLERANCE = {"max_child_failures": _WHOLE, "failure_action": _TEXT}
_KINDS: Mapping[str, type] = {_TEXT: str, _YES_OR_NO: bool, _WHOLE: int, _NAMES: list}


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What sources and definitions are called, by their ids."""

    sources: Mapping[int, str] = {}
    definitions: Mapping[int, str] = {}


def parse(text: str, names: Names) -> Definition:
    """Return the definition that a file describes. What its values mean is not asked here.

    Args:
        text: the file.
        names: what there is to name.

    Raises:
        FieldError: it is no TOML, or something in it is of the wrong kind, unknown or missing. It tells the line.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    table = _toml(text)
    try:
        return _definition(table, names)
    except FieldError as error:
        raise located(error, text) from error


def located(error: FieldError, text: str) -> FieldError:
    """Return *error* with the line of the file *text* where its field stands, as far as that can be found."""
    if error.message.startswith("Line "):
        return error
    lines = lines_of(text)
    place = error.field
    while place not in lines and place:
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    if not place:
        return error
    return FieldError(error.field, f"Line {lines[place]}: {error.message}", error.hint)


def render(definition: Definition, names: Names) -> str:
    """Return *definition* as a file that :func:`parse` reads, with the schedule in words beside it."""
    # Imported by need: every command reads this module, and few write a file.
    import tomlkit

    document = tomlkit.document()
    document["name"] = definition.name
    document["type"] = str(definition.type)
    for field in ("description", "schedule", "timeout"):
        if value := getattr(definition, field):
            item = tomlkit.item(value)
            if field == "schedule" and (words := _words(value)):
                item.comment(words)
            document[field] = item
    document["enabled"] = definition.enabled
    document["auto_start"] = definition.auto_start
    for field, known in (
        ("sources", names.sources),
        ("pre_jobs", names.definitions),
        ("post_jobs", names.definitions),
    ):
        if ids := getattr(definition, field):
            document[field] = [_named(each, known) for each in ids]
    if definition.error_tolerance is not None:
        tolerance = tomlkit.table()
        tolerance["max_child_failures"] = definition.error_tolerance.max_child_failures
        tolerance["failure_action"] = str(definition.error_tolerance.failure_action)
        document["error_tolerance"] = tolerance
    steps = tomlkit.aot()
    for step in definition.steps:
        section = tomlkit.table()
        section["name"] = step.name
        section["action"] = str(step.action)
        section["on_error"] = str(step.on_error)
        if config := _without_none(step.config):
            options = tomlkit.table()
            for key, value in config.items():
                options[key] = value
            section["config"] = options
        steps.append(section)
    if definition.steps:
        document["steps"] = steps
    return tomlkit.dumps(document)


# --- reading ----------------------------------------------------------------------------------------------------------


def _toml(text: str) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise FieldError("", f"The file has {len(text):,} characters; {MAX_CHARACTERS:,} is the most.")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        match = _TOML_ERROR.fullmatch(str(error))
        if match is None:
            what = "nested too deeply" if isinstance(error, RecursionError) else single_line(str(error), 120)
            raise FieldError("", f"This is not valid TOML: {what}.") from error
        line = match["line"] or text.rstrip("\n").count("\n") + 1
        raise FieldError(
            "",
            f"Line {line}: this is not valid TOML: {single_line(match['what'], 120)}.",
            "How it is written: https://toml.io/",
        ) from error


def _definition(table: dict[str, Any], names: Names) -> Definition:
    _check_keys(table, _TOP, "")
    for field in ("name", "steps"):
        if field not in table:
            where = "It needs at least one [[steps]]." if field == "steps" else 'Write name = "..." at the top.'
            raise FieldError(field, f"{field} is missing.", where)
    values: dict[str, Any] = {key: table[key] for key in table if _TOP[key] in (_TEXT, _YES_OR_NO)}
    for field, known, what in (
        ("sources", names.sources, "source"),
        ("pre_jobs", names.definitions, "definition"),
        ("post_jobs", names.definitions, "definition"),
    ):
        values[field] = tuple(
            _id(each, known, f"{field}[{number}]", what) for number, each in enumerate(table.get(field, ()), 1)
        )
    steps = table["steps"]
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise FieldError("steps", f"steps must be {_TOP['steps']}, not {quoted(steps)}.")
    values["steps"] = tuple(_step(step, f"steps[{number}]") for number, step in enumerate(steps, 1))
    if "error_tolerance" in table:
        values["error_tolerance"] = _tolerance(table["error_tolerance"])
    return Definition(**values)


def _step(table: dict[str, Any], place: str) -> Step:
    for key in table:
        if key not in _STEP and key in _TOP:
            raise FieldError(
                f"{place}.{key}", f"{place}.{key}: a step has no {key}.", f"{key} belongs above the first [[steps]]."
            )
    _check_keys(table, _STEP, f"{place}.")
    if "action" not in table:
        raise FieldError(place, f"{place}.action is missing: what the step does.", 'Like action = "crawl".')
    config = table.get("config", {})
    if not isinstance(config, dict):
        raise FieldError(f"{place}.config", f"{place}.config must be {_STEP['config']}, not {quoted(config)}.")
    # A step of one's own is nearly always called as what it does.
    name = table.get("name", table["action"].replace("_", " ").capitalize())
    return Step(name=name, action=table["action"], on_error=table.get("on_error", OnError.FAIL), config=config)


def _tolerance(table: Any) -> ErrorTolerance:
    if not isinstance(table, dict):
        raise FieldError("error_tolerance", f"error_tolerance must be {_TOP['error_tolerance']}, not {quoted(table)}.")
    _check_keys(table, _TOLERANCE, "error_tolerance.")
    if "max_child_failures" not in table:
        raise FieldError(
            "error_tolerance", "error_tolerance.max_child_failures is missing: how many may fail.", "Like 20."
        )
    return ErrorTolerance(**table)


def _check_keys(table: Mapping[str, Any], known: Mapping[str, str], place: str) -> None:
    for key, value in table.items():
        field = f"{place}{shown(key)}"
        if key not in known:
            meant = meant_by(key, list(known))
            hint = "" if meant else f"There are {', '.join(known)}."
            raise FieldError(
                field, f"{field}: there is no such field{f'; did you mean {meant}?' if meant else '.'}", hint
            )
        kind = _KINDS.get(known[key])
        if kind is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            raise FieldError(field, f"{field} must be {known[key]}, not {quoted(value)}.")


def _id(value: Any, known: Mapping[int, str], place: str, what: str) -> int:
    """Return the id that a name or a number stands for."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value not in known:
            raise FieldError(place, f"{place}: there is no {what} {quoted(value)}.")
        return value
    if not isinstance(value, str):
        raise FieldError(place, f"{place} must be the name or the number of a {what}, not {quoted(value)}.")
    exact = [key for key, name in known.items() if name == value]
    for found in (exact, [key for key, name in known.items() if name.casefold() == value.casefold()]):
        if len(found) == 1:
            return found[0]
        if found:
            numbers = ", ".join(map(str, found[:10]))
            raise FieldError(
                place, f"{place}: {len(found)} {what}s are called {quoted(value)}.", f"Name one: {numbers}."
            )
    names = list(dict.fromkeys(known.values()))
    meant = meant_by(value, names) or meant_by(value.casefold(), [name.casefold() for name in names])
    hint = f"Did you mean {quoted(meant)}?" if meant else f"All of them: quaero {what}s list"
    raise FieldError(place, f"{place}: there is no {what} {quoted(value)}.", hint)


# --- lines ------------------------------------------------------------------------------------------------------------


def lines_of(text: str) -> dict[str, int]:
    """Return the line, from 1, on which each field of a valid TOML text begins, like ``steps[1].config.max_depth``.

    tomllib keeps no positions. But each statement of a valid text is a valid text itself, and no beginning of one is.
    """
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    header = ""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    start = 0
    while start < len(lines):
        statement = _statement(lines, start)
        if statement is None:
            return found
        parsed, end = statement
        beginning = lines[start].lstrip(" \t")
        if beginning.startswith("["):
            header = _header(parsed, counts, is_list=beginning.startswith("[["))
            found.setdefault(header, start + 1)
        else:
            for place in _places(parsed, header):
                found.setdefault(place, start + 1)
        start = end
    return found


def _statement(lines: Sequence[str], start: int) -> tuple[dict[str, Any], int] | None:
    for end in range(start + 1, min(len(lines), start + _MAX_STATEMENT_LINES) + 1):
        # Nearly all statements that go on do so until a bracket or a quote; the others need not be tried.
        if end > start + 1 and not re.search(r"[\]}\"']\s*(?:#.*)?$", lines[end - 1]):
            continue
        try:
            return tomllib.loads("\n".join(lines[start:end])), end
        except (ValueError, RecursionError):
            continue
    return None


def _header(parsed: dict[str, Any], counts: dict[str, int], *, is_list: bool) -> str:
    """Return the place that a header opens: ``steps[2].config`` for the second ``[steps.config]``."""
    place = ""
    table: Any = parsed
    while table:
        ((key, table),) = table.items()
        place += f".{key}" if place else key
        last = not (table[0] if isinstance(table, list) else table)
        if last and is_list:
            counts[place] = counts.get(place, 0) + 1
        if place in counts:
            place += f"[{counts[place]}]"
        table = table[0] if isinstance(table, list) else table
    return place


def _places(table: Mapping[str, Any], above: str, depth: int = 0) -> Iterator[str]:
    for key, value in table.items():
        place = f"{above}.{key}" if above else key
        yield place
        if depth == _MAX_DEPTH:
            continue
        if isinstance(value, dict):
            yield from _places(value, place, depth + 1)
        elif isinstance(value, list):
            for number, each in enumerate(value, 1):
                if isinstance(each, dict):
                    yield from _places(each, f"{place}[{number}]", depth + 1)


# --- writing ----------------------------------------------------------------------------------------------------------


def _named(number: int, known: Mapping[int, str]) -> int | str:
    """Return a name where it means this one and no other, else the number."""
    name = known.get(number, "")
    return name if name and list(known.values()).count(name) == 1 else number


def _words(schedule: str) -> str:
    try:
        return in_words(schedule)
    except FieldError:
        return ""


def _without_none(value: Any) -> Any:
    """Return a value that came from JSON without its nulls, which TOML does not have."""
    match value:
        case dict():
            return {str(key): _without_none(each) for key, each in value.items() if each is not None}
        case list() | tuple():
            return [_without_none(each) for each in value if each is not None]
        case _:
            return value
