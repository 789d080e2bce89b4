"""Include and exclude rules: a pattern over the whole URL, in plain words or as a regular expression.

Plain words, in any letter case, for people who never heard of regular expressions:

- Words match anywhere in the URL: ``/library/`` is every URL with ``/library/`` in it.
- ``*`` is any text, ``?`` any one character.
- After a ``*`` the rest must come at the end, of the path or of the URL: ``*.pdf`` is ``/a.pdf`` and ``/a.pdf?page=2``,
  not ``/a.pdf.html``. So a rule ends with ``*`` when anything may follow: ``*/old/*``.
- A rule that begins with ``http://`` or ``https://`` matches from the beginning: ``https://docs.python.org/3/*``.
- Letters that a URL cannot hold may be written as they are read: ``/größe/`` is ``/gr%C3%B6%C3%9Fe/``.

``re:`` and a regular expression matches anywhere, in the letter case as written. It runs on RE2, whose time is linear
in the length of the URL for every expression (https://github.com/google/re2/wiki/Syntax): no rule can hang a crawl.
What cannot be had that way, look-around and references back, is refused.
"""

import functools
import re
from collections.abc import Callable

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import UsageError

MAX_PATTERN_LENGTH = 1000

Matcher = Callable[[str, str], bool]
"""Takes a canonical URL and the same in lower case."""

_WEB_ADDRESS = re.compile(r"https?://[^/*?]+(?=/)", re.IGNORECASE)
_NEVER_IN_A_URL = re.compile(r"[^\x21\x23-\x3b\x3d\x3f-\x7e]")


@functools.lru_cache(maxsize=4096)
def compiled(pattern: str) -> Matcher:
    """Return what tells whether a URL fits *pattern*.

    Raises:
        UsageError: it is empty, too long, can never match, or is no regular expression that RE2 knows.
    """
    text = pattern.strip()
    if not text or text == "re:":
        raise UsageError("An include or exclude rule is empty.")
    if len(text) > MAX_PATTERN_LENGTH:
        raise UsageError(f"An include or exclude rule is longer than {MAX_PATTERN_LENGTH} characters.")
    return _expression(text[3:]) if text.startswith("re:") else _words(text)


def _expression(expression: str) -> Matcher:
    # Imported by need: few rules are expressions, and it takes 15 ms.
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(expression, options).search
    except (re2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else error
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise UsageError(
            f"The rule “re:{expression}” is not a valid regular expression: {reason}.",
            "Plain words often do: * is any text and ? any one character. Look-around and \\1 are not possible.",
        ) from error
    return lambda url, _: search(url) is not None


def _words(pattern: str) -> Matcher:
    words = _spelled_as_in_urls(pattern)
    from_the_start = words.startswith(("http://", "https://"))
    if "*" not in words and "?" not in words:
        if from_the_start:
            return lambda _, lowered: lowered.startswith(words)
        return lambda _, lowered: words in lowered
    match = re.compile(_translated(words, from_the_start)).match
    # Most URLs lack it, and looking for it is ten times as fast.
    longest = max(re.split(r"[*?]+", words), key=len)

    def fits(_: str, lowered: str) -> bool:
        if longest not in lowered:
            return False
        path, question_mark, _ = lowered.partition("?")
        return match(lowered) is not None or (question_mark != "" and match(path) is not None)

    return fits


def _translated(words: str, from_the_start: bool) -> str:
    """Return an expression for ``match()`` whose time is linear in the length of what it is tried on.

    The first place where each part fits is as good as any later one, so nothing is ever tried again: (?>...).
    """
    first, *others = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", words))
    expression = first if from_the_start else f"(?>.*?{first})"
    if not others:
        return expression
    *middle, last = others
    expression += "".join(f"(?>.*?{part})" for part in middle)
    return rf"{expression}.*{last}\Z" if last else expression


def _spelled_as_in_urls(pattern: str) -> str:
    if "#" in pattern:
        raise UsageError(
            f"The rule “{pattern}” can never match: the part of an address from # on is not part of the page's URL.",
            "Leave out the # and what follows.",
        )
    if address := _WEB_ADDRESS.match(pattern):
        origin = urls.identity(f"{address[0]}/")
        if origin is not None:
            pattern = origin.removesuffix("/") + pattern[address.end() :]
    try:
        escaped = _NEVER_IN_A_URL.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), pattern)
    except UnicodeEncodeError as error:
        raise UsageError("An include or exclude rule holds what is no text.") from error
    return escaped.lower()
