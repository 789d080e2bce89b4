"""Changing ``settings.toml`` without spoiling it: comments, order and keys of other versions stay as they are."""

import contextlib
import os
import re
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quaero_desktop.domain.errors import SettingsError
from quaero_desktop.infra.settings.info import FIELDS, SECTIONS, as_toml, checked, expected_of, info, kind_and_bounds
from quaero_desktop.infra.settings.loading import MAX_FILE_BYTES, SettingsProblem, broken, line_of, read

_MODE = 0o600
_FOLDER_MODE = 0o700
_BINARY: int = getattr(os, "O_BINARY", 0)
_CORRECT = "Correct it in a text editor, or move it away to start with the defaults."
_INTRODUCTION = """\
# Settings of Quaero Desktop. Remove the # before a key to change it; put it back to have the default again.
# An environment variable like QUAERO_QUEUE_NUM_WORKERS=8 goes before this file.
"""


def save(path: Path, changes: Mapping[str, object]) -> None:
    """Change some settings of a file; nothing else in it changes, and it is either the old one or the new one.

    A file that is made has every setting with its explanation. A setting that stands there as a comment is put into
    force in that place.

    Args:
        path: the settings file; it is made when there is none, for this user only. A symbolic link is followed.
        changes: ``section.key`` to the value; None for the default, and then the file no longer says anything.

    Raises:
        UsageError: a setting that does not exist, or a value that it cannot have; nothing was written.
        SettingsError: the file cannot be understood, read or written; it is as it was.
    """
    wanted = {key: None if value is None else checked(key, value) for key, value in changes.items()}
    for key in wanted:
        info(key)
    target = path.resolve()
    before, line_end = _text_of(target)
    text = render_defaults() if before is None else before
    for key, value in wanted.items():
        section, _, name = key.partition(".")
        text = _without(text, section, name) if value is None else _with(text, section, name, value)
    content = text.replace("\n", line_end).encode()
    if len(content) > MAX_FILE_BYTES:
        raise SettingsError(f"“{path}” would become too large.", _CORRECT)
    if before is None or text != before:
        _write(target, content)


def _text_of(path: Path) -> tuple[str | None, str]:
    """Return the text of a settings file that can be changed, or None when there is none; and how its lines end."""
    problems: list[SettingsProblem] = []
    text = read(path, problems)
    if text is None:
        if problems:
            raise SettingsError(f"The settings cannot be saved: {problems[0].message}", _CORRECT)
        return None, "\n"
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        problem = broken(path, text, error)
        raise SettingsError(f"The settings cannot be saved: {problem.message}", _CORRECT) from error
    for section in SECTIONS:
        if not isinstance(table.get(section, {}), dict):
            raise SettingsError(f"The settings cannot be saved: in {path}, {section} is not a section.", _CORRECT)
    return text, "\r\n" if b"\r\n" in path.read_bytes() else "\n"


def _with(text: str, section: str, name: str, value: object) -> str:
    """Return the TOML *text* with a setting in force."""
    # Imported by need: it takes 0.1 s, and nobody saves while starting.
    import tomlkit
    from tomlkit.items import Table

    if name not in _parsed(text).get(section, {}):
        text = _uncommented(text, section, name)
    document = tomlkit.parse(text)
    plain = list(value) if isinstance(value, tuple) else value
    if section not in document:
        if text and not text.endswith("\n"):
            document.add(tomlkit.nl())
        document.add(tomlkit.nl())
        document.add(section, tomlkit.table())
    table = document[section]
    if isinstance(table, Table) and name not in table:
        _end_line(table)
    table[name] = plain
    changed = tomlkit.dumps(document)
    return changed if changed.endswith("\n") else f"{changed}\n"


def _without(text: str, section: str, name: str) -> str:
    """Return the TOML *text* with a setting at its default: as a comment where it has a line of its own."""
    import tomlkit

    if name not in _parsed(text).get(section, {}):
        return text
    default = info(f"{section}.{name}").default
    as_default = _with(text, section, name, default)
    lines = as_default.split("\n")
    number = line_of(as_default, section, name)
    if number is not None:
        lines[number - 1] = f"#{lines[number - 1].lstrip()}"
        commented = "\n".join(lines)
        if _parsed(commented) == _less(_parsed(text), section, name):
            return commented
    document = tomlkit.parse(text)
    del document[section][name]
    return tomlkit.dumps(document)


def _uncommented(text: str, section: str, name: str) -> str:
    """Return the TOML *text* with the comment ``#name = ...`` of a section put into force, if it has one."""
    start = line_of(text, section)
    if start is None:
        return text
    lines = text.split("\n")
    comment = re.compile(rf"\s*#\s?({re.escape(name)}\s*=.*)")
    for number in range(start, len(lines)):
        if lines[number].lstrip().startswith("["):
            break
        if match := comment.fullmatch(lines[number]):
            candidate = "\n".join([*lines[:number], match[1], *lines[number + 1 :]])
            with contextlib.suppress(ValueError, RecursionError):
                # A comment inside a text of several lines, or one that holds anything else, is left alone.
                parsed = _parsed(candidate)
                if name in parsed.get(section, {}) and _less(parsed, section, name) == _parsed(text):
                    return candidate
    return text


def _end_line(table: Any) -> None:
    """Make sure that what is appended to a table whose last line has no end begins on a line of its own."""
    import tomlkit

    if table.value.body and not table.as_string().endswith("\n") and table.as_string():
        table.add(tomlkit.nl())


def _parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def _less(table: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    return {**table, section: {key: value for key, value in table.get(section, {}).items() if key != name}}


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    try:
        for folder in reversed([each for each in (path.parent, *path.parent.parents) if not each.exists()]):
            folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        # Another program of ours may be saving too, and one that was killed left its file.
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, _MODE)
        try:
            with open(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(
            f"The settings cannot be saved in “{path}”: {reason}.", "Check the permissions of that folder."
        ) from error


def render_defaults() -> str:
    """Return a ``settings.toml`` with every key, its default and what it means, all keys commented out.

    Commented out, so that a better default of a later version reaches those who never changed it.
    """
    parts = [_INTRODUCTION]
    for name, section in SECTIONS.items():
        parts.append(f"\n# {section.__doc__}\n[{name}]\n" if section.__doc__ else f"\n[{name}]\n")
        for key, field in FIELDS[name].items():
            _, bounds = kind_and_bounds(field)
            expected = expected_of(field)
            explanation = f"{bounds.description} {expected[0].upper()}{expected[1:]}."
            comment = "\n".join(textwrap.wrap(explanation, 110, initial_indent="# ", subsequent_indent="# "))
            parts.append(f"{comment}\n#{key} = {as_toml(field.default)}\n")
    return "".join(parts)
