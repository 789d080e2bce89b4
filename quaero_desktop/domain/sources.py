"""Sources: the sites that are collected."""

from collections.abc import Iterable

import msgspec

from quaero_desktop.domain import fields, urls
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.credentials import Credential
from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.fields import checked_name
from quaero_desktop.domain.scope import ScopeKind
from quaero_desktop.domain.text import storable

_MOST_DELAY_MS = 86_400_000


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
                fields.checked(f"rules.{name}", CrawlConfig(seeds=("-",), include=(pattern,)).checked)
        if self.delay_ms is not None and self.delay_ms > _MOST_DELAY_MS:
            raise FieldError("rules.delay_ms", "rules.delay_ms is more than a day.")
        for name in ("scope", "depth", "max_pages", "per_host", "delay_ms"):
            only = msgspec.structs.replace(SourceRules(), **{name: getattr(self, name)})
            fields.checked(f"rules.{name}", only.applied_to(CrawlConfig(seeds=("-",))).checked)
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
        base_url = fields.checked("base_url", lambda: urls.seed(self.base_url))
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


def namesakes(sources: Iterable[Source], name: str, source_id: int | None = None) -> tuple[Source, ...]:
    """Return the sources that a person cannot tell from another one by its name.

    Args:
        sources: all there are.
        name: of the other one.
        source_id: the other one, if it is among them.
    """
    folded = name.casefold()
    return tuple(source for source in sources if source.name.casefold() == folded and source.id != source_id)


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
