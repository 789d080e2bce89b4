"""Conditional requests: asking a server for a page only if it is not what we have (RFC 9110, 13.1)."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from quaero_desktop.domain.documents import KnownPage

_WEAK_MS = 60_000
# What servers write without quotes goes back as it came, but for "*", which would mean any version at all, and lists.
_ETAG = re.compile(r'(?:W/)?"[!#-~]*"|(?!\*)[!#-+\--~]+')
_DATE = re.compile(r"[A-Za-z0-9 ,:+-]{8,64}")


def conditions(known: KnownPage) -> dict[str, str]:
    """Return the request headers that ask for a page only if it changed; none when nothing can tell.

    An ETag goes back verbatim, ``W/`` and all. A server that gets one ignores the date (RFC 9110, 13.1.3), so the date
    is sent only where there is none. Dates tell seconds apart, and clocks differ: a page that was fetched within a
    minute of its change may have changed once more without another date (8.8.2.2), so it is fetched whole.

    Both come from the server: what is no ETag or no date is not sent, so that it cannot become a header of its own.
    """
    if known.etag is not None and _ETAG.fullmatch(known.etag):
        return {"If-None-Match": known.etag}
    modified = _moment(known.last_modified) if known.last_modified is not None else None
    if known.last_modified is not None and modified is not None and modified + _WEAK_MS <= known.fetched_at:
        return {"If-Modified-Since": known.last_modified}
    return {}


def _moment(text: str) -> int | None:
    """Return an HTTP date in milliseconds UTC, or None when it is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = parsedate_to_datetime(text)
        # Of the three formats that HTTP knows, asctime names no zone; all of them mean UTC.
        return round((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None
