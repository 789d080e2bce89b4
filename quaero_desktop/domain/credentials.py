"""Secrets: what people paste, how it is kept, and the headers that show it to its site and to nobody else (J8)."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

import msgspec

from quaero_desktop.domain import curl, urls
from quaero_desktop.domain.errors import UnknownSecretError, UsageError
from quaero_desktop.domain.sources import Credential, CredentialKind, checked_origin

MASK = "••••"
MAX_TEXT = 5_000_000
"""The cookies of a whole browser fit into it."""

_SHOWN = 4
_LEAST_TO_SHOW = 8
_LEAST_TELLING = 8
_LEAST_SAID = 6
_MAX_SECRET = 64_000

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
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


class Secret:
    """A secret on its way through the program: nothing shows it but :meth:`reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class Cookie(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cookie for one origin.

    Attributes:
        path: it is sent to what lies below.
        secure: whether it is sent over https only.
        expires: until when, in seconds UTC; None for the browser's session.
    """

    name: str
    value: str
    path: str = "/"
    secure: bool = False
    expires: int | None = None

    def __repr__(self) -> str:
        return f"Cookie({self.name}={MASK})"


class Cookies(msgspec.Struct, frozen=True, kw_only=True, tag="cookies"):
    """The cookies of a session."""

    cookies: tuple[Cookie, ...]


class Bearer(msgspec.Struct, frozen=True, kw_only=True, tag="bearer"):
    """A token, as in ``Authorization: Bearer …``."""

    token: str

    def __repr__(self) -> str:
        return f"Bearer({MASK})"


class Basic(msgspec.Struct, frozen=True, kw_only=True, tag="basic"):
    """A user name and a password, as in ``Authorization: Basic …``."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Basic({MASK})"


class Header(msgspec.Struct, frozen=True, kw_only=True, tag="header"):
    """A header of the site's own, like ``X-Api-Key: …``."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"Header({self.name}: {MASK})"


Material = Cookies | Bearer | Basic | Header
"""A secret that was understood."""

_KINDS = {
    Cookies: CredentialKind.COOKIES,
    Bearer: CredentialKind.BEARER,
    Basic: CredentialKind.BASIC,
    Header: CredentialKind.HEADER,
}
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Material] = msgspec.json.Decoder(Material)


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


# --- what people paste ------------------------------------------------------------------------------------------------


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
    elif (jar := _from_json(text)) is not None or (jar := _from_netscape(text)) is not None:
        if kind not in (None, CredentialKind.COOKIES):
            raise UsageError(f"These are cookies, and no secret of the kind {kind}.")
        if not origin:
            raise UsageError("Say which site the cookies are for.", "Give its web address.")
        material, left_out = _chosen(jar, origin, now // 1000)
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
        headers.append(("Authorization", "Basic " + _encoded(command.user)))
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
                others.append(Header(name=_checked_name(name), value=_checked_value(value)))
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
        return Header(name="Authorization", value=_checked_value(value.strip()))
    scheme, said = match[1].lower(), match[2].strip()
    if scheme == "bearer":
        return Bearer(token=_checked_token(said))
    if scheme == "token":
        return Header(name="Authorization", value=_checked_value(value.strip()))
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
    if "=" in text.partition(";")[0] and "\n" not in text and _TOKEN.fullmatch(text.partition("=")[0].strip()):
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
        if not equals or not _TOKEN.fullmatch(name.strip()):
            raise UsageError("That is no list of cookies.", "It has the form name=value; name=value.")
        found = True
        yield Cookie(name=name.strip(), value=_checked_value(value.strip()))
    if not found:
        raise UsageError("There are no cookies in it.")


def _user_and_password(text: str) -> Basic:
    user, colon, password = text.partition(":")
    if not colon:
        user, _, password = text.partition("\n")
    if not user.strip() or not password.strip("\r\n"):
        raise UsageError("The user name or the password is missing.", "Write them as user:password.")
    return Basic(user=_checked_value(user.strip()), password=_checked_value(password.strip("\r\n")))


def _checked_token(text: str) -> str:
    if not text or not text.isascii() or any(character.isspace() for character in text):
        raise UsageError("A token has no blanks, line ends or letters beyond ASCII.", "Copy the token alone.")
    return _checked_value(text)


def _checked_value(text: str) -> str:
    # What ends a header's line would begin another one.
    if _CONTROL.search(text):
        raise UsageError("The secret holds a control character, which no header may.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("The secret holds what is no text.") from None
    return text


def _checked_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise UsageError("The name of the header is none.", "Like this: X-Api-Key: and then the key.")
    return name


# --- cookies.txt ------------------------------------------------------------------------------------------------------


class _JarCookie(msgspec.Struct, frozen=True, kw_only=True, rename={"expires": "expirationDate"}):
    """A cookie with the hosts that it is for, as browsers and their extensions export it."""

    name: str
    value: str
    domain: str
    path: str = "/"
    secure: bool = False
    expires: float | None = None

    def __repr__(self) -> str:
        return f"_JarCookie({MASK})"


_jar_decoder = msgspec.json.Decoder(list[_JarCookie])


def _from_json(text: str) -> list[_JarCookie] | None:
    if not text.startswith("["):
        return None
    try:
        return _jar_decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise UsageError(
            "That is no list of cookies as JSON.", "Each needs name, value and domain; or give a cookies.txt."
        ) from None


def _from_netscape(text: str) -> list[_JarCookie] | None:
    """Return the cookies of a cookies.txt; None when *text* is none."""
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
            _JarCookie(
                domain=("." if below.upper() == "TRUE" else "") + domain.lstrip("."),
                path=path or "/",
                secure=secure.upper() == "TRUE",
                expires=float(expires or 0) or None,
                name=name,
                value=value.rstrip("\r"),
            )
        )
    return jar


def _chosen(jar: list[_JarCookie], origin: str, now: int) -> tuple[Cookies, int]:
    """Return the cookies that a browser would send to *origin*, and how many others there are."""
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
        if not _TOKEN.fullmatch(cookie.name):
            continue
        expires = int(cookie.expires) if cookie.expires is not None and cookie.expires > 0 else None
        chosen.append(
            Cookie(
                name=cookie.name,
                value=_checked_value(cookie.value),
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


# --- what is kept -----------------------------------------------------------------------------------------------------


def kind_of(material: Material) -> CredentialKind:
    """Return how a secret is shown."""
    return _KINDS[type(material)]


def encode(material: Material) -> str:
    """Return a secret as the text that is kept; :func:`decode` reads it."""
    return _encoder.encode(material).decode()


def decode(text: str) -> Material:
    """Return the secret that was kept as *text*.

    Raises:
        UsageError: it is none; the sentence repeats nothing of it.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise UsageError("What is kept of the secret cannot be read.", "Give the secret anew.") from None


def tail(material: Material) -> str:
    """Return the last four characters of a secret, and nothing of one that is shorter than eight."""
    match material:
        case Cookies(cookies=cookies):
            said = max((cookie.value for cookie in cookies), key=len, default="")
        case Bearer(token=said) | Basic(password=said) | Header(value=said):
            pass
    return said[-_SHOWN:] if len(said) >= _LEAST_TO_SHOW else ""


def parts(material: Material) -> tuple[str, ...]:
    """Return every text of a secret that must not be seen, longest first."""
    found: list[str] = []
    match material:
        case Cookies(cookies=cookies):
            # A cookie that says "dark" or "en" is no secret; masked, it would make every log unreadable.
            found += [cookie.value for cookie in cookies if is_telling(cookie.value)]
            found.append(_cookie_header(cookies))
        case Bearer(token=token):
            found.append(token)
        case Basic(user=user, password=password):
            found += [_encoded(f"{user}:{password}"), f"{user}:{password}"]
            found += [password] if len(password) >= _LEAST_SAID else []
        case Header(value=value):
            found.append(value)
            # "Token abc": the word before it is none of it.
            found.append(value.rpartition(" ")[2])
    found = [text for text in found if len(text) >= _LEAST_SAID]
    return tuple(sorted(dict.fromkeys(found), key=len, reverse=True))


def telling_parts(text: str) -> tuple[str, ...]:
    """Return the texts of a secret, kept as *text*, that mean nothing else wherever they stand."""
    try:
        material = decode(text)
    except UsageError:
        return (text,) if is_telling(text) else ()
    return tuple(part for part in parts(material) if is_telling(part))


def secret_parts(text: str) -> tuple[str, ...]:
    """Return every text of a secret, kept as *text*, that must not be seen."""
    try:
        return (*parts(decode(text)), text)
    except UsageError:
        return (text,)


def is_telling(text: str) -> bool:
    """Return whether a text is surely no word of a language: long, with two kinds of characters in it."""
    if len(text) < _LEAST_TELLING:
        return False
    kinds = (str.islower, str.isupper, str.isdigit, lambda character: not character.isalnum())
    return sum(any(map(kind, text)) for kind in kinds) > 1


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


# --- what is sent -----------------------------------------------------------------------------------------------------


def headers_for(credential: Credential, material: Material, url: str, now: int) -> dict[str, str]:
    """Return the headers that show a secret to the site that it is bound to; none for any other address.

    Args:
        credential: says which site that is.
        material: the secret.
        url: the canonical URL that is asked for.
        now: in milliseconds UTC: cookies expire.
    """
    if urls.origin_of(url) != credential.origin:
        return {}
    match material:
        case Cookies(cookies=cookies):
            path = urls.path_of(url).partition("?")[0]
            secure = url.startswith("https:")
            sent = [
                cookie
                for cookie in cookies
                if _is_below(path, cookie.path) and (secure or not cookie.secure) and not _expired(cookie, now)
            ]
            # As browsers do (RFC 6265, 5.4): the longest path first.
            sent.sort(key=lambda cookie: -len(cookie.path))
            return {"Cookie": _cookie_header(sent)} if sent else {}
        case Bearer(token=token):
            return {"Authorization": f"Bearer {token}"}
        case Basic(user=user, password=password):
            return {"Authorization": "Basic " + _encoded(f"{user}:{password}")}
        case Header(name=name, value=value):
            return {name: value}


def has_expired(material: Material, now: int) -> bool:
    """Return whether nothing of a secret is valid any more; *now* in milliseconds UTC."""
    return isinstance(material, Cookies) and all(_expired(cookie, now) for cookie in material.cookies)


def _expired(cookie: Cookie, now: int) -> bool:
    return cookie.expires is not None and cookie.expires * 1000 <= now


def _is_below(path: str, folder: str) -> bool:
    """Return whether a cookie of *folder* goes to *path* (RFC 6265, 5.1.4)."""
    return path == folder or (path.startswith(folder) and (folder.endswith("/") or path[len(folder)] == "/"))


def _cookie_header(cookies: Iterable[Cookie]) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
