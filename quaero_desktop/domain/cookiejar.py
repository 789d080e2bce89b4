"""Files of cookies, as browsers and their extensions export them, and which of those cookies are for one site."""

import re

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.secrets import MASK, TOKEN, Cookie, Cookies, checked_value


class JarCookie(msgspec.Struct, frozen=True, kw_only=True, rename={"expires": "expirationDate"}):
    """A cookie with the hosts that it is for, as browsers and their extensions export it."""

    name: str
    value: str
    domain: str
    path: str = "/"
    secure: bool = False
    expires: float | None = None

    def __repr__(self) -> str:
        return f"JarCookie({MASK})"


_jar_decoder = msgspec.json.Decoder(list[JarCookie])


def read(text: str) -> list[JarCookie] | None:
    """Return the cookies of a file: a JSON list or a Netscape ``cookies.txt``; None when *text* is neither.

    Raises:
        UsageError: it looks like one, and cannot be read; the sentence repeats nothing of it.
    """
    jar = _from_json(text)
    return _from_netscape(text) if jar is None else jar


def _from_json(text: str) -> list[JarCookie] | None:
    if not text.startswith("["):
        return None
    try:
        return _jar_decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise UsageError(
            "That is no list of cookies as JSON.", "Each needs name, value and domain; or give a cookies.txt."
        ) from None


def _from_netscape(text: str) -> list[JarCookie] | None:
    lines = text.splitlines()
    if not any(line.count("\t") >= 5 for line in lines):
        return None
    jar = []
    for number, line in enumerate(lines, 1):
        line = line.removeprefix("#HttpOnly_")
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) == 6:
            fields.append("")  # a cookie without a value
        if len(fields) != 7 or not re.fullmatch(r"-?\d{1,19}(?:\.\d+)?", fields[4] or "0"):
            raise UsageError(f"Line {number} of the cookies.txt cannot be read.", "Export the file anew.")
        domain, below, path, secure, expires, name, value = fields
        jar.append(
            JarCookie(
                domain=("." if below.upper() == "TRUE" else "") + domain.lstrip("."),
                path=path or "/",
                secure=secure.upper() == "TRUE",
                expires=float(expires or 0) or None,
                name=name,
                value=value.rstrip("\r"),
            )
        )
    return jar


def for_origin(jar: list[JarCookie], origin: str, now: int) -> tuple[Cookies, int]:
    """Return the cookies that a browser would send to *origin*, and how many others there are.

    Args:
        jar: as :func:`read` returned it.
        origin: ``scheme://host[:port]``.
        now: in seconds UTC.

    Raises:
        UsageError: none of them is for that site, or all have expired.
    """
    host = _host(origin)
    is_address = host.startswith("[") or host.rpartition(".")[2].isdigit()
    chosen, expired = [], 0
    for cookie in jar:
        domain = cookie.domain.lower()
        plain = domain.lstrip(".")
        below = domain.startswith(".") and not is_address and host.endswith("." + plain)
        if not (host == plain or below) or (cookie.secure and not origin.startswith("https:")):
            continue
        if cookie.expires is not None and 0 < cookie.expires <= now:
            expired += 1
            continue
        if not TOKEN.fullmatch(cookie.name):
            continue
        expires = int(cookie.expires) if cookie.expires is not None and cookie.expires > 0 else None
        chosen.append(
            Cookie(
                name=cookie.name,
                value=checked_value(cookie.value),
                path=cookie.path if cookie.path.startswith("/") else "/",
                secure=cookie.secure,
                expires=expires,
            )
        )
    if not chosen:
        if expired:
            raise UsageError(
                f"All cookies for {origin} have expired.", "Sign in with the browser and export them anew."
            )
        raise UsageError(f"None of the cookies is for {origin}.", "Export them while you look at a page of that site.")
    return Cookies(cookies=tuple(chosen)), len(jar) - len(chosen)


def _host(origin: str) -> str:
    host = urls.host_of(origin + "/")
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
