"""Sources of a legacy database."""

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.fields import MAX_NAME
from quaero_desktop.domain.legacy.columns import nested, one_line, row_id, text, times, within, yes
from quaero_desktop.domain.legacy.crawling import MOST_AT_ONCE, MOST_DEPTH, MOST_PAGES, delay_ms, patterns
from quaero_desktop.domain.legacy.values import LegacySource, Note, Row, UnusableError
from quaero_desktop.domain.sources import SourceRules

_RULES_OF_FILTERS = ("include_patterns", "exclude_patterns")


def source(row: Row, now: int, note: Note) -> LegacySource:
    """Return what a row of ``sources`` means.

    Raises:
        UnusableError: its base URL is no web address.
    """
    legacy_id = row_id(row)
    base_url = urls.identity(text(row, "base_url").strip())
    if base_url is None or not urls.host_of(base_url):
        try:
            base_url = urls.seed(text(row, "base_url"))
        except UsageError:
            raise UnusableError("its base URL is no web address") from None
    config = nested(row, "crawl_config", dict, note)
    filters = nested(row, "filters", dict, note)
    unknown = [key for key, value in filters.items() if key not in _RULES_OF_FILTERS and value]
    if unknown:
        note(f"some of its filters mean nothing here: {one_line(', '.join(unknown))}")
    created, updated = times(row, now)
    return LegacySource(
        legacy_id=legacy_id,
        name=one_line(text(row, "name"))[:MAX_NAME] or urls.host_of(base_url),
        base_url=base_url,
        enabled=yes(row.get("enabled"), default=True),
        rules=SourceRules(
            include=patterns((config, filters), "include_patterns", note),
            exclude=patterns((config, filters), "exclude_patterns", note),
            depth=within(config.get("max_depth"), 0, MOST_DEPTH),
            max_pages=within(config.get("max_pages"), 1, MOST_PAGES),
            per_host=within(config.get("concurrency"), 1, MOST_AT_ONCE),
            delay_ms=delay_ms(config),
        ),
        credential=text(row, "auth_id") or None,
        created_at=created,
        updated_at=updated,
    )
