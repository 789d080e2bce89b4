"""The options of each action of a step: what stands below ``[steps.config]``.

What cannot be used is named by its place, like ``steps[1].config.max_depth``; steps and lists are counted from 1.
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from quaero_desktop.domain import rules, urls
from quaero_desktop.domain.cleanup import check_cleanable, parse_age
from quaero_desktop.domain.definitions import Action
from quaero_desktop.domain.errors import FieldError, UsageError
from quaero_desktop.domain.fields import checked, expected, meant_by, quoted, shown
from quaero_desktop.domain.scope import ScopeKind
from quaero_desktop.domain.text import storable

_Texts = Annotated[tuple[str, ...], Meta(max_length=1000)]


def _whole(least: int, most: int) -> Meta:
    return Meta(ge=least, le=most, extra={"expected": f"a whole number from {least} to {most}"})


_YES_OR_NO = Meta(extra={"expected": "true or false"})
_METHOD = Meta(pattern=r"\A(?:auto|extractive|model)\Z", extra={"expected": "auto, extractive or model"})


class StepOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every action's options are."""


class CrawlOptions(StepOptions, frozen=True, kw_only=True, omit_defaults=True):
    """The options of ``crawl``; None takes the source's rule, or else the setting.

    Attributes:
        start_urls: where it begins; empty for the base URLs of the definition's sources.
        scope: host, prefix or domain.
        include_patterns, exclude_patterns: rules in plain words; see :mod:`quaero_desktop.domain.rules`.
        max_depth: the most links to follow from the start.
        max_pages: the most pages.
        concurrency: the most requests under way at one host.
        delay: the least time between two requests' starts at one host, in seconds.
        follow_links: whether links are followed at all.
        refresh_source: accepted from older definitions: a run takes its source's rules of the moment in any case.
        wait_for_completion: accepted from older definitions: the next step waits for this one in any case.
    """

    start_urls: Annotated[_Texts, Meta(extra={"expected": "a list of web addresses"})] = ()
    scope: Annotated[ScopeKind, Meta(extra={"expected": "host, prefix or domain"})] | None = None
    include_patterns: Annotated[_Texts, Meta(extra={"expected": "a list of rules"})] | None = None
    exclude_patterns: Annotated[_Texts, Meta(extra={"expected": "a list of rules"})] | None = None
    max_depth: Annotated[int, _whole(0, 1000)] | None = None
    max_pages: Annotated[int, _whole(1, 100_000_000)] | None = None
    concurrency: Annotated[int, _whole(1, 64)] | None = None
    delay: Annotated[float, Meta(ge=0, le=86_400, extra={"expected": "a number of seconds from 0 to 86400"})] | None = (
        None
    )
    follow_links: Annotated[bool, _YES_OR_NO] | None = None
    refresh_source: Annotated[bool, _YES_OR_NO] = True
    wait_for_completion: Annotated[bool, _YES_OR_NO] = True


class TransformOptions(StepOptions, frozen=True, kw_only=True, omit_defaults=True):
    """``transform`` has no options."""


class SummariseOptions(StepOptions, frozen=True, kw_only=True, omit_defaults=True):
    """The options of ``summarise``.

    Attributes:
        method: ``extractive`` works offline with what is in the document; ``model`` asks the language model of the
            settings; ``auto`` asks it where one is set up.
        sentences: the most sentences of a summary; None for the setting.
    """

    method: Annotated[str, _METHOD] = "extractive"
    sentences: Annotated[int, _whole(1, 50)] | None = None


class CorpusSummaryOptions(StepOptions, frozen=True, kw_only=True, omit_defaults=True):
    """The options of ``corpus_summary``.

    Attributes:
        method: as of ``summarise``.
        sentences: the most sentences of the summary; None for the setting.
        keywords: the most keywords.
    """

    method: Annotated[str, _METHOD] = "extractive"
    sentences: Annotated[int, _whole(1, 50)] | None = None
    keywords: Annotated[int, _whole(1, 100)] = 20


class ReindexOptions(StepOptions, frozen=True, kw_only=True, omit_defaults=True):
    """``reindex`` has no options."""


class CleanupOptions(StepOptions, frozen=True, kw_only=True, omit_defaults=True):
    """The options of ``cleanup``.

    Attributes:
        older_than: how long ago a job must have ended, like ``30d``.
        status: how it must have ended; empty for all ways.
    """

    older_than: Annotated[str, Meta(extra={"expected": "an age like 30d or 12h"})] = ""
    status: Annotated[tuple[str, ...] | str, Meta(extra={"expected": "a list of completed, failed and cancelled"})] = ()

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses, as a list even where one was written alone."""
        return (self.status,) if isinstance(self.status, str) else self.status

    @property
    def older_than_ms(self) -> int:
        """The age in milliseconds.

        Raises:
            UsageError: it is none.
        """
        return parse_age(self.older_than)


OPTIONS: Mapping[str, type[StepOptions]] = {
    Action.CRAWL: CrawlOptions,
    Action.TRANSFORM: TransformOptions,
    Action.SUMMARISE: SummariseOptions,
    Action.CORPUS_SUMMARY: CorpusSummaryOptions,
    Action.REINDEX: ReindexOptions,
    Action.CLEANUP: CleanupOptions,
}
"""The options of each action."""


def parse(action: str, config: Mapping[str, Any], where: str = "config") -> StepOptions:
    """Return the options of a step, checked.

    Args:
        action: what the step does; one of :class:`Action`.
        config: what was written.
        where: how the place is called in errors, like ``steps[1].config``.

    Raises:
        FieldError: an unknown option, one that is missing, or a value that makes no sense.
    """
    kind = OPTIONS[action]
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for name, value in config.items():
        if name not in fields:
            raise _unknown(where, action, name, list(fields))
        if value is None:
            continue
        try:
            values[name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as error:
            message = f"{where}.{name} must be {expected(fields[name].type)}, not {quoted(value)}."
            raise FieldError(f"{where}.{name}", message) from error
    options = kind(**values)
    match options:
        case CrawlOptions():
            _check_crawl(options, where)
        case CleanupOptions():
            _check_cleanup(options, where)
    return options


def _check_crawl(options: CrawlOptions, where: str) -> None:
    for number, text in enumerate(options.start_urls, 1):
        checked(f"{where}.start_urls[{number}]", partial(urls.seed, text))
    for name in ("include_patterns", "exclude_patterns"):
        for number, pattern in enumerate(getattr(options, name) or (), 1):
            checked(f"{where}.{name}[{number}]", partial(_check_pattern, pattern))


def _check_pattern(pattern: str) -> None:
    if storable(pattern) != pattern:
        raise UsageError("An include or exclude rule holds what is no text.")
    rules.compiled(pattern)


def _check_cleanup(options: CleanupOptions, where: str) -> None:
    if not options.older_than:
        raise FieldError(
            f"{where}.older_than", f"{where}.older_than is missing: how long ago a job must have ended.", "Like 30d."
        )
    checked(f"{where}.older_than", lambda: options.older_than_ms)
    checked(f"{where}.status", lambda: check_cleanable(options.statuses))


def _unknown(where: str, action: str, name: str, known: list[str]) -> FieldError:
    field = f"{where}.{shown(name)}"
    if meant := meant_by(name, known):
        return FieldError(field, f"{field}: {action} has no such option; did you mean {meant}?")
    hint = f"There are {', '.join(known)}." if known else ""
    return FieldError(field, f"{field}: {action} has no {'such option' if known else 'options'}.", hint)
