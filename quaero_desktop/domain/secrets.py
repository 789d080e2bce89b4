"""Secrets: how they are kept, and the headers that show one to its site and to nobody else (J8)."""

import base64
import re
from collections.abc import Iterable

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.credentials import Credential, CredentialKind
from quaero_desktop.domain.errors import UsageError

MASK = "••••"

_SHOWN = 4
_LEAST_TO_SHOW = 8
_LEAST_TELLING = 8
_LEAST_SAID = 6

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
"""The name of a header, or of a cookie."""
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


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
            found += [base64_of(f"{user}:{password}"), f"{user}:{password}"]
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
            return {"Authorization": "Basic " + base64_of(f"{user}:{password}")}
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


# --- what a header may carry ------------------------------------------------------------------------------------------


def checked_value(text: str) -> str:
    """Return what may stand in a header.

    Raises:
        UsageError: it may not; the sentence repeats nothing of it.
    """
    # What ends a header's line would begin another one.
    if _CONTROL.search(text):
        raise UsageError("The secret holds a control character, which no header may.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("The secret holds what is no text.") from None
    return text


def base64_of(text: str) -> str:
    """Return ``user:password`` as the header ``Authorization: Basic`` carries it."""
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
