"""What the rows of a legacy Quaero database mean to us (O2): pure functions from a row to a value of ours.

Columns may be missing, and SQLite let anything stand in any of them. A row that makes no sense raises
:class:`UnusableError`; a part of one that makes none is left out, and *note* is told why.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from quaero_desktop.domain import credentials, rules, urls
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.credentials import Secret
from quaero_desktop.domain.definitions import (
    Action,
    Definition,
    DefinitionType,
    ErrorTolerance,
    FailureAction,
    OnError,
    Step,
    parse_duration,
)
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import Cause, JobType, Phase, Status
from quaero_desktop.domain.schedule import check_schedule
from quaero_desktop.domain.sources import MAX_NAME, CredentialKind, SourceRules
from quaero_desktop.domain.text import single_line, storable

Row = Mapping[str, Any]
"""The columns that a row has, with text decoded; a missing column is missing."""
Note = Callable[[str], None]
"""Told why a part of a row does not come."""

T = TypeVar("T")


class UnusableError(Exception):
    """A row that cannot come; its text says why."""


class LegacyCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential.

    Attributes:
        secret: as a keyring keeps it, which is the only place that it goes to; None when there is none.
        tail: its last four characters, as far as they may be shown.
    """

    legacy_id: str
    name: str
    origin: str
    kind: CredentialKind
    secret: Secret | None
    tail: str
    login_url: str
    created_at: int
    updated_at: int


class LegacySource(msgspec.Struct, frozen=True, kw_only=True):
    """A source; *credential* is the legacy id of its credential, or None."""

    legacy_id: str
    name: str
    base_url: str
    enabled: bool
    rules: SourceRules
    credential: str | None
    created_at: int
    updated_at: int


class LegacyDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A definition without its links, which are legacy ids here."""

    legacy_id: str
    definition: Definition
    sources: tuple[str, ...]
    pre_jobs: tuple[str, ...]
    post_jobs: tuple[str, ...]
    created_at: int
    updated_at: int


class LegacyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document. *source* is a legacy id that may name its source; *address* may be relative to that source's."""

    legacy_id: str
    source: str
    address: str
    title: str
    markdown: str
    content_type: str
    description: str
    language: str
    author: str
    published_at: int | None
    metadata: dict[str, Any]
    fetched_at: int
    changed_at: int


class LegacyJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that has ended.

    Attributes:
        parent: the legacy id of its parent; None for a root.
        url: of a page, canonical; None when it has none.
        config: of a root that can be run again.
        result: what the old Quaero noted of it.
        definition: the legacy id of its definition, or None.
    """

    legacy_id: str
    parent: str | None
    type: str
    phase: str
    status: str
    url: str | None
    name: str | None
    depth: int
    created_at: int
    started_at: int | None
    completed_at: int
    cause: str | None
    error: str | None
    http_status: int | None
    warnings: int
    config: CrawlConfig | None
    result: dict[str, Any] | None
    definition: str | None


class LegacyLine(msgspec.Struct, frozen=True):
    """A line of a job's log; *level* is its place in LOG_LEVELS."""

    at: int
    level: int
    message: str


# --- what stands in a column ------------------------------------------------------------------------------------------

_SECONDS_END = 10**11
_MILLISECONDS_END = 10**14
_MICROSECONDS_END = 10**17
_WRITTEN = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(?:(Z|UTC)|([+-]\d\d):?(\d\d))?.*",
    re.ASCII | re.DOTALL,
)
_MOST_NAME = 500
_MOST_ERROR = 4_000
_MOST_MESSAGE = 16_000
_MOST_NESTED = 60_000


def text(row: Row, column: str) -> str:
    """Return a column as text; empty when there is nothing in it."""
    value = row.get(column)
    match value:
        case None:
            return ""
        case str():
            return storable(value)
        case float() if value.is_integer():
            return str(int(value))
        case bytes():
            return value.decode("utf-8", "replace").replace("\x00", "\ufffd")
        case _:
            return str(value)


def whole(value: object) -> int | None:
    """Return *value* as a whole number, as far as it is one."""
    match value:
        case bool() | None:
            return None
        case int():
            return value
        case float():
            return int(value) if math.isfinite(value) else None
        case str() if len(value) <= 20:
            try:
                return int(value)
            except ValueError:
                return None
        case _:
            return None


def yes(value: object, default: bool) -> bool:
    """Return *value* as yes or no."""
    match value:
        case bool():
            return value
        case int() | float():
            return value != 0
        case str() if value.strip().lower() in ("1", "true", "t", "yes", "y"):
            return True
        case str() if value.strip().lower() in ("0", "false", "f", "no", "n"):
            return False
        case _:
            return default


def moment(value: object, now: int) -> int | None:
    """Return a time in milliseconds UTC, not later than *now*; None where none was noted.

    Times were whole seconds, or text in later files. One that is too large for seconds is taken as what it can be.
    """
    if isinstance(value, str) and (written := _WRITTEN.fullmatch(value)):
        at = _written(written)
    else:
        number = whole(value)
        if number is None or number <= 0:
            return None
        if number < _SECONDS_END:
            at = number * 1000
        elif number < _MILLISECONDS_END:
            at = number
        elif number < _MICROSECONDS_END:
            at = number // 1000
        else:
            at = number // 1_000_000
    return min(at, now) if at is not None and at > 0 else None


def _written(match: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    offset = (int(match[9]) * 60 + int(match[9][0] + match[10])) if match[9] else 0
    milliseconds = int((match[7] or "").ljust(3, "0")[:3] or 0)
    return int(at.timestamp()) * 1000 + milliseconds - offset * 60_000


def nested(row: Row, column: str, kind: type[T], note: Note) -> T:
    """Return the JSON of a column, or an empty *kind* when there is none or it makes no sense."""
    value = row.get(column)
    if value is None or value in ("", b"", "null"):
        return kind()
    try:
        decoded = msgspec.json.decode(value if isinstance(value, str | bytes) else str(value))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        note(f"its {column} is not valid JSON, so it comes without that")
        return kind()
    if decoded is None:
        return kind()
    if not isinstance(decoded, kind):
        note(f"its {column} does not hold what it should, so it comes without that")
        return kind()
    return decoded


def texts(value: object) -> tuple[str, ...]:
    """Return the texts in a list; a text alone is a list of one."""
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    if not isinstance(value, list):
        return ()
    return tuple(each if isinstance(each, str) else str(each) for each in value if isinstance(each, str | int) and each)


def _times(row: Row, now: int) -> tuple[int, int]:
    created = moment(row.get("created_at"), now)
    updated = moment(row.get("updated_at"), now)
    first = created or updated or now
    return first, max(updated or first, first)


def _id(row: Row) -> str:
    found = text(row, "id")
    if not found:
        raise UnusableError("it has no id")
    return found


def _line(value: str) -> str:
    return storable(single_line(value, _MOST_NAME))


# --- credentials ------------------------------------------------------------------------------------------------------

_TOKENS = (
    "access_token", "accesstoken", "bearer", "bearer_token", "token", "api_token", "apitoken", "personal_access_token",
    "pat", "api_key", "apikey", "key",
)  # fmt: skip
_USERS = ("username", "user", "email", "login")
_PASSWORDS = ("password", "pass", "api_token", "apitoken", "token")


def credential(row: Row, now: int, note: Note) -> LegacyCredential:
    """Return what a row of ``auth_credentials`` means.

    Raises:
        UnusableError: it is of no site.
    """
    legacy_id = _id(row)
    origin = _origin(text(row, "base_url")) or _origin(text(row, "site_domain"))
    if origin is None:
        raise UnusableError("it names no site that it belongs to")
    cookies = _cookies(_either(row, "cookies", note), urls.host_of(f"{origin}/"))
    tokens = _secrets(nested(row, "tokens", dict, note))
    others = tokens or _secrets(nested(row, "data", dict, note))
    found = (CredentialKind.COOKIES, cookies) if cookies else others
    if cookies and tokens:
        note("it has cookies and tokens, and only the cookies come")
    pasted = None
    if found is None:
        note("no secret that can be used is stored with it, so it comes without one")
    else:
        try:
            pasted = credentials.read(found[1], now=now, kind=found[0], origin=origin)
        except UsageError as error:
            note(f"its secret cannot be used, so it comes without one: {error.message}")
    created, updated = _times(row, now)
    base = urls.identity(text(row, "base_url"))
    return LegacyCredential(
        legacy_id=legacy_id,
        name=_line(text(row, "name"))[:MAX_NAME] or urls.host_of(f"{origin}/"),
        origin=origin,
        kind=found[0] if found is not None else CredentialKind.COOKIES,
        secret=None if pasted is None else pasted.secret,
        tail="" if pasted is None else pasted.tail,
        login_url=base if base is not None and urls.path_of(base) != "/" else "",
        created_at=created,
        updated_at=updated,
    )


def _origin(address: str) -> str | None:
    if not address.strip(" ./"):
        return None
    try:
        return urls.origin_of(urls.seed(address.strip().lstrip(".")))
    except UsageError:
        return None


def _either(row: Row, column: str, note: Note) -> list[Any] | dict[str, Any]:
    """Return a column that holds a list or an object."""
    value = text(row, column).strip()
    if value.startswith("{"):
        return nested(row, column, dict, note)
    return nested(row, column, list, note)


def _cookies(found: list[Any] | dict[str, Any], host: str) -> str:
    """Return cookies as browsers export them; empty when there are none."""
    if isinstance(found, dict):
        found = [{"name": name, "value": value} for name, value in found.items()]
    cookies = []
    for cookie in found:
        if not isinstance(cookie, dict):
            continue
        fields = {str(key).lower(): value for key, value in cookie.items()}
        name, value = fields.get("name"), fields.get("value")
        if not isinstance(name, str) or not isinstance(value, str) or not name:
            continue
        domain, path = fields.get("domain"), fields.get("path")
        expires = whole(fields.get("expires") or fields.get("expirationdate"))
        cookies.append(
            {
                "name": name,
                "value": value,
                "domain": domain if isinstance(domain, str) and domain else host.partition(":")[0],
                "path": path if isinstance(path, str) and path else "/",
                "secure": yes(fields.get("secure"), default=False),
                "expirationDate": expires if expires is not None and expires > 0 else None,
            }
        )
    return msgspec.json.encode(cookies).decode() if cookies else ""


def _secrets(found: dict[str, Any]) -> tuple[CredentialKind, str] | None:
    fields = {key.lower(): value.strip() for key, value in found.items() if isinstance(value, str) and value.strip()}
    user = next((fields[key] for key in _USERS if key in fields), None)
    password = next((fields[key] for key in _PASSWORDS if key in fields), None)
    if user and password:
        return CredentialKind.BASIC, f"{user}:{password}"
    token = next((fields[key] for key in _TOKENS if key in fields), None)
    if token:
        return CredentialKind.BEARER, token[7:].strip() if token.lower().startswith("bearer ") else token
    return None


# --- sources ----------------------------------------------------------------------------------------------------------

_MOST_DEPTH = 1000
_MOST_PAGES = 100_000_000
_MOST_AT_ONCE = 64
_MOST_DELAY_MS = 86_400_000
_MOST_ATTEMPTS = 20
_RULES_OF_FILTERS = ("include_patterns", "exclude_patterns")


def source(row: Row, now: int, note: Note) -> LegacySource:
    """Return what a row of ``sources`` means.

    Raises:
        UnusableError: its base URL is no web address.
    """
    legacy_id = _id(row)
    base_url = urls.identity(text(row, "base_url").strip())
    if base_url is None or not urls.host_of(base_url):
        try:
            base_url = urls.seed(text(row, "base_url"))
        except UsageError:
            raise UnusableError("its base URL is no web address") from None
    config = nested(row, "crawl_config", dict, note)
    filters = nested(row, "filters", dict, note)
    unknown = [key for key, value in filters.items() if key not in _RULES_OF_FILTERS and value]
    if unknown:
        note(f"some of its filters mean nothing here: {_line(', '.join(unknown))}")
    created, updated = _times(row, now)
    return LegacySource(
        legacy_id=legacy_id,
        name=_line(text(row, "name"))[:MAX_NAME] or urls.host_of(base_url),
        base_url=base_url,
        enabled=yes(row.get("enabled"), default=True),
        rules=SourceRules(
            include=_patterns((config, filters), "include_patterns", note),
            exclude=_patterns((config, filters), "exclude_patterns", note),
            depth=_within(config.get("max_depth"), 0, _MOST_DEPTH),
            max_pages=_within(config.get("max_pages"), 1, _MOST_PAGES),
            per_host=_within(config.get("concurrency"), 1, _MOST_AT_ONCE),
            delay_ms=_delay_ms(config),
        ),
        credential=text(row, "auth_id") or None,
        created_at=created,
        updated_at=updated,
    )


def _within(value: object, least: int, most: int) -> int | None:
    """Return a number within its bounds; None, as for a missing one, below them: there 0 meant no limit."""
    number = whole(value)
    return None if number is None or number < least else min(number, most)


def _delay_ms(config: dict[str, Any]) -> int | None:
    nanoseconds = whole(config.get("rate_limit"))
    if nanoseconds is None or nanoseconds <= 0:
        return None
    return min(max(round(nanoseconds / 1_000_000), 1), _MOST_DELAY_MS)


def _patterns(configs: Sequence[dict[str, Any]], key: str, note: Note) -> tuple[str, ...]:
    """Return regular expressions as rules; what RE2 refuses does not come."""
    found: dict[str, None] = {}
    for config in configs:
        for pattern in texts(config.get(key)):
            rule = f"re:{storable(pattern)}"
            try:
                rules.compiled(rule)
            except UsageError:
                note(f"an include or exclude rule cannot be used: {_line(pattern)}")
            else:
                found[rule] = None
    return tuple(found)


# --- definitions ------------------------------------------------------------------------------------------------------

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


def definition(row: Row, now: int, note: Note) -> LegacyDefinition:
    """Return what a row of ``job_definitions`` means.

    An action that we do not know stays as it is, so that it fails with a clear error when it is met.

    Raises:
        UnusableError: its steps cannot be read.
    """
    legacy_id = _id(row)
    broken: list[str] = []
    found = nested(row, "steps", list, broken.append)
    if broken:
        raise UnusableError("its steps are not valid JSON, and it is nothing without them")
    steps = tuple(_step(each, number, note) for number, each in enumerate(found[:_MOST_STEPS], 1))
    if len(found) > _MOST_STEPS:
        note(f"it has more than {_MOST_STEPS} steps, and only so many come")
    created, updated = _times(row, now)
    return LegacyDefinition(
        legacy_id=legacy_id,
        definition=Definition(
            name=_line(text(row, "name"))[:MAX_NAME] or legacy_id[:MAX_NAME],
            type=_TYPES.get(text(row, "type").lower(), DefinitionType.CUSTOM),
            description=text(row, "description")[:_MOST_MESSAGE],
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


def _step(found: object, number: int, note: Note) -> Step:
    if not isinstance(found, dict):
        note(f"a step of it makes no sense, and fails when it is run: step {number}")
        found = {}
    written = found.get("action")
    named = _line(written) if isinstance(written, str) else ""
    action = str(_ACTIONS.get(named.strip().lower(), named))
    if action not in tuple(Action):
        note(f"an action is unknown, and its step fails when it is run: {named or 'none'}")
    name = found.get("name")
    config = found.get("config")
    on_error = str(found.get("on_error") or OnError.FAIL).strip().lower()
    config = config if isinstance(config, dict) else {}
    return Step(
        name=(_line(name) if isinstance(name, str) else "") or action or f"step {number}",
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
            note(f"an address to start from is no web address: {_line(address)}")
    delay_ms = _delay_ms(config)
    options: dict[str, Any] = {
        "start_urls": list(dict.fromkeys(starts)),
        "include_patterns": list(_patterns((config,), "include_patterns", note)),
        "exclude_patterns": list(_patterns((config,), "exclude_patterns", note)),
        "max_depth": _within(config.get("max_depth"), 0, _MOST_DEPTH),
        "max_pages": _within(config.get("max_pages"), 1, _MOST_PAGES),
        "concurrency": _within(config.get("concurrency"), 1, _MOST_AT_ONCE),
        "delay": None if delay_ms is None else delay_ms / 1000,
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
        note(f"its schedule cannot be used, so it comes without one: {_line(written)}")
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
    note(f"its timeout is no duration, so it comes without one: {_line(written)}")
    return ""


def _tolerance(found: dict[str, Any]) -> ErrorTolerance | None:
    most = whole(found.get("max_child_failures"))
    if most is None or most <= 0:  # there 0 meant any number
        return None
    action = str(found.get("failure_action") or FailureAction.STOP_ALL).strip().lower()
    return ErrorTolerance(
        max_child_failures=min(most, _MOST_PAGES),
        failure_action=action if action in tuple(FailureAction) else FailureAction.STOP_ALL,
    )


# --- documents --------------------------------------------------------------------------------------------------------


def document(row: Row, now: int, note: Note) -> LegacyDocument:
    """Return what a row of ``documents`` means."""
    legacy_id = _id(row)
    about = nested(row, "metadata", dict, note)
    created, updated = _times(row, now)
    changed = updated if moment(row.get("updated_at"), now) else created
    address = text(row, "url").strip()
    if not address:
        address = next((value for key in ("url", "source_url", "link") if (value := _said(about, key))), "")
    published = moment(about.get("published_at") or about.get("published") or about.get("date"), now)
    return LegacyDocument(
        legacy_id=legacy_id,
        source=text(row, "source_id"),
        address=address,
        title=_line(text(row, "title")) or _line(_said(about, "title")),
        markdown=text(row, "content_markdown"),
        content_type="text/html",
        description=_line(_said(about, "description")),
        language=_line(_said(about, "language") or _said(about, "lang"))[:35],
        author=_line(_said(about, "author")),
        published_at=published,
        metadata=about,
        fetched_at=moment(row.get("last_synced"), now) or changed,
        changed_at=changed,
    )


def _said(about: dict[str, Any], key: str) -> str:
    value = about.get(key)
    return storable(value.strip()) if isinstance(value, str) else ""


# --- jobs -------------------------------------------------------------------------------------------------------------

_JOB_TYPES = {
    "": JobType.CRAWL, "parent": JobType.CRAWL, "crawl": JobType.CRAWL, "crawler": JobType.CRAWL,
    "crawler_url": JobType.CRAWLER_URL,
    "pre_validation": JobType.VALIDATE, "validate": JobType.VALIDATE,
    "post_summary": JobType.CORPUS_SUMMARY, "corpus_summary": JobType.CORPUS_SUMMARY,
    "summarizer": JobType.SUMMARISE, "summarize": JobType.SUMMARISE, "summary": JobType.SUMMARISE,
    "reindex": JobType.REINDEX, "cleanup": JobType.CLEANUP, "transform": JobType.TRANSFORM,
}  # fmt: skip
_PHASE_OF_TYPE = {
    JobType.VALIDATE: Phase.PRE, JobType.CORPUS_SUMMARY: Phase.POST, JobType.REINDEX: Phase.POST,
    JobType.CLEANUP: Phase.POST,
}  # fmt: skip
_PHASES = frozenset(map(str, Phase))
_STATUSES = {
    "completed": Status.COMPLETED, "complete": Status.COMPLETED, "success": Status.COMPLETED, "done": Status.COMPLETED,
    "failed": Status.FAILED, "error": Status.FAILED,
    "cancelled": Status.CANCELLED, "canceled": Status.CANCELLED,
    "skipped": Status.SKIPPED,
}  # fmt: skip
_WERE_OPEN = frozenset({"pending", "running", "queued", "paused", "in_progress", "processing", "scheduled"})
_CODE = re.compile(r"\b(?:http|status)\D{0,12}([1-5]\d\d)\b", re.IGNORECASE)
_CAUSES = (
    (Cause.DNS, ("no such host", "name resolution", "dns")),
    (Cause.TLS, ("certificate", "x509", "tls")),
    (Cause.TIMEOUT, ("timeout", "timed out", "deadline exceeded")),
    (Cause.CONNECT, ("connection refused", "no route to host", "network is unreachable", "dial tcp")),
    (Cause.DISCONNECTED, ("connection reset", "unexpected eof", "broken pipe")),
    (Cause.ROBOTS, ("robots.txt",)),
)
WAS_OPEN = "It had not ended when it was imported."


def job(row: Row, now: int, note: Note) -> LegacyJob:
    """Return what a row of ``crawl_jobs``, or of ``jobs`` in later files, means."""
    legacy_id = _id(row)
    parent = text(row, "parent_id").strip() or None
    written = text(row, "job_type").strip().lower()
    known = _JOB_TYPES.get(written)
    type_ = str(known) if known is not None else _line(written)[:60]
    seeds = _seeds(row, note)
    payload = nested(row, "payload", dict, note)
    progress = nested(row, "progress_json", dict, note)
    about = nested(row, "metadata", dict, note) or _inner(payload, "metadata")
    config = nested(row, "config_json", dict, note) or _inner(payload, "config")
    url = _url_of_page(row, seeds, payload, progress) if type_ == JobType.CRAWLER_URL else None
    status, was_open = _status(row, parent, note)
    started = moment(row.get("started_at"), now)
    ended = moment(row.get("completed_at"), now)
    last = moment(row.get("last_heartbeat"), now)
    created = moment(row.get("created_at"), now) or started or ended or now
    error = single_line(text(row, "error"), _MOST_ERROR) or None
    code = _code(error) if status == Status.FAILED else None
    failed = whole(row.get("failed_count")) or 0
    definition_id = about.get("job_definition_id") or payload.get("job_definition_id")
    return LegacyJob(
        legacy_id=legacy_id,
        parent=parent,
        type=type_,
        phase=_phase(text(row, "phase"), known),
        status=status,
        url=url,
        name=None if url is not None else _job_name(row, seeds, payload, legacy_id),
        depth=_within(about.get("depth") or payload.get("depth"), 0, _MOST_DEPTH) or 0,
        created_at=created,
        started_at=started,
        completed_at=max(ended or last or started or created, started or 0),
        cause=str(Cause.CANCELLED) if was_open else _cause(error, code) if status == Status.FAILED else None,
        error=error or (WAS_OPEN if was_open else None),
        http_status=code,
        warnings=min(max(failed, 0), _MOST_PAGES) if parent is None and status == Status.COMPLETED else 0,
        config=_config(config, seeds, note) if parent is None and seeds and type_ == JobType.CRAWL else None,
        result=_noted(row, progress, about, note) if type_ != JobType.CRAWLER_URL else None,
        definition=definition_id if isinstance(definition_id, str) and definition_id else None,
    )


def _inner(payload: dict[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def _seeds(row: Row, note: Note) -> tuple[str, ...]:
    found: list[str] = []
    if row.get("seed_urls") is not None:
        found += texts(_either(row, "seed_urls", note))
    return tuple(dict.fromkeys(url for each in found if (url := urls.identity(each.strip())) is not None))


def _url_of_page(row: Row, seeds: tuple[str, ...], payload: dict[str, Any], progress: dict[str, Any]) -> str | None:
    """Return the canonical URL of a page: its only seed, what its message said, or its name."""
    if seeds and len(seeds[0]) <= urls.MAX_URL_LENGTH:
        return seeds[0]
    candidates = [payload.get("url"), row.get("url"), row.get("name"), progress.get("current_url")]
    for each in candidates:
        if not isinstance(each, str):
            continue
        # Some were called "URL: https://...".
        address = each.strip().removeprefix("URL:").strip()
        url = urls.identity(address) if address.lower().startswith(("http://", "https://")) else None
        if url is not None and len(url) <= urls.MAX_URL_LENGTH and urls.host_of(url):
            return url
    return None


def _status(row: Row, parent: str | None, note: Note) -> tuple[Status, bool]:
    """Return how a job ended, and whether it had not."""
    written = text(row, "status").strip().lower()
    status = _STATUSES.get(written)
    if status is Status.SKIPPED and parent is None:
        return Status.CANCELLED, False
    if status is not None:
        return status, False
    if written and written not in _WERE_OPEN:
        note(f"its status is unknown, so it comes as cancelled: {_line(written)}")
    return Status.CANCELLED, True


def _phase(written: str, type_: JobType | None) -> str:
    written = written.strip().lower()
    if written in _PHASES:
        return written
    return str(_PHASE_OF_TYPE.get(type_, Phase.CORE)) if type_ is not None else str(Phase.CORE)


def _job_name(row: Row, seeds: tuple[str, ...], payload: dict[str, Any], legacy_id: str) -> str:
    named = text(row, "name") or text(row, "description")
    if not named and isinstance(payload.get("name"), str):
        named = payload["name"]
    return _line(named) or ", ".join(dict.fromkeys(urls.host_of(url) for url in seeds))[:_MOST_NAME] or _line(legacy_id)


def _code(error: str | None) -> int | None:
    found = _CODE.search(error) if error else None
    return int(found[1]) if found else None


def _cause(error: str | None, code: int | None) -> str | None:
    """Return the cause of a failure as far as its sentence gives it away, so that failures can be grouped."""
    match code:
        case 404:
            return str(Cause.NOT_FOUND)
        case 410:
            return str(Cause.GONE)
        case 401 | 403:
            return str(Cause.FORBIDDEN)
        case 429:
            return str(Cause.RATE_LIMITED)
        case int() if 400 <= code < 500:
            return str(Cause.HTTP_CLIENT_ERROR)
        case int() if code >= 500:
            return str(Cause.HTTP_SERVER_ERROR)
    lowered = (error or "").lower()
    return next((str(cause) for cause, clues in _CAUSES if any(clue in lowered for clue in clues)), None)


def _config(config: dict[str, Any], seeds: tuple[str, ...], note: Note) -> CrawlConfig:
    retries = whole(config.get("retry_attempts"))
    defaults = CrawlConfig(seeds=seeds)
    return CrawlConfig(
        seeds=seeds,
        include=_patterns((config,), "include_patterns", note),
        exclude=_patterns((config,), "exclude_patterns", note),
        max_depth=_or(_within(config.get("max_depth"), 0, _MOST_DEPTH), defaults.max_depth),
        max_pages=_within(config.get("max_pages"), 1, _MOST_PAGES),
        per_host=_or(_within(config.get("concurrency"), 1, _MOST_AT_ONCE), defaults.per_host),
        delay_ms=_delay_ms(config),
        follow_links=yes(config.get("follow_links"), default=True),
        max_attempts=defaults.max_attempts if retries is None else min(max(retries + 1, 1), _MOST_ATTEMPTS),
    )


def _or(value: T | None, default: T) -> T:
    return default if value is None else value


def _noted(row: Row, progress: dict[str, Any], about: dict[str, Any], note: Note) -> dict[str, Any] | None:
    """Return what the old Quaero noted of a job and we have no place of our own for."""
    found: dict[str, Any] = {}
    for column in ("result_count", "failed_count", "progress_current", "progress_total"):
        number = whole(row.get(column))
        if number is not None and 0 < number < 2**63:
            found[column] = number
    parts = {"progress": progress, "metadata": about, "result": nested(row, "result", dict, note)}
    found |= {name: value for name, value in parts.items() if value}
    if not found:
        return None
    if len(msgspec.json.encode(found)) > _MOST_NESTED:
        # Of a list of thousands of failures nobody wants each on the page of a job.
        found = {key: value for key, value in found.items() if isinstance(value, int)}
    return {"legacy": found} if found else None


# --- logs -------------------------------------------------------------------------------------------------------------

_LEVELS = {
    "trace": 0, "debug": 0, "trc": 0, "dbg": 0,
    "info": 1, "inf": 1, "notice": 1,
    "warn": 2, "warning": 2, "wrn": 2,
    "error": 3, "err": 3, "fatal": 3, "panic": 3, "critical": 3,
}  # fmt: skip


def line(row: Row, now: int, at: int) -> LegacyLine:
    """Return what a row of ``job_logs`` means; *at* is when it was where the row does not say it."""
    when = moment(row.get("created_at"), now) or moment(row.get("timestamp"), now) or at
    message = text(row, "message")
    if len(message) > _MOST_MESSAGE:
        message = message[: _MOST_MESSAGE - 1] + "…"
    return LegacyLine(when, _LEVELS.get(text(row, "level").strip().lower(), 1), message)
