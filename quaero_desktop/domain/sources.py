"""Sources and the credentials of their sites (J5, J8)."""

from enum import StrEnum

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.errors import FieldError, UsageError
from quaero_desktop.domain.scope import ScopeKind
from quaero_desktop.domain.text import single_line, storable

MAX_NAME = 200
_MOST_DELAY_MS = 86_400_000


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
        reference: under which name the keyring has it; None when it has not.
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
    reference: str | None = None

    @property
    def key(self) -> str:
        """The name of the secret in a :class:`quaero_desktop.infra.secrets.SecretStore`."""
        return self.reference or memory_key(self.id)


MEMORY_KEY = "memory:"
"""How the names of secrets begin that no keyring is asked for."""


def memory_key(credential_id: int) -> str:
    """Return the name of a secret that is only kept while this process runs."""
    return f"{MEMORY_KEY}{credential_id}"


class NewCredential(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says about a credential, but for the secret.

    Attributes:
        origin: the web address of the site as typed; only its scheme, host and port count.
        kind: None takes what the secret looks like.
    """

    name: str
    origin: str = ""
    kind: CredentialKind | None = None
    login_url: str = ""

    def checked(self) -> "NewCredential":
        """Return self with the name on one line and the addresses canonical.

        Raises:
            FieldError: naming the field that makes no sense.
        """
        return msgspec.structs.replace(
            self,
            name=checked_name(self.name),
            origin=checked_origin(self.origin) if self.origin.strip() else "",
            login_url=_checked_url("login_url", self.login_url) if self.login_url.strip() else "",
        )


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

    def applied_to(self, config: CrawlConfig) -> CrawlConfig:
        """Return *config* with what these rules say."""
        said = {
            "scope": self.scope,
            "include": self.include or None,
            "exclude": self.exclude or None,
            "max_depth": self.depth,
            "max_pages": self.max_pages,
            "per_host": self.per_host,
            "delay_ms": self.delay_ms,
            "obey_robots": self.obey_robots,
        }
        return msgspec.structs.replace(config, **{name: value for name, value in said.items() if value is not None})

    def checked(self) -> "SourceRules":
        """Return self.

        Raises:
            FieldError: naming the field that makes no sense.
        """
        for name, patterns in (("include", self.include), ("exclude", self.exclude)):
            for pattern in patterns:
                if not pattern.strip() or storable(pattern) != pattern:
                    raise FieldError(f"rules.{name}", f"rules.{name} holds a rule that is empty or no text.")
                _as_field(f"rules.{name}", CrawlConfig(seeds=("-",), include=(pattern,)))
        if self.delay_ms is not None and self.delay_ms > _MOST_DELAY_MS:
            raise FieldError("rules.delay_ms", "rules.delay_ms is more than a day.")
        for name in ("scope", "depth", "max_pages", "per_host", "delay_ms"):
            only = msgspec.structs.replace(SourceRules(), **{name: getattr(self, name)})
            _as_field(f"rules.{name}", only.applied_to(CrawlConfig(seeds=("-",))))
        return self


class NewSource(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says about a source.

    Attributes:
        base_url: the web address where its crawls begin, as typed.
        name: empty for the host.
        credential_id: what its site asks for.
    """

    base_url: str
    name: str = ""
    enabled: bool = True
    rules: SourceRules = SourceRules()
    credential_id: int | None = None

    def checked(self) -> "NewSource":
        """Return self with its address canonical and with a name.

        Raises:
            FieldError: naming the field that makes no sense.
        """
        base_url = _checked_url("base_url", self.base_url)
        return msgspec.structs.replace(
            self,
            base_url=base_url,
            name=checked_name(self.name if self.name.strip() else urls.host_of(base_url)),
            rules=self.rules.checked(),
        )


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

    @property
    def start_url(self) -> str:
        """The canonical URL where its crawls begin: an automatic one has only its origin."""
        return urls.identity(self.base_url) or self.base_url


class SourceDeletion(msgspec.Struct, frozen=True, kw_only=True):
    """What the deletion of a source means.

    Attributes:
        documents: how many it has collected; they go with it, or it stays.
        jobs: how many jobs collected for it and stay, without a source.
        open_jobs: how many of them have not ended: while there is one, the source cannot go.
        definitions: the names of those that collect for it: while there is one, the source cannot go.
    """

    source_id: int
    name: str
    documents: int
    jobs: int
    open_jobs: int
    definitions: tuple[str, ...] = ()


class CredentialTest(msgspec.Struct, frozen=True, kw_only=True):
    """What came of showing a secret to its site.

    Attributes:
        ok: whether the site lets us in with it; None when that cannot be told.
        url: the page that was asked for.
        status: the HTTP status with the secret, if there was an answer.
        message: a sentence for a person.
    """

    ok: bool | None
    url: str
    status: int | None
    message: str


def checked_name(text: str, field: str = "name") -> str:
    """Return a name on one line.

    Raises:
        FieldError: it is empty, or too long.
    """
    name = single_line(text, MAX_NAME + 1).strip()
    if not name:
        raise FieldError(field, f"{field} is empty.", "Say what it is to be called.")
    if len(name) > MAX_NAME:
        raise FieldError(field, f"{field} has more than {MAX_NAME} characters.")
    return name


def checked_origin(text: str, field: str = "origin") -> str:
    """Return the origin of a web address as typed: ``scheme://host[:port]``.

    Raises:
        FieldError: it is no web address.
    """
    return urls.origin_of(_checked_url(field, text))


def _checked_url(field: str, text: str) -> str:
    try:
        return urls.seed(text)
    except UsageError as error:
        raise FieldError(field, f"{field}: {error.message}", error.hint) from None


def _as_field(field: str, config: CrawlConfig) -> None:
    try:
        config.checked()
    except UsageError as error:
        raise FieldError(field, f"{field}: {error.message}", error.hint) from None
