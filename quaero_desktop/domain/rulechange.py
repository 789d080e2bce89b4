"""A change of the rules of a crawl that is under way."""

import msgspec
from msgspec import UNSET, UnsetType

from quaero_desktop.domain.crawl import CrawlConfig, ScopeKind


class RuleChanges(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be different; each given one replaces the whole of what the crawl had. See :class:`CrawlConfig`."""

    scope: ScopeKind | UnsetType = UNSET
    include: tuple[str, ...] | UnsetType = UNSET
    exclude: tuple[str, ...] | UnsetType = UNSET
    max_depth: int | UnsetType = UNSET
    max_pages: int | UnsetType | None = UNSET

    def applied_to(self, config: CrawlConfig) -> CrawlConfig:
        """Return *config* with these changes.

        Raises:
            UsageError: naming what makes no sense.
        """
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        return msgspec.structs.replace(config, **given).checked()


class RuleChange(msgspec.Struct, frozen=True):
    """What became of a change.

    Attributes:
        withdrawn: how many pages were queued and are not any more.
        queued: how many URLs had been skipped or withdrawn and are queued now.
    """

    withdrawn: int = 0
    queued: int = 0


def difference(before: CrawlConfig, after: CrawlConfig) -> str:
    """Return in words how the rules of two configurations differ, like ``exclude + */old/*, depth 5 → 3``."""
    words = []
    for name in ("include", "exclude"):
        old, new = getattr(before, name), getattr(after, name)
        changed = [f"{name} + {pattern}" for pattern in dict.fromkeys(new) if pattern not in old]
        changed += [f"{name} - {pattern}" for pattern in dict.fromkeys(old) if pattern not in new]
        words += changed or ([f"{name} in another order"] if new != old else [])
    for name, old, new in (
        ("scope", before.scope, after.scope),
        ("depth", before.max_depth, after.max_depth),
        ("max-pages", before.max_pages, after.max_pages),
    ):
        if new != old:
            words.append(f"{name} {'no limit' if old is None else old} → {'no limit' if new is None else new}")
    return ", ".join(words)
