"""Sources and the credentials of their sites (J5, J8)."""

from enum import StrEnum

import msgspec

from quaero_desktop.domain.scope import ScopeKind


class CredentialKind(StrEnum):
    """How a secret is shown to a server."""

    COOKIES = "cookies"
    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A secret bound to one origin; the secret itself is not here, but in the keyring of the operating system.

    Attributes:
        origin: scheme://host[:port]; it is sent nowhere else.
        kept: whether the secret lies in the keyring; else it is asked for at each start.
        tail: the last four characters of the secret: all that may be shown.
        login_url: where signing in is done, as far as it is known; a redirect there means that the session expired.
    """

    id: int
    name: str
    origin: str
    kind: CredentialKind
    kept: bool
    tail: str
    login_url: str = ""
    created_at: int = 0
    updated_at: int = 0


class SourceRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a source is crawled; None takes the setting. The same words as a crawl's own (see ``CrawlRequest``)."""

    scope: ScopeKind | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    depth: int | None = None
    max_pages: int | None = None
    per_host: int | None = None
    delay_ms: int | None = None
    obey_robots: bool | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A site that is collected.

    Attributes:
        base_url: where its crawls begin.
        automatic: made for the origin of a crawl that named none.
        credential: what its site asks for, or None.
        documents: how many it has collected.
    """

    id: int
    name: str
    base_url: str
    automatic: bool = False
    enabled: bool = True
    rules: SourceRules = SourceRules()
    credential: Credential | None = None
    documents: int = 0
    created_at: int = 0
    updated_at: int = 0
