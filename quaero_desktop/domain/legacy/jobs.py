"""Jobs of a legacy database, and their logs."""

import re
from typing import Any, TypeVar

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.jobs import Cause, JobType, Phase, Status
from quaero_desktop.domain.legacy.columns import (
    MOST_NAME,
    either,
    moment,
    nested,
    one_line,
    row_id,
    text,
    texts,
    whole,
    within,
    yes,
)
from quaero_desktop.domain.legacy.crawling import MOST_AT_ONCE, MOST_DEPTH, MOST_PAGES, delay_ms, patterns
from quaero_desktop.domain.legacy.values import LegacyJob, LegacyLine, Note, Row
from quaero_desktop.domain.text import single_line

T = TypeVar("T")

_MOST_ATTEMPTS = 20
_MOST_ERROR = 4_000
_MOST_MESSAGE = 16_000
_MOST_NESTED = 60_000
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
    legacy_id = row_id(row)
    parent = text(row, "parent_id").strip() or None
    written = text(row, "job_type").strip().lower()
    known = _JOB_TYPES.get(written)
    type_ = str(known) if known is not None else one_line(written)[:60]
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
        depth=within(about.get("depth", payload.get("depth")), 0, MOST_DEPTH),
        created_at=created,
        started_at=started,
        completed_at=max(ended or last or started or created, started or 0),
        cause=str(Cause.CANCELLED) if was_open else _cause(error, code) if status == Status.FAILED else None,
        error=error or (WAS_OPEN if was_open else None),
        http_status=code,
        warnings=min(max(failed, 0), MOST_PAGES) if parent is None and status == Status.COMPLETED else 0,
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
        found += texts(either(row, "seed_urls", note))
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
        note(f"its status is unknown, so it comes as cancelled: {one_line(written)}")
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
    return (
        one_line(named)
        or ", ".join(dict.fromkeys(urls.host_of(url) for url in seeds))[:MOST_NAME]
        or one_line(legacy_id)
    )


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
        include=patterns((config,), "include_patterns", note),
        exclude=patterns((config,), "exclude_patterns", note),
        max_depth=_or(within(config.get("max_depth"), 0, MOST_DEPTH), defaults.max_depth),
        max_pages=within(config.get("max_pages"), 1, MOST_PAGES),
        per_host=_or(within(config.get("concurrency"), 1, MOST_AT_ONCE), defaults.per_host),
        delay_ms=delay_ms(config),
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
