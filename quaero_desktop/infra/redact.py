"""Keeps secrets out of log lines, exports and tracebacks (J8).

Two nets: known secrets are found wherever they stand, in the spellings that URLs and JSON give them; unknown ones by
where they stand, after a header's or a parameter's name or in the user part of a URL. All places are found in the
original text and masked together, so that masking one never hides the name before another.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

MASK = "••••"
_SHOWN_END = 4
_LEAST_LENGTH_TO_SHOW_END = 8


def mask(secret: str) -> str:
    """Return what may be shown of *secret*: its last four characters, and nothing of one shorter than eight."""
    return MASK + secret[-_SHOWN_END:] if len(secret) >= _LEAST_LENGTH_TO_SHOW_END else MASK


# --- Unknown secrets --------------------------------------------------------------------------------------------------

# The words that give a secret away, as lower-case parts of a name: "X-Auth-Token", "client_secret", "X-Amz-Signature".
_NAMES = (
    "authorization", "cookie", "token", "secret", "password", "passwd", "passphrase", "pwd", "signature", "credential",
    "api_key", "api-key", "apikey", "access_key", "access-key", "accesskey", "private_key", "private-key", "privatekey",
    "session_id", "session-id", "sessionid", "sessid",
)  # fmt: skip
_SHORT_NAMES = ("sig", "auth", "key", "sid", "jwt", "pass", "pw")  # secrets only as the name of a query's parameter
_SCHEMES = ("bearer", "basic", "digest", "negotiate")
_CLUES = (*_NAMES, *_SCHEMES)

# With what may follow it, as in "secret_key" and "passwordAgain"; but "max_tokens=5" and "cookies: 3" are counts.
_NAME = rf"(?:{'|'.join(_NAMES)})(?!(?<=token|ookie)s\b)[\w-]{{0,20}}"
_SHORT = f"(?:(?<=[?&;])|(?<=%3F|%26))(?:{'|'.join(_SHORT_NAMES)})"
# user:password@ after "://", also as JSON escapes it. Each scan ends at the next slash: linear in the text.
_USER_PART = re.compile(r"""(?:(?<=://)|(?<=:\\/\\/))[^\s/?#"<>]+(?=@)""")
# The same where a password holds a raw slash; digits before the slash are a port and no password.
_ODD_USER_PART = re.compile(r"""(?<=://)[^\s/@:?#"<>\[]+:(?!\d{1,5}(?:[/?#\s]|$))[^\s@"<>]{0,200}(?=@)""")
_ENCODED_USER_PART = re.compile(r"""(?<=%3A%2F%2F)(?:(?!%2F)[^\s/?#&"<>])+(?=%40)""", re.IGNORECASE)

# name="value", "name": "value", ('name', b'value'), also escaped once more; the value ends at the same quote.
_BEFORE_QUOTED = re.compile(
    rf"""(?:{_NAME}|{_SHORT})(?:\\*["'])?\s{{0,8}}[:=,]\s{{0,8}}[bru]?(\\*["'])""", re.IGNORECASE
)
# name=value in a query, a form or a sentence, also percent-encoded inside another URL.
_BEFORE_PARAMETER = re.compile(rf"(?:{_NAME}|{_SHORT})(?:=|%3D)", re.IGNORECASE)
_PARAMETER = re.compile(r"""(?!["'])(?:(?!%26)[^\s&"<>])+""")
# Authorization: ..., Cookie: ... to the end of the line.
_BEFORE_HEADER = re.compile(
    r"(?:authorization|cookie|(?<![\w-])x-[\w-]{0,40}(?:key|token|auth|secret)|api-?key)[ \t]{0,8}[:=][ \t]{0,8}",
    re.IGNORECASE,
)
_HEADER = re.compile(r"""(?![bru]?\\*["'])[^\s][^\r\n]*""")
_BEFORE_SAID = re.compile(r"(?:password|passwd|passphrase|pwd|secret)[ \t]{0,8}:[ \t]{0,8}", re.IGNORECASE)
_SAID = re.compile(r"""(?!["'])\S+""")
# "Bearer abc123" without its header; the look-ahead leaves prose like "basic information" alone.
_BEFORE_SCHEME = re.compile(rf"(?<!\w)(?:{'|'.join(_SCHEMES)}) {{1,8}}", re.IGNORECASE)
_SCHEME = re.compile(r"(?=[\w.~+/-]*(?:[\d=]|[a-z][A-Z]))[\w.~+/=-]{8,}")
# Within the value of one of these, another prefix of the same kind leads to the same end.
_IN_URLS = ((_BEFORE_PARAMETER, _PARAMETER),)
_IN_TEXT = (*_IN_URLS, (_BEFORE_HEADER, _HEADER), (_BEFORE_SAID, _SAID), (_BEFORE_SCHEME, _SCHEME))

_Span = tuple[int, int]


def redact(text: str) -> str:
    """Return *text* without what looks like a secret, and without those that this process knows."""
    spans = list(_user_parts(text))
    lowered = text.lower()
    if any(clue in lowered for clue in _CLUES):
        spans += _quoted(text)
        spans += _values(text, _IN_TEXT)
    elif "=" in text or "%3" in text:
        spans += _values(text, _IN_URLS)
    return known.hide(_masked(text, spans))


def redact_url(url: str) -> str:
    """Return *url* without user name and password, without the values of parameters that name a secret, and so on."""
    spans = list(_user_parts(url))
    if "=" in url or "%3" in url:
        spans += _values(url, _IN_URLS)
    return known.hide(_masked(url, spans))


def _user_parts(text: str) -> Iterator[_Span]:
    if "@" in text:
        for pattern in (_USER_PART, _ODD_USER_PART):
            yield from (match.span() for match in pattern.finditer(text))
    if "%40" in text:
        yield from (match.span() for match in _ENCODED_USER_PART.finditer(text))


def _values(text: str, rules: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]) -> Iterator[_Span]:
    for before, value in rules:
        end = 0
        for prefix in before.finditer(text):
            if prefix.end() >= end and (match := value.match(text, prefix.end())):
                end = match.end()
                yield match.span()


def _quoted(text: str) -> Iterator[_Span]:
    for prefix in _BEFORE_QUOTED.finditer(text):
        start = prefix.end()
        closing = re.compile(rf"(?<!\\){re.escape(prefix[1])}").search(text, start)
        # A text that was cut off has no closing quote.
        end = closing.start() if closing else len(text)
        if end > start:
            yield start, end


def _masked(text: str, spans: list[_Span]) -> str:
    """Return *text* with each of the spans, which may overlap, replaced by the mask."""
    parts: list[str] = []
    position = 0
    for start, end in sorted(spans):
        # A span that overlaps or touches the one before is masked with it.
        if start > position or not parts:
            parts += (text[position:start], MASK)
        position = max(position, end)
    return "".join((*parts, text[position:])) if parts else text


# --- Known secrets ----------------------------------------------------------------------------------------------------


class Redactor:
    """Scrubs text of the secrets it was told, and of what looks like one. Safe to use from any thread."""

    def __init__(self) -> None:
        self._secrets: Counter[str] = Counter()
        self._lock = threading.Lock()
        # Replaced as a whole, so that a scrub in another thread sees the old state or the new one.
        self._known: tuple[re.Pattern[str], dict[str, str]] | None = None

    def add(self, secret: str) -> None:
        """Scrub *secret* from now on; each `add` needs a `remove` of its own. Empty text is no secret."""
        if secret:
            with self._lock:
                self._secrets[secret] += 1
                self._rebuild()

    def remove(self, secret: str) -> None:
        """Forget *secret* again, once it was removed as often as it was added."""
        with self._lock:
            self._secrets[secret] -= 1
            self._secrets = +self._secrets
            self._rebuild()

    def scrub(self, text: str) -> str:
        """Return *text* without secrets: known ones leave their last four characters, suspected ones nothing."""
        return self.hide(redact(text))

    def hide(self, text: str) -> str:
        """Return *text* without the secrets that this one was told; :meth:`scrub` takes out suspected ones, too."""
        told = self._known
        if told is None:
            return text
        pattern, masks = told
        scrubbed = pattern.sub(lambda match: masks[match[0]], text)
        # The four characters that were left may form a secret again with what follows them.
        return scrubbed if scrubbed is text else pattern.sub(MASK, scrubbed)

    def _rebuild(self) -> None:
        masks: dict[str, str] = {}
        for secret in self._secrets:
            for spelling in spellings(secret):
                masks[spelling] = mask(secret)
        # Longest first: of two secrets, one may be the beginning of the other.
        ordered = sorted(masks, key=len, reverse=True)
        self._known = (re.compile("|".join(map(re.escape, ordered))), masks) if ordered else None


def spellings(secret: str) -> set[str]:
    """Return the forms in which *secret* turns up: as it is, in URLs, in JSON and in a ``repr``."""
    encoded = {
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
    }
    lower = {re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in encoded}
    return {
        secret,
        *encoded,
        *lower,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }


known = Redactor()
"""The secrets that this process itself works with; what they are in is masked by :func:`redact`, wherever it stands."""
