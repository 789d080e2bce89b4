"""What is to be known about each setting, and the words in which a person is told."""

import difflib
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.text import single_line
from quaero_desktop.infra.redact import redact
from quaero_desktop.infra.settings.sections import Settings

Key = tuple[str, ...]
"""A section and one of its keys; or, of what somebody wrote, as far as it goes."""
_Fields = dict[str, msgspec.structs.FieldInfo]

SECTIONS: dict[str, type[msgspec.Struct]] = {field.name: field.type for field in msgspec.structs.fields(Settings)}
FIELDS: dict[str, _Fields] = {
    name: {field.name: field for field in msgspec.structs.fields(section)} for name, section in SECTIONS.items()
}

PREFIX = "QUAERO_"
VARIABLES: dict[str, Key] = {
    f"{PREFIX}{section}_{key}".upper(): (section, key) for section, fields in FIELDS.items() for key in fields
}
"""The environment variable of each setting, and which it is."""
_SHOWN = 60


class SettingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known about one setting.

    Attributes:
        key: ``section.key``.
        variable: the environment variable that overrides it.
        default: its value where nothing is said.
        description: one sentence about what it does.
        expected: what it must be, like ``a whole number from 1 to 64``.
        least, most: the bounds of a number; None for other kinds.
        choices: the values of a choice; empty for other kinds.
    """

    key: str
    variable: str
    default: Any
    description: str
    expected: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


def info(key: str) -> SettingInfo:
    """Return what is to be known about the setting ``section.key``.

    Raises:
        UsageError: there is none of that name.
    """
    path = _path_of(key)
    field = FIELDS[path[0]][path[1]]
    kind, bounds = kind_and_bounds(field)
    return SettingInfo(
        key=key,
        variable=f"{PREFIX}{path[0]}_{path[1]}".upper(),
        default=field.default,
        description=bounds.description or "",
        expected=expected_of(field),
        least=bounds.ge,
        most=bounds.le,
        choices=get_args(kind) if get_origin(kind) is Literal else (),
    )


def checked(key: str, value: object) -> Any:
    """Return *value* as the type of the setting ``section.key``.

    Raises:
        UsageError: there is no such setting, or it cannot have that value; the sentence names it.
    """
    section, name = _path_of(key)
    field = FIELDS[section][name]
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        raise UsageError(f"{key} must be {expected_of(field)}, not {quoted(value)}.") from error


def variables() -> dict[str, str]:
    """Return the environment variable of each setting, by its ``section.key``."""
    return {".".join(path): variable for variable, path in VARIABLES.items()}


def _path_of(key: str) -> Key:
    section, _, name = key.partition(".")
    if section not in FIELDS:
        raise UsageError(f"There is no setting {shown(key)}: {unknown_section(section)}")
    if name not in FIELDS[section]:
        sentence = unknown_key(section, name)
        raise UsageError(sentence[0].upper() + sentence[1:])
    return section, name


def unknown_section(section: str) -> str:
    """Return the rest of a sentence about a section that does not exist."""
    homes = [name for name, fields in FIELDS.items() if section in fields]
    if homes:
        return f"{section} belongs under {' or '.join(f'[{name}]' for name in homes)}; it is ignored."
    near = near_to(section, list(SECTIONS))
    return f"there is no section [{shown(section)}]{f'; did you mean [{near}]?' if near else ';'}{_ignored(near)}"


def unknown_key(section: str, key: str) -> str:
    """Return the rest of a sentence about a key that a section does not have."""
    name = f"{section}.{shown(key)}"
    if near := near_to(key, list(FIELDS[section])):
        return f"there is no setting {name}; did you mean {near}? It is ignored."
    homes = [other for other, fields in FIELDS.items() if key in fields]
    if homes:
        return f"there is no setting {name}; {key} belongs under [{homes[0]}]. It is ignored."
    return f"there is no setting {name}; it is ignored."


def _ignored(near: str | None) -> str:
    return " It is ignored." if near else " it is ignored."


def near_to(word: str, known: list[str]) -> str | None:
    """Return the one of the *known* names that was surely meant; None where none is near."""
    # Beyond any name of ours there is nothing near, and comparing gets slow.
    matches = difflib.get_close_matches(word, known, n=1, cutoff=0.75) if len(word) <= _SHOWN else []
    return matches[0] if matches else None


def shown(name: str) -> str:
    """Return a name that somebody wrote as a sentence can hold it."""
    return single_line(name, _SHOWN)


def quoted(value: object) -> str:
    """Return a value that somebody wrote as a sentence can hold it."""
    match value:
        case dict():
            return "a section"
        case list():
            return "a list"
        case str():
            # An address may hold a password, and the sentence goes to the log.
            return f"“{redact(shown(value))}”"
        case bool():
            return str(value).lower()
        case int() if value.bit_length() > 200:  # longer ones cannot be printed (sys.set_int_max_str_digits)
            return "a number that large"
        case _:
            return shown(str(value))


def expected_of(field: msgspec.structs.FieldInfo) -> str:
    """Return what a setting must be, like ``a whole number from 1 to 64``."""
    kind, bounds = kind_and_bounds(field)
    if bounds.extra is not None:
        return str(bounds.extra["expected"])
    if kind is bool:
        return "true or false"
    if kind is str:
        return f"plain ASCII text of at most {bounds.max_length} characters"
    if get_origin(kind) is Literal:
        *others, last = get_args(kind)
        return f"{', '.join(others)} or {last}"
    if get_origin(kind) is tuple:
        return "a list of names like gclid or utm_*"
    noun = "a whole number" if kind is int else "a number"
    return f"{noun} from {as_toml(bounds.ge)} to {as_toml(bounds.le)}"


def kind_and_bounds(field: msgspec.structs.FieldInfo) -> tuple[Any, Meta]:
    """Return the type of a setting, and its bounds with what it means."""
    kind, bounds = get_args(field.type)
    return kind, bounds


def as_toml(value: object) -> str:
    """Return a value as it is written in the file."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case float():
            return f"{value:g}"
        case tuple():
            return f"[{', '.join(map(as_toml, value))}]"
        case _:
            return str(value)
