"""What a person can do about a page that failed, in a sentence for each cause; and causes as sentences."""

import re

from quaero_desktop.domain.jobs import Cause, SkipReason
from quaero_desktop.domain.words import CAUSES, REASONS

ADVICE: dict[str, str] = {
    Cause.NOT_FOUND: "A dead link: mend it on the page that has it.",
    Cause.GONE: "A dead link: mend it on the page that has it.",
    Cause.HTTP_CLIENT_ERROR: "Open it in a browser to see what the server wants.",
    Cause.HTTP_SERVER_ERROR: "Such troubles pass: retry later.",
    Cause.RATE_LIMITED: "Retry later, or crawl it again with a longer delay.",
    Cause.FORBIDDEN: "The page may need a sign-in, or the server turns crawlers away. Open it in a browser to see.",
    Cause.DNS: "Check the address and your connection, then retry.",
    Cause.CONNECT: "Check your connection, and in a browser whether the site is up, then retry.",
    Cause.TLS: "The certificate of the site is in disorder: its owner has to mend it.",
    Cause.ADDRESS_REFUSED: "A site on your own network has to be crawled on its own.",
    Cause.TIMEOUT: "Retry later, when the server has less to do.",
    Cause.DISCONNECTED: "Such troubles pass: retry.",
    Cause.PROTOCOL: "Open it in a browser to see whether it is a web page at all.",
    Cause.BAD_REDIRECT: "Open it in a browser to see where it leads.",
    Cause.BAD_URL: "A mistake in the page that links to it.",
    Cause.TOO_LARGE: "The limit is a setting: raise it there and retry.",
    Cause.DECODE: "Retry; if it stays so, the server has to mend it.",
    Cause.ROBOTS: "The site does not want crawlers here. Ask its owner.",
    Cause.PARSE: "The exact error says more.",
    Cause.PARSE_TIMEOUT: "The limit is a setting: raise it there and retry.",
    Cause.PARSE_CRASH: "Retry it once; the log says more.",
    Cause.CRASHED: "It was set aside so that the others could go on. The log says more.",
    Cause.EXECUTOR_ERROR: "The exact error helps us to mend it.",
    Cause.NO_EXECUTOR: "It was made by another version of Quaero.",
    Cause.BAD_PAYLOAD: "Crawl the page again.",
    Cause.STEP: "Retry what failed in the step before: this one follows by itself.",
    Cause.PREREQUISITE: "See why that one failed, then retry.",
    Cause.SIGN_IN: "Sign in to the site, and then let it go on.",
    Cause.MODEL: "See in the settings whether its address is right, and whether it runs; then retry.",
}

_CODES = re.compile(r" \((?:\d{3}|\dxx)(?:, \d{3})*\)$")
_A_FAILURE = 400


def cause_sentence(cause: str | None, code: int | None = None) -> str:
    """Return a cause as the beginning of a sentence; see :func:`cause_words`."""
    words = cause_words(cause, code)
    return words[:1].upper() + words[1:]


def cause_words(cause: str | None, code: int | None = None) -> str:
    """Return a cause in plain words with the very code that came, like ``the server had a problem (503)``.

    Args:
        cause: a value of :class:`~quaero_desktop.domain.jobs.Cause`, what an import brought, or None.
        code: the HTTP status of the page, if it has one.
    """
    words = CAUSES.get(cause or "", cause or "no reason was recorded")
    if code is not None and code >= _A_FAILURE:
        words = f"{_CODES.sub('', words)} ({code})"
    return words


def skip_sentence(reason: str, rule: str) -> str:
    """Return why an address was not followed, with the rule that decided, like ``excluded by rule 2: */old/*``."""
    match reason:
        case SkipReason.EXCLUDED:
            return f"excluded by {rule.removeprefix('exclude ')}"
        case SkipReason.ROBOTS | SkipReason.NOT_INCLUDED:
            return rule
    words = REASONS.get(reason, reason)
    return f"{words} ({rule})" if rule else words
