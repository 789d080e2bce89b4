"""Plain words for the enumerations of the domain, and for numbers: what front ends and logs say."""

from quaero_desktop.domain.jobs import Cause, SkipReason, Status

STATUS_GLYPHS: dict[str, str] = {
    Status.PENDING: "○",
    Status.RUNNING: "▶",
    Status.PAUSED: "‖",
    Status.COMPLETED: "✓",
    Status.FAILED: "✕",
    Status.CANCELLED: "⊘",
    Status.SKIPPED: "↷",
}
"""A glyph for each status: it is never told by colour alone."""

CAUSES: dict[str, str] = {
    Cause.NOT_FOUND: "the page does not exist (404)",
    Cause.GONE: "the page is gone for good (410)",
    Cause.HTTP_CLIENT_ERROR: "the server refused the request (4xx)",
    Cause.HTTP_SERVER_ERROR: "the server had a problem (5xx)",
    Cause.RATE_LIMITED: "the server asked us to slow down (429)",
    Cause.FORBIDDEN: "the server does not let us in (401, 403)",
    Cause.DNS: "the name of the server could not be found",
    Cause.CONNECT: "the server could not be reached",
    Cause.TLS: "no secure connection to the server",
    Cause.ADDRESS_REFUSED: "a private address, where a crawl of a public site must not go",
    Cause.TIMEOUT: "the server took too long",
    Cause.DISCONNECTED: "the server hung up half-way",
    Cause.PROTOCOL: "the server's answer is not HTTP",
    Cause.BAD_REDIRECT: "the server redirects to nowhere",
    Cause.BAD_URL: "the address cannot be sent to a server",
    Cause.TOO_LARGE: "the page is too large",
    Cause.DECODE: "the page's compression is broken",
    Cause.ROBOTS: "robots.txt forbids it, or could not be read",
    Cause.PARSE: "the page could not be read",
    Cause.PARSE_TIMEOUT: "reading the page took too long",
    Cause.PARSE_CRASH: "reading the page crashed its process",
    Cause.CRASHED: "Quaero died while it worked on the page, again and again",
    Cause.EXECUTOR_ERROR: "a mistake of Quaero's: see the log",
    Cause.NO_EXECUTOR: "this version cannot run jobs of that type",
    Cause.BAD_PAYLOAD: "its message makes no sense",
    Cause.CANCELLED: "cancelled",
    Cause.MODEL: "the language model did not do what was asked",
    Cause.LIMIT: "over a limit of the crawl",
    Cause.STEP: "a step before it failed",
    Cause.PREREQUISITE: "a definition that has to run before it failed",
    Cause.SIGN_IN: "the site wants a sign-in",
}

REASONS: dict[str, str] = {
    SkipReason.SCOPE: "outside the scope",
    SkipReason.SCHEME: "not a web address",
    SkipReason.EXCLUDED: "excluded by a rule",
    SkipReason.NOT_INCLUDED: "not included by a rule",
    SkipReason.ROBOTS: "forbidden by robots.txt",
    SkipReason.DEPTH: "too many links away",
    SkipReason.MAX_PAGES: "over the most pages",
    SkipReason.TOO_LONG: "the address is too long",
    SkipReason.NOFOLLOW: "its page asks not to follow it",
    SkipReason.TRAP: "one more of too many without anything new",
}


def counted(number: int, noun: str) -> str:
    """Return a number with what it counts, like ``1 page`` or ``1,200 pages``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def status_words(status: str, warnings: int = 0) -> str:
    """Return a status as glyph and word, like ``✓ done`` or ``✓! done, 3 warnings``."""
    glyph = STATUS_GLYPHS.get(status, "?")
    if status != Status.COMPLETED:
        return f"{glyph} {status}"
    if not warnings:
        return f"{glyph} done"
    return f"{glyph}! done, {warnings:,} warning{'' if warnings == 1 else 's'}"
