"""What people paste to sign in at a site, and the secret in it."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

import msgspec

from quaero_desktop.domain import cookiejar, curl
from quaero_desktop.domain.credentials import CredentialKind, checked_origin
from quaero_desktop.domain.errors import UnknownSecretError, UsageError
from quaero_desktop.domain.secrets import (
    TOKEN,
    Basic,
    Bearer,
    Cookie,
    Cookies,
    Header,
    Material,
    Secret,
    base64_of,
    checked_value,
    encode,
    kind_of,
    tail,
)

MAX_TEXT = 5_000_000
"""The cookies of a whole browser fit into it."""
_MAX_SECRET = 64_000

_HEADER_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}):[ \t]*(.*)")
_REQUEST_LINE = re.compile(r"[A-Z]{3,10} \S+(?: HTTP/[\d.]+)?")
_SCHEME = re.compile(r"(bearer|token|basic)[ \t]+(\S.*)", re.IGNORECASE)
_FROM_EVERY_BROWSER = frozenset(
    "accept accept-charset accept-encoding accept-language cache-control connection content-length content-type date"
    " dnt expect forwarded from host if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive"
    " origin pragma priority proxy-authorization proxy-connection range referer referrer te trailer transfer-encoding"
    " upgrade upgrade-insecure-requests user-agent via x-requested-with".split()
)
"""Headers that are no secret, or that only who sends the request may write."""


class Pasted(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of a text that a person pasted.

    Attributes:
        kind: how the secret is shown.
        secret: as it is kept.
        origin: the site that the text itself is for, as far as it says so; else empty.
        tail: the last four characters of the secret, as far as they may be shown.
        names: of cookies or of the header, for a person to recognise.
        left_out: how many cookies are not for this site, or have expired.
    """

    kind: CredentialKind
    secret: Secret
    origin: str
    tail: str
    names: tuple[str, ...] = ()
    left_out: int = 0


def read(text: str, *, now: int, kind: CredentialKind | None = None, origin: str = "") -> Pasted:
    """Return the secret in what a person pasted.

    Understood are a browser's "copy as cURL", a Netscape ``cookies.txt``, cookies as JSON, headers with their names,
    and, where *kind* says which it is, the bare value: ``a=1; b=2``, a token, ``user:password``.

    Args:
        text: as pasted, or the content of a file.
        now: in milliseconds UTC; cookies that have expired are left out.
        kind: what it is to be; None for what it looks like.
        origin: ``scheme://host[:port]`` of the site that it is for; empty where the text says it.

    Raises:
        UsageError: there is no secret in it, or it is for another site. No sentence repeats any of it.
    """
    if len(text) > MAX_TEXT:
        raise UsageError("That is too long for a secret.", "Give the cookies of one site only.")
    text = text.removeprefix("\ufeff").strip()
    if not text:
        raise UsageError("The secret is empty.")
    left_out = 0
    material: Material
    if curl.is_curl(text):
        command = curl.parse(text)
        origin = _same_origin(command, origin)
        material = _from_headers(_headers_of(command), kind, "the cURL command")
    elif (jar := cookiejar.read(text)) is not None:
        if kind not in (None, CredentialKind.COOKIES):
            raise UsageError(f"These are cookies, and no secret of the kind {kind}.")
        if not origin:
            raise UsageError("Say which site the cookies are for.", "Give its web address.")
        material, left_out = cookiejar.for_origin(jar, origin, now // 1000)
    elif (headers := _header_lines(text)) is not None and _says_where(headers, kind):
        material = _from_headers(headers, kind, "the text")
    else:
        material = _bare(text, kind)
    stored = encode(material)
    if len(stored) > _MAX_SECRET:
        raise UsageError("That is too long for a secret: no server takes so much in a header.")
    return Pasted(
        kind=kind_of(material),
        secret=Secret(stored),
        origin=origin,
        tail=tail(material),
        names=_names(material),
        left_out=left_out,
    )


def _same_origin(command: curl.Curl, origin: str) -> str:
    """Return the origin of a command, which must be *origin* where that is given."""
    named = checked_origin(command.url)
    if origin and named != origin:
        raise UsageError(
            f"The cURL command is for {named}, and not for {origin}.",
            "A secret is sent to one site only: copy a request to that one, or change the address.",
        )
    return named


def _headers_of(command: curl.Curl) -> list[tuple[str, str]]:
    headers = list(command.headers)
    if command.cookies:
        if "=" not in command.cookies:
            raise UsageError("The cURL command names a file of cookies.", "Give that file itself.")
        headers.append(("Cookie", command.cookies))
    if command.user:
        headers.append(("Authorization", "Basic " + base64_of(command.user)))
    if command.bearer:
        headers.append(("Authorization", "Bearer " + command.bearer))
    return headers


def _header_lines(text: str) -> list[tuple[str, str]] | None:
    """Return the headers that *text* consists of; None when it is no list of headers."""
    headers = []
    for number, line in enumerate(text.splitlines()):
        line = line.strip()
        if not line or (number == 0 and _REQUEST_LINE.fullmatch(line)):
            continue
        match = _HEADER_LINE.fullmatch(line)
        if match is None:
            return None
        headers.append((match[1], match[2].strip()))
    # "user:password" looks like a header, but nobody writes a header without a blank and with such a name.
    if len(headers) == 1 and not _is_header_name(headers[0][0]) and ": " not in text:
        return None
    return headers


def _says_where(headers: list[tuple[str, str]], kind: CredentialKind | None) -> bool:
    """Return whether headers are headers: a password and a token may hold a colon, too."""
    if kind in (None, CredentialKind.HEADER):
        return True
    return any(name.lower() in ("authorization", "cookie") for name, _ in headers)


def _is_header_name(name: str) -> bool:
    return name.lower() in ("authorization", "cookie") or "-" in name


def _from_headers(headers: Iterable[tuple[str, str]], kind: CredentialKind | None, where: str) -> Material:
    """Return the secret among *headers*: that of the kind, or else what the site surely asks for."""
    cookies: Material | None = None
    said: Material | None = None
    others: list[Header] = []
    for name, value in headers:
        match name.lower():
            case "cookie":
                cookies = Cookies(cookies=tuple(_pairs(value)))
            case "authorization":
                said = _authorization(value)
            case lowered if lowered not in _FROM_EVERY_BROWSER and not lowered.startswith(("sec-", "if-", "access-")):
                others.append(Header(name=_checked_name(name), value=checked_value(value)))
    found = [each for each in (said, cookies) if each is not None]
    if kind is not None:
        found = [each for each in (*found, *others) if kind_of(each) == kind]
        if kind == CredentialKind.HEADER and said is not None and not found:
            found = [said]
    elif not found:
        found = list(others)
    if not found:
        what = "secret" if kind is None else f"secret of the kind {kind}"
        raise UsageError(f"There is no {what} in {where}.", "Copy a request that was sent while you were signed in.")
    if len(found) > 1 and isinstance(found[0], Header):
        names = ", ".join(each.name for each in found if isinstance(each, Header))
        raise UsageError(f"There is more than one header in {where}: {names[:200]}.", "Leave only the secret one.")
    return found[0]


def _authorization(value: str) -> Material:
    match = _SCHEME.fullmatch(value.strip())
    if match is None:
        return Header(name="Authorization", value=checked_value(value.strip()))
    scheme, said = match[1].lower(), match[2].strip()
    if scheme == "bearer":
        return Bearer(token=_checked_token(said))
    if scheme == "token":
        return Header(name="Authorization", value=checked_value(value.strip()))
    try:
        return _user_and_password(base64.b64decode(said, validate=True).decode("utf-8", "surrogateescape"))
    except (binascii.Error, ValueError):
        raise UsageError("The user name and the password in the header cannot be read.") from None


def _bare(text: str, kind: CredentialKind | None) -> Material:
    match kind:
        case CredentialKind.COOKIES:
            return Cookies(cookies=tuple(_pairs(text)))
        case CredentialKind.BEARER:
            match = _SCHEME.fullmatch(text)
            return Bearer(token=_checked_token(match[2] if match and match[1].lower() == "bearer" else text))
        case CredentialKind.BASIC:
            match = _SCHEME.fullmatch(text)
            if match and match[1].lower() == "basic" and ":" not in text:
                return _authorization(text)
            return _user_and_password(text)
        case CredentialKind.HEADER:
            raise UsageError("Write the header with its name.", "Like this: X-Api-Key: and then the key.")
    if _SCHEME.fullmatch(text) and not text.lower().startswith("token"):
        return _authorization(text)
    if "=" in text.partition(";")[0] and "\n" not in text and TOKEN.fullmatch(text.partition("=")[0].strip()):
        return Cookies(cookies=tuple(_pairs(text)))
    raise UnknownSecretError(
        "It cannot be told what that secret is.", f"Say which kind it is: {', '.join(CredentialKind)}."
    )


def _pairs(text: str) -> Iterator[Cookie]:
    """Yield the cookies of a ``Cookie`` header."""
    found = False
    for pair in text.split(";"):
        name, equals, value = pair.strip().partition("=")
        if not name and not equals:
            continue
        if not equals or not TOKEN.fullmatch(name.strip()):
            raise UsageError("That is no list of cookies.", "It has the form name=value; name=value.")
        found = True
        yield Cookie(name=name.strip(), value=checked_value(value.strip()))
    if not found:
        raise UsageError("There are no cookies in it.")


def _user_and_password(text: str) -> Basic:
    user, colon, password = text.partition(":")
    if not colon:
        user, _, password = text.partition("\n")
    if not user.strip() or not password.strip("\r\n"):
        raise UsageError("The user name or the password is missing.", "Write them as user:password.")
    return Basic(user=checked_value(user.strip()), password=checked_value(password.strip("\r\n")))


def _checked_token(text: str) -> str:
    if not text or not text.isascii() or any(character.isspace() for character in text):
        raise UsageError("A token has no blanks, line ends or letters beyond ASCII.", "Copy the token alone.")
    return checked_value(text)


def _checked_name(name: str) -> str:
    if not TOKEN.fullmatch(name):
        raise UsageError("The name of the header is none.", "Like this: X-Api-Key: and then the key.")
    return name


def _names(material: Material) -> tuple[str, ...]:
    match material:
        case Cookies(cookies=cookies):
            return tuple(cookie.name for cookie in cookies)
        case Header(name=name):
            return (name,)
        case Basic(user=user):
            return (user,)
        case _:
            return ()
