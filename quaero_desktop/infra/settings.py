"""Configuration: one typed TOML file, with overrides from the environment (O5).

Nothing here raises for what a person wrote. A value that cannot be used is named, with its file and line, and the
default is used for that value alone.
"""

import difflib
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from quaero_desktop.domain.crawl import ScopeKind
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.identity import PARAMETER_NAME, TRACKING_PARAMETERS
from quaero_desktop.domain.text import single_line
from quaero_desktop.infra.paths import CONFIG_VARIABLE, LIBRARY_VARIABLE
from quaero_desktop.infra.redact import redact

LogLevel = Literal["debug", "info", "warn", "error"]
ThemeName = Literal["system", "light", "dark"]

# What an HTTP header can carry without an encoding; \Z because $ also matches before a line feed.
_HEADER_TEXT = r"\A[\x20-\x7e]*\Z"
# A path that means the same folder wherever Quaero is started: from the root, a drive, a server or one's home.
_FULL_PATH = r"\A(?:(?:[/\\]|~(?:[/\\]|\Z)|[A-Za-z]:[/\\])[^\x00-\x1f\x7f]*)?\Z"


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Workers and retries."""

    num_workers: Annotated[int, Meta(ge=1, le=64, description="How many pages are worked on at the same time.")] = 5
    lease_seconds: Annotated[
        float,
        Meta(ge=1, le=3600, description="How long a worker may be silent before its page is given to another one."),
    ] = 60.0
    max_attempts: Annotated[
        int, Meta(ge=1, le=100, description="How often a page is tried before it is set aside as failed.")
    ] = 4
    backoff_base_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="The wait after the first failure; it doubles with each further one.")
    ] = 2.0
    backoff_max_seconds: Annotated[
        float, Meta(ge=0, le=86_400, description="The longest wait between two tries, unless the server asks for more.")
    ] = 300.0
    stop_grace_seconds: Annotated[
        float, Meta(ge=0, le=60, description="How long pages under way may go on when Quaero is asked to stop.")
    ] = 1.5


class CrawlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a new crawl starts with."""

    max_depth: Annotated[int, Meta(ge=0, le=1000, description="The most links to follow from the first page.")] = 5
    per_host: Annotated[int, Meta(ge=1, le=64, description="The most requests under way at one host.")] = 2
    delay_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="The least time between the starts of two requests at one host.")
    ] = 0.25
    local_delay_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="The same for servers on this very computer.")
    ] = 0.0
    host_failures: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="How many failures of one host in a row pause a crawl; a page that does not exist is none."
            " 0 for any number.",
        ),
    ] = 10
    obey_robots: Annotated[bool, Meta(description="Whether robots.txt decides what may be fetched.")] = True
    scope: Annotated[
        ScopeKind,
        Meta(description="How far a crawl goes: the same host, below the first page's folder, or its whole domain."),
    ] = "host"
    tracking_parameters: Annotated[
        tuple[Annotated[str, Meta(max_length=100, pattern=rf"\A{PARAMETER_NAME}\Z")], ...],
        Meta(
            max_length=1000,
            description="Query parameters that are dropped from every address, since they tell who sent the visitor and"
            " not what is shown; utm_* means all that begin with utm_. What is written here replaces the whole list.",
        ),
    ] = TRACKING_PARAMETERS


class FetchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one request, and who we say we are."""

    user_agent: Annotated[
        str,
        Meta(
            max_length=300,
            pattern=_HEADER_TEXT,
            description="What Quaero calls itself to servers; empty for its own name.",
        ),
    ] = ""
    contact: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=_HEADER_TEXT,
            description="An e-mail or web address that is added to that name, so that a site's owner can reach you.",
        ),
    ] = ""
    total_seconds: Annotated[
        float, Meta(ge=1, le=3600, description="The most time for one page, from the request to the last byte.")
    ] = 60.0
    connect_seconds: Annotated[
        float, Meta(ge=0.1, le=600, description="The most time to reach a server; never more than total_seconds.")
    ] = 15.0
    max_bytes: Annotated[
        int, Meta(ge=1024, le=1_000_000_000, description="The largest page, in bytes after decompression.")
    ] = 10_000_000
    max_ratio: Annotated[
        int, Meta(ge=2, le=100_000, description="The most bytes that one compressed byte may become.")
    ] = 200


class ParseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The processes that turn pages into text."""

    processes: Annotated[int, Meta(ge=0, le=64, description="How many there are; 0 for one per processor core.")] = 0
    timeout_seconds: Annotated[
        float, Meta(ge=0.1, le=600, description="The most time for one page; then its process is ended.")
    ] = 20.0
    memory_mb: Annotated[int, Meta(ge=128, le=65_536, description="The most memory of one process, in megabytes.")] = (
        1024
    )


class SummariesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Summaries of documents. They are made on this computer; nothing is sent anywhere unless an endpoint is set."""

    endpoint: Annotated[
        str,
        Meta(
            max_length=500,
            pattern=r"\A(?:https?://[!-.0->A-Z\[-~]+(?:/[!-\"$->A-~]*)?)?\Z",
            description="Where a language model of yours answers as OpenAI does (llama.cpp, Ollama and others do);"
            " empty for none. The text of documents is sent there, and only there.",
            extra={"expected": "the http or https address of a server without a password in it, or empty"},
        ),
    ] = ""
    model: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=_HEADER_TEXT,
            description="Which model to ask there; empty for the first that the server offers.",
        ),
    ] = ""
    context_tokens: Annotated[
        int,
        Meta(
            ge=1024,
            le=1_000_000,
            description="How much the model can read at a time, in tokens of some four letters; of a longer document it"
            " gets the beginning and what the other parts begin with.",
        ),
    ] = 4096
    timeout_seconds: Annotated[float, Meta(ge=1, le=3600, description="The most time for one answer of the model.")] = (
        120.0
    )
    sentences: Annotated[int, Meta(ge=1, le=50, description="The most sentences of a summary.")] = 3
    at_once: Annotated[
        int, Meta(ge=1, le=16, description="How many documents the model is asked about at the same time.")
    ] = 1


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The library."""

    library: Annotated[
        str,
        Meta(
            max_length=4000,
            pattern=_FULL_PATH,
            description="The folder of the library, where --library and QUAERO_LIBRARY name none; empty for the usual.",
            extra={"expected": "the full path of a folder"},
        ),
    ] = ""
    allow_network_folder: Annotated[
        bool, Meta(description="Whether a library may be in a network or cloud folder, where databases get damaged.")
    ] = False
    keep_backups: Annotated[int, Meta(ge=1, le=1000, description="How many backups are kept.")] = 5
    log_retention_days: Annotated[
        int, Meta(ge=0, le=36_500, description="How long the logs of ended jobs are kept, in days; 0 keeps them.")
    ] = 30
    job_retention_days: Annotated[
        int, Meta(ge=0, le=36_500, description="How long ended jobs are kept, in days; 0 keeps them. Documents stay.")
    ] = 0


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Diagnostics."""

    level: Annotated[LogLevel, Meta(description="The least important messages that are written.")] = "info"


class WindowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the window looks."""

    theme: Annotated[ThemeName, Meta(description="Light or dark; system for whatever the desktop uses.")] = "system"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, by section. Each field of a section is one key of ``settings.toml``."""

    queue: QueueSettings = msgspec.field(default_factory=QueueSettings)
    crawl: CrawlSettings = msgspec.field(default_factory=CrawlSettings)
    fetch: FetchSettings = msgspec.field(default_factory=FetchSettings)
    parse: ParseSettings = msgspec.field(default_factory=ParseSettings)
    summaries: SummariesSettings = msgspec.field(default_factory=SummariesSettings)
    storage: StorageSettings = msgspec.field(default_factory=StorageSettings)
    log: LogSettings = msgspec.field(default_factory=LogSettings)
    window: WindowSettings = msgspec.field(default_factory=WindowSettings)


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


_Path = tuple[str, ...]
_Fields = dict[str, msgspec.structs.FieldInfo]

_SECTIONS: dict[str, type[msgspec.Struct]] = {field.name: field.type for field in msgspec.structs.fields(Settings)}
_FIELDS: dict[str, _Fields] = {
    name: {field.name: field for field in msgspec.structs.fields(section)} for name, section in _SECTIONS.items()
}

_PREFIX = "QUAERO_"
_VARIABLES: dict[str, _Path] = {
    f"{_PREFIX}{section}_{key}".upper(): (section, key) for section, fields in _FIELDS.items() for key in fields
}
# Bounds what naming the problems can cost: a settings file of ours has some 5 KB.
MAX_FILE_BYTES = 65_536
_MAX_STATEMENT_LINES = 50
_SHOWN = 60
_TOML_ERROR = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL)
_YES_AND_NO = {"yes": True, "on": True, "no": False, "off": False}


def load(path: Path, environ: Mapping[str, str]) -> LoadedSettings:
    """Return the settings of the file *path*, overridden by the environment. Never raises for what is written there.

    Args:
        path: the settings file; when there is none, the defaults count.
        environ: the environment; ``QUAERO_QUEUE_NUM_WORKERS=8`` overrides ``[queue] num_workers``; an empty
            variable overrides nothing.
    """
    problems: list[SettingsProblem] = []
    values: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    _take_file(path, values, problems)
    _take_environment(environ, values, problems)
    # Each value was checked on its own; that leaves nothing here to raise.
    return LoadedSettings(settings=msgspec.convert(values, Settings), problems=tuple(problems))


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
    field = _FIELDS[path[0]][path[1]]
    kind, bounds = _kind_and_bounds(field)
    return SettingInfo(
        key=key,
        variable=f"{_PREFIX}{path[0]}_{path[1]}".upper(),
        default=field.default,
        description=bounds.description or "",
        expected=_expected(field),
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
    field = _FIELDS[section][name]
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        raise UsageError(f"{key} must be {_expected(field)}, not {_quoted(value)}.") from error


def variables() -> dict[str, str]:
    """Return the environment variable of each setting, by its ``section.key``."""
    return {".".join(path): variable for variable, path in _VARIABLES.items()}


def section_names() -> tuple[str, ...]:
    """Return the names of all sections."""
    return tuple(_SECTIONS)


def _path_of(key: str) -> _Path:
    section, _, name = key.partition(".")
    if section not in _FIELDS:
        raise UsageError(f"There is no setting {_shown(key)}: {_unknown_section(section)}")
    if name not in _FIELDS[section]:
        sentence = _unknown_key(section, name)
        raise UsageError(sentence[0].upper() + sentence[1:])
    return section, name


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
    lines: dict[_Path, int] | None = None

    def report(keys: _Path, message: str) -> None:
        nonlocal lines
        if lines is None:
            lines = _lines_of(text)
        line = lines.get(keys)
        where = f"{path}, line {line}" if line else f"{path}"
        problems.append(SettingsProblem(message=f"{where}: {message}", key=".".join(map(_shown, keys)), line=line))

    for section, content in table.items():
        if section not in _SECTIONS:
            report((section,), _unknown_section(section))
        elif not isinstance(content, dict):
            report((section,), f"{section} must be a section, [{section}] with its keys below it; it is ignored.")
        else:
            for key, value in content.items():
                if key not in _FIELDS[section]:
                    report((section, key), _unknown_key(section, key))
                    continue
                try:
                    values[section][key] = msgspec.convert(value, _FIELDS[section][key].type)
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


def _lines_of(text: str) -> dict[_Path, int]:
    """Return the line on which each section and key of a valid TOML text is written.

    tomllib keeps no positions. But each statement of a valid text is a valid text itself, and no beginning of one is.
    """
    found: dict[_Path, int] = {}
    header: _Path = ()
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


def _paths_in(table: dict[str, Any], above: _Path = ()) -> Iterator[_Path]:
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
        if not variable.startswith(_PREFIX) or not text or variable in (LIBRARY_VARIABLE, CONFIG_VARIABLE):
            continue
        if variable in _VARIABLES:
            section, key = _VARIABLES[variable]
            try:
                values[section][key] = _from_text(text, _FIELDS[section][key])
            except msgspec.ValidationError:
                message = _bad_value(section, key, text, variable, values)
                problems.append(_of_environment(message, f"{section}.{key}"))
        elif near := _near(variable, list(_VARIABLES)):
            problems.append(
                _of_environment(f"there is no setting {_shown(variable)}; did you mean {near}? It is ignored.")
            )
        elif variable.removeprefix(_PREFIX).partition("_")[0].lower() in _SECTIONS:
            problems.append(_of_environment(f"there is no setting {_shown(variable)}; it is ignored."))


def _of_environment(message: str, key: str = "") -> SettingsProblem:
    return SettingsProblem(message=f"Environment: {message}", key=key, from_environment=True)


def _from_text(text: str, field: msgspec.structs.FieldInfo) -> Any:
    kind, _ = _kind_and_bounds(field)
    value: Any = text if kind is str else text.strip()
    if kind is bool:
        value = _YES_AND_NO.get(value.lower(), value)
    if get_origin(kind) is tuple:
        value = value.replace(",", " ").split()
    return msgspec.convert(value, field.type, strict=False)


# --- What a person is told --------------------------------------------------------------------------------------------


def _bad_value(section: str, key: str, value: object, name: str, values: dict[str, dict[str, Any]]) -> str:
    field = _FIELDS[section][key]
    used = values[section].get(key, field.default)
    said = _toml(used)
    if isinstance(used, tuple):  # too long for a sentence
        said = "the file's" if key in values[section] else "the default"
    return f"{name} must be {_expected(field)}, not {_quoted(value)}; {said} is used."


def _unknown_section(section: str) -> str:
    homes = [name for name, fields in _FIELDS.items() if section in fields]
    if homes:
        return f"{section} belongs under {' or '.join(f'[{name}]' for name in homes)}; it is ignored."
    near = _near(section, list(_SECTIONS))
    return f"there is no section [{_shown(section)}]{f'; did you mean [{near}]?' if near else ';'}{_ignored(near)}"


def _unknown_key(section: str, key: str) -> str:
    name = f"{section}.{_shown(key)}"
    if near := _near(key, list(_FIELDS[section])):
        return f"there is no setting {name}; did you mean {near}? It is ignored."
    homes = [other for other, fields in _FIELDS.items() if key in fields]
    if homes:
        return f"there is no setting {name}; {key} belongs under [{homes[0]}]. It is ignored."
    return f"there is no setting {name}; it is ignored."


def _ignored(near: str | None) -> str:
    return " It is ignored." if near else " it is ignored."


def _near(word: str, known: list[str]) -> str | None:
    # Beyond any name of ours there is nothing near, and comparing gets slow.
    matches = difflib.get_close_matches(word, known, n=1, cutoff=0.75) if len(word) <= _SHOWN else []
    return matches[0] if matches else None


def _shown(name: str) -> str:
    return single_line(name, _SHOWN)


def _quoted(value: object) -> str:
    match value:
        case dict():
            return "a section"
        case list():
            return "a list"
        case str():
            # An address may hold a password, and the sentence goes to the log.
            return f"“{redact(_shown(value))}”"
        case bool():
            return str(value).lower()
        case int() if value.bit_length() > 200:  # longer ones cannot be printed (sys.set_int_max_str_digits)
            return "a number that large"
        case _:
            return _shown(str(value))


def _expected(field: msgspec.structs.FieldInfo) -> str:
    kind, bounds = _kind_and_bounds(field)
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
    return f"{noun} from {_toml(bounds.ge)} to {_toml(bounds.le)}"


def _kind_and_bounds(field: msgspec.structs.FieldInfo) -> tuple[Any, Meta]:
    kind, bounds = get_args(field.type)
    return kind, bounds


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case float():
            return f"{value:g}"
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            return str(value)


_INTRODUCTION = """\
# Settings of Quaero Desktop. Remove the # before a key to change it; put it back to have the default again.
# An environment variable like QUAERO_QUEUE_NUM_WORKERS=8 goes before this file.
"""


def render_defaults() -> str:
    """Return a ``settings.toml`` with every key, its default and what it means, all keys commented out.

    Commented out, so that a better default of a later version reaches those who never changed it.
    """
    parts = [_INTRODUCTION]
    for name, section in _SECTIONS.items():
        parts.append(f"\n# {section.__doc__}\n[{name}]\n" if section.__doc__ else f"\n[{name}]\n")
        for key, field in _FIELDS[name].items():
            _, bounds = _kind_and_bounds(field)
            expected = _expected(field)
            explanation = f"{bounds.description} {expected[0].upper()}{expected[1:]}."
            comment = "\n".join(textwrap.wrap(explanation, 110, initial_indent="# ", subsequent_indent="# "))
            parts.append(f"{comment}\n#{key} = {_toml(field.default)}\n")
    return "".join(parts)
