"""What comes from a legacy database, as values of ours."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.credentials import CredentialKind
from quaero_desktop.domain.definitions import Definition
from quaero_desktop.domain.secrets import Secret
from quaero_desktop.domain.sources import SourceRules

Row = Mapping[str, Any]
"""The columns that a row has, with text decoded; a missing column is missing."""
Note = Callable[[str], None]
"""Told why a part of a row does not come."""


class UnusableError(Exception):
    """A row that cannot come; its text says why."""


class LegacyCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential.

    Attributes:
        secret: as a keyring keeps it, which is the only place that it goes to; None when there is none.
        tail: its last four characters, as far as they may be shown.
    """

    legacy_id: str
    name: str
    origin: str
    kind: CredentialKind
    secret: Secret | None
    tail: str
    login_url: str
    created_at: int
    updated_at: int


class LegacySource(msgspec.Struct, frozen=True, kw_only=True):
    """A source; *credential* is the legacy id of its credential, or None."""

    legacy_id: str
    name: str
    base_url: str
    enabled: bool
    rules: SourceRules
    credential: str | None
    created_at: int
    updated_at: int


class LegacyDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A definition without its links, which are legacy ids here."""

    legacy_id: str
    definition: Definition
    sources: tuple[str, ...]
    pre_jobs: tuple[str, ...]
    post_jobs: tuple[str, ...]
    created_at: int
    updated_at: int


class LegacyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document. *source* is a legacy id that may name its source; *address* may be relative to that source's."""

    legacy_id: str
    source: str
    address: str
    title: str
    markdown: str
    content_type: str
    description: str
    language: str
    author: str
    published_at: int | None
    metadata: dict[str, Any]
    fetched_at: int
    changed_at: int


class LegacyJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that has ended.

    Attributes:
        parent: the legacy id of its parent; None for a root.
        url: of a page, canonical; None when it has none.
        depth: links from a seed; None where nobody noted it.
        config: of a root that can be run again.
        result: what the old Quaero noted of it.
        definition: the legacy id of its definition, or None.
    """

    legacy_id: str
    parent: str | None
    type: str
    phase: str
    status: str
    url: str | None
    name: str | None
    depth: int | None
    created_at: int
    started_at: int | None
    completed_at: int
    cause: str | None
    error: str | None
    http_status: int | None
    warnings: int
    config: CrawlConfig | None
    result: dict[str, Any] | None
    definition: str | None


class LegacyLine(msgspec.Struct, frozen=True):
    """A line of a job's log; *level* is its place in LOG_LEVELS."""

    at: int
    level: int
    message: str
