"""Reading the settings. Nothing here raises for what a person wrote.

A value that cannot be used is named, with its file and line, and the default is used for that value alone.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import msgspec

from quaero_desktop.domain.text import single_line
from quaero_desktop.infra.paths import CONFIG_VARIABLE, LIBRARY_VARIABLE, SECRETS_VARIABLE
from quaero_desktop.infra.settings.info import (
    FIELDS,
    PREFIX,
    SECTIONS,
    VARIABLES,
    Key,
    as_toml,
    expected_of,
    kind_and_bounds,
    near_to,
    quoted,
    shown,
    unknown_key,
    unknown_section,
)
from quaero_desktop.infra.settings.sections import Settings

# Bounds what naming the problems can cost: a settings file of ours has some 5 KB.
MAX_FILE_BYTES = 65_536
_MAX_STATEMENT_LINES = 50
_TOML_ERROR = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL)
# Variables of ours that are no settings.
_OTHERS = frozenset({LIBRARY_VARIABLE, CONFIG_VARIABLE, SECRETS_VARIABLE})
_YES_AND_NO = {"yes": True, "on": True, "no": False, "off": False}


class SettingsProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the settings that could not be used.

    Attributes:
        message: one sentence for a person: where, what and what is used instead.
        key: ``section.key``, or empty when it is about the whole file.
        line: the line of the file, counted from 1; None when it is not known or comes from the environment.
        from_environment: whether it is about a variable of the environment and not about the file.
    """

    message: str
    key: str = ""
    line: int | None = None
    from_environment: bool = False


class LoadedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings to use, and what was wrong with those that were found: the file's problems first."""

    settings: Settings
    problems: tuple[SettingsProblem, ...] = ()


def load(path: Path, environ: Mapping[str, str]) -> LoadedSettings:
    """Return the settings of the file *path*, overridden by the environment. Never raises for what is written there.

    Args:
        path: the settings file; when there is none, the defaults count.
        environ: the environment; ``QUAERO_QUEUE_NUM_WORKERS=8`` overrides ``[queue] num_workers``; an empty
            variable overrides nothing.
    """
    problems: list[SettingsProblem] = []
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    _take_file(path, values, problems)
    _take_environment(environ, values, problems)
    # Each value was checked on its own; that leaves nothing here to raise.
    return LoadedSettings(settings=msgspec.convert(values, Settings), problems=tuple(problems))


def _bad_value(section: str, key: str, value: object, name: str, values: dict[str, dict[str, Any]]) -> str:
    field = FIELDS[section][key]
    used = values[section].get(key, field.default)
    said = as_toml(used)
    if isinstance(used, tuple):  # too long for a sentence
        said = "the file's" if key in values[section] else "the default"
    return f"{name} must be {expected_of(field)}, not {quoted(value)}; {said} is used."


# --- The file ---------------------------------------------------------------------------------------------------------


def _take_file(path: Path, values: dict[str, dict[str, Any]], problems: list[SettingsProblem]) -> None:
    text = read(path, problems)
    if text is None:
        return
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        problems.append(broken(path, text, error))
        return
    lines: dict[Key, int] | None = None

    def report(keys: Key, message: str) -> None:
        nonlocal lines
        if lines is None:
            lines = _lines_of(text)
        line = lines.get(keys)
        where = f"{path}, line {line}" if line else f"{path}"
        problems.append(SettingsProblem(message=f"{where}: {message}", key=".".join(map(shown, keys)), line=line))

    for section, content in table.items():
        if section not in SECTIONS:
            report((section,), unknown_section(section))
        elif not isinstance(content, dict):
            report((section,), f"{section} must be a section, [{section}] with its keys below it; it is ignored.")
        else:
            for key, value in content.items():
                if key not in FIELDS[section]:
                    report((section, key), unknown_key(section, key))
                    continue
                try:
                    values[section][key] = msgspec.convert(value, FIELDS[section][key].type)
                except msgspec.ValidationError:
                    report((section, key), _bad_value(section, key, value, f"{section}.{key}", values))


def read(path: Path, problems: list[SettingsProblem]) -> str | None:
    """Return the text of a settings file with plain line ends; None when there is none, or a problem was added."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        problems.append(SettingsProblem(message=f"{path} cannot be read ({reason}); the defaults are used."))
        return None
    if len(content) > MAX_FILE_BYTES:
        problems.append(
            SettingsProblem(message=f"{path} is larger than {MAX_FILE_BYTES // 1024} kB; the defaults are used.")
        )
        return None
    try:
        # TOML knows no byte order mark, but some editors write one.
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"{path}, line {line}: this is not UTF-8 text; the defaults are used. Save the file as UTF-8."
        problems.append(SettingsProblem(message=message, line=line))
        return None


def broken(path: Path, text: str, error: Exception) -> SettingsProblem:
    """Return the problem of a file whose *text* is not TOML, by the *error* of the parser."""
    match = _TOML_ERROR.fullmatch(str(error))
    if match is None:
        what, line = ("nested too deeply" if isinstance(error, RecursionError) else str(error)), None
    else:
        what, line = match["what"], int(match["line"] or text.rstrip("\n").count("\n") + 1)
    where = f"{path}, line {line}" if line else f"{path}"
    message = f"{where}: this is not valid TOML ({single_line(what, 120)}); the defaults are used for the whole file."
    return SettingsProblem(message=message, line=line)


def line_of(text: str, *path: str) -> int | None:
    """Return the line, from 1, on which a valid TOML *text* has the section or key of *path*; None for nowhere."""
    return _lines_of(text).get(path)


def _lines_of(text: str) -> dict[Key, int]:
    """Return the line on which each section and key of a valid TOML text is written.

    tomllib keeps no positions. But each statement of a valid text is a valid text itself, and no beginning of one is.
    """
    found: dict[Key, int] = {}
    header: Key = ()
    lines = text.split("\n")
    start = 0
    while start < len(lines):
        parsed: dict[str, Any] | None = None
        end = start
        while parsed is None:
            end += 1
            if end > len(lines) or end - start > _MAX_STATEMENT_LINES:
                return found
            try:
                parsed = tomllib.loads("\n".join(lines[start:end]))
            except (ValueError, RecursionError):
                continue
        paths = list(_paths_in(parsed))
        if lines[start].lstrip(" \t").startswith("["):
            header = paths[-1]
            paths = [header[:depth] for depth in range(1, len(header) + 1)]
        else:
            paths = [header + path for path in paths]
        for path in paths:
            found.setdefault(path, start + 1)
        start = end
    return found


def _paths_in(table: dict[str, Any], above: Key = ()) -> Iterator[Key]:
    for key, value in table.items():
        path = (*above, key)
        yield path
        if isinstance(value, dict) and len(path) < 2:
            yield from _paths_in(value, path)


# --- The environment --------------------------------------------------------------------------------------------------


def _take_environment(
    environ: Mapping[str, str], values: dict[str, dict[str, Any]], problems: list[SettingsProblem]
) -> None:
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or not text or variable in _OTHERS:
            continue
        if variable in VARIABLES:
            section, key = VARIABLES[variable]
            try:
                values[section][key] = _from_text(text, FIELDS[section][key])
            except msgspec.ValidationError:
                message = _bad_value(section, key, text, variable, values)
                problems.append(_of_environment(message, f"{section}.{key}"))
        elif near := near_to(variable, list(VARIABLES)):
            problems.append(
                _of_environment(f"there is no setting {shown(variable)}; did you mean {near}? It is ignored.")
            )
        elif variable.removeprefix(PREFIX).partition("_")[0].lower() in SECTIONS:
            problems.append(_of_environment(f"there is no setting {shown(variable)}; it is ignored."))


def _of_environment(message: str, key: str = "") -> SettingsProblem:
    return SettingsProblem(message=f"Environment: {message}", key=key, from_environment=True)


def _from_text(text: str, field: msgspec.structs.FieldInfo) -> Any:
    kind, _ = kind_and_bounds(field)
    value: Any = text if kind is str else text.strip()
    if kind is bool:
        value = _YES_AND_NO.get(value.lower(), value)
    if get_origin(kind) is tuple:
        value = value.replace(",", " ").split()
    return msgspec.convert(value, field.type, strict=False)
