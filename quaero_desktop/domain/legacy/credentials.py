"""Credentials of a legacy database, whose secrets are read here and kept nowhere else than in a keyring."""

from typing import Any

import msgspec

from quaero_desktop.domain import pasting, urls
from quaero_desktop.domain.credentials import CredentialKind
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.fields import MAX_NAME
from quaero_desktop.domain.legacy.columns import either, nested, one_line, row_id, text, times, whole, yes
from quaero_desktop.domain.legacy.values import LegacyCredential, Note, Row, UnusableError

_TOKENS = (
    "access_token", "accesstoken", "bearer", "bearer_token", "token", "api_token", "apitoken", "personal_access_token",
    "pat", "api_key", "apikey", "key",
)  # fmt: skip
_USERS = ("username", "user", "email", "login")
_PASSWORDS = ("password", "pass", "api_token", "apitoken", "token")


def credential(row: Row, now: int, note: Note) -> LegacyCredential:
    """Return what a row of ``auth_credentials`` means.

    Raises:
        UnusableError: it is of no site.
    """
    legacy_id = row_id(row)
    origin = _origin(text(row, "base_url")) or _origin(text(row, "site_domain"))
    if origin is None:
        raise UnusableError("it names no site that it belongs to")
    cookies = _cookies(either(row, "cookies", note), urls.host_of(f"{origin}/"))
    tokens = _secrets(nested(row, "tokens", dict, note))
    others = tokens or _secrets(nested(row, "data", dict, note))
    found = (CredentialKind.COOKIES, cookies) if cookies else others
    if cookies and tokens:
        note("it has cookies and tokens, and only the cookies come")
    pasted = None
    if found is None:
        note("no secret that can be used is stored with it, so it comes without one")
    else:
        try:
            pasted = pasting.read(found[1], now=now, kind=found[0], origin=origin)
        except UsageError as error:
            note(f"its secret cannot be used, so it comes without one: {error.message}")
    created, updated = times(row, now)
    base = urls.identity(text(row, "base_url"))
    return LegacyCredential(
        legacy_id=legacy_id,
        name=one_line(text(row, "name"))[:MAX_NAME] or urls.host_of(f"{origin}/"),
        origin=origin,
        kind=found[0] if found is not None else CredentialKind.COOKIES,
        secret=None if pasted is None else pasted.secret,
        tail="" if pasted is None else pasted.tail,
        login_url=base if base is not None and urls.path_of(base) != "/" else "",
        created_at=created,
        updated_at=updated,
    )


def _origin(address: str) -> str | None:
    if not address.strip(" ./"):
        return None
    try:
        return urls.origin_of(urls.seed(address.strip().lstrip(".")))
    except UsageError:
        return None


def _cookies(found: list[Any] | dict[str, Any], host: str) -> str:
    """Return cookies as browsers export them; empty when there are none."""
    if isinstance(found, dict):
        found = [{"name": name, "value": value} for name, value in found.items()]
    cookies = []
    for cookie in found:
        if not isinstance(cookie, dict):
            continue
        fields = {str(key).lower(): value for key, value in cookie.items()}
        name, value = fields.get("name"), fields.get("value")
        if not isinstance(name, str) or not isinstance(value, str) or not name:
            continue
        domain, path = fields.get("domain"), fields.get("path")
        expires = whole(fields.get("expires") or fields.get("expirationdate"))
        cookies.append(
            {
                "name": name,
                "value": value,
                "domain": domain if isinstance(domain, str) and domain else host.partition(":")[0],
                "path": path if isinstance(path, str) and path else "/",
                "secure": yes(fields.get("secure"), default=False),
                "expirationDate": expires if expires is not None and expires > 0 else None,
            }
        )
    return msgspec.json.encode(cookies).decode() if cookies else ""


def _secrets(found: dict[str, Any]) -> tuple[CredentialKind, str] | None:
    fields = {key.lower(): value.strip() for key, value in found.items() if isinstance(value, str) and value.strip()}
    user = next((fields[key] for key in _USERS if key in fields), None)
    password = next((fields[key] for key in _PASSWORDS if key in fields), None)
    if user and password:
        return CredentialKind.BASIC, f"{user}:{password}"
    token = next((fields[key] for key in _TOKENS if key in fields), None)
    if token:
        return CredentialKind.BEARER, token[7:].strip() if token.lower().startswith("bearer ") else token
    return None
