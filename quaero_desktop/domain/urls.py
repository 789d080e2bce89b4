"""URL identity: one spelling for each page, by the WHATWG URL standard (https://url.spec.whatwg.org/).

A *canonical* URL here is an absolute http or https URL as :func:`identity` writes it. Everything that stores, compares
or fetches a URL uses exactly that text.
"""

import functools
import re

import ada_url

from quaero_desktop.domain.errors import UsageError

MAX_URL_LENGTH = 4096
"""Longer URLs are refused: they are traps or data, and no server we know needs them."""

_WEB_SCHEMES = ("http://", "https://")
_LOWER_CASE_ESCAPE = re.compile(r"%(?:[0-9A-F][a-f]|[a-f][0-9A-Fa-f])")
# A relative link that joining only writes behind a folder. No segment of it starts with a dot, so none is a dot
# segment; no colon, so it has no scheme; one slash at a time, so it names no host.
_PLAIN = re.compile(r"(/?|(?:\.\./)+)((?:[A-Za-z0-9_~+,-][A-Za-z0-9_.~+,-]*/)*(?:[A-Za-z0-9_~+,-][A-Za-z0-9_.~+,-]*)?)")
_HAS_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
_OWN_SERVER = re.compile(r"^(?:[^/?#:.\[]+|[0-9.]+|\[[0-9A-Fa-f:.]+\])(?:[:/?#]|$)")
_HOST_AND_PORT = re.compile(r"^[^/:]+:\d{1,5}(?:[/?#]|$)")


def join(base: str, link: str) -> str | None:
    """Return the canonical form of *link* as found on the page *base*.

    Args:
        base: the absolute URL that relative links start from.
        link: the text of an ``href``.

    Returns:
        The canonical URL, or None when the link does not parse or is not http(s).
    """
    # Nearly all links of real pages are plain, and cost a fifth of what the parser costs (tests/benchmarks/rules.py).
    if link and (plain := _PLAIN.fullmatch(link)):
        folder = _folder(base, plain[1])
        return None if folder is None else folder + plain[2]
    return _join(base, link)


@functools.lru_cache(maxsize=256)
def _folder(base: str, way: str) -> str | None:
    """Return the folder that links on *base* start from after going *way*: nowhere, ``/``, or some ``../``."""
    return _join(base, way or "./")


def _join(base: str, link: str) -> str | None:
    try:
        href = ada_url.join_url(base, link)
    except (ValueError, UnicodeError):
        return None
    return _canonical(href)


def identity(url: str) -> str | None:
    """Return the canonical form of the absolute URL *url*, or None when it is no http(s) URL.

    Idempotent: ``identity(identity(x)) == identity(x)``. Scheme and host in lower case, IDNA, default ports, dot
    segments and percent-encoding as WHATWG says; escapes in upper case; the fragment and any user name or password cut.
    """
    try:
        href = ada_url.normalize_url(url)
    except (ValueError, UnicodeError):
        return None
    return _canonical(href)


def _canonical(href: str) -> str | None:
    if not href.startswith(_WEB_SCHEMES):
        return None
    # The serialisation has no '#' but the one that starts the fragment.
    href = href.partition("#")[0]
    if "@" in href:
        href = _without_credentials(href)
    if "%" in href:
        href = _LOWER_CASE_ESCAPE.sub(lambda match: match[0].upper(), href)
    return href


def _without_credentials(href: str) -> str:
    scheme, _, rest = href.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def seed(text: str) -> str:
    """Return the canonical URL of what a person typed, adding the scheme where it is missing.

    That is ``https``, but ``http`` for addresses in numbers and names without a dot: no public site answers there, and
    few servers of one's own have a certificate.

    Raises:
        UsageError: when it is no web address.
    """
    text = text.strip()
    if not text:
        raise UsageError("The web address is empty.", "Give one like https://docs.python.org/3/.")
    typed = text
    if _HOST_AND_PORT.match(text) or not _HAS_SCHEME.match(text):
        text = text.lstrip("/")
        text = f"http://{text}" if _OWN_SERVER.match(text) else f"https://{text}"
    url = identity(text)
    if url is None or not host_of(url):
        raise UsageError(
            f"“{typed[:200]}” is not a web address.",
            "Quaero fetches http and https addresses, for example https://docs.python.org/3/.",
        )
    if len(url) > MAX_URL_LENGTH:
        raise UsageError(f"That web address is {len(url)} characters long; {MAX_URL_LENGTH} is the most.")
    return url


def origin_of(url: str) -> str:
    """Return ``scheme://host[:port]`` of a canonical URL: the lane of its messages."""
    return url[: url.index("/", 8)]


def host_of(url: str) -> str:
    """Return ``host[:port]`` of a canonical URL."""
    return url[url.index("//") + 2 : url.index("/", 8)]


def path_of(url: str) -> str:
    """Return the path and query of a canonical URL, from its first slash on."""
    return url[url.index("/", 8) :]
