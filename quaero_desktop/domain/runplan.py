"""What a run of a definition will do, resolved when it begins: the snapshot that its root carries (J3, J4).

Pure, so that the very same is done inside the transaction that starts a run and when a definition is saved.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import (
    MAX_STEPS,
    Action,
    Definition,
    DefinitionType,
    FailureAction,
    RunConfig,
    RunStep,
    Step,
    check_step_shape,
    parse_duration,
)
from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.fields import MAX_NAME, check_among, checked, quoted
from quaero_desktop.domain.identity import Identity
from quaero_desktop.domain.schedule import check_schedule
from quaero_desktop.domain.sources import Source, SourceRules
from quaero_desktop.domain.stepoptions import CrawlOptions, parse

T = TypeVar("T")

MAX_RUN_STEPS = 1_000
"""A crawl of many sources is that many steps; their set-up is stored with each run."""
_MOST_FAILURES = 1_000_000_000
_NO_RULES = SourceRules()


def plan_run(definition: Definition, sources: Mapping[int, Source], defaults: CrawlConfig) -> RunConfig:
    """Return what a run of *definition* does, with everything resolved.

    A crawl's options go before the rules of its source, and those before *defaults*. A crawl of several sources is a
    step for each; sources that are switched off are left out. What an action that nobody knows is to do is left as it
    is: its job will fail with a clear error.

    Args:
        definition: what is to run.
        sources: those that it names, by id.
        defaults: what a crawl starts with by the settings.

    Raises:
        FieldError: something in it makes no sense, or does not exist; it names the field.
    """
    if not definition.steps:
        raise FieldError("steps", "There are no steps, so there is nothing to do.", "Add one, like a crawl.")
    if len(definition.steps) > MAX_STEPS:
        raise FieldError("steps", f"There are {len(definition.steps)} steps; {MAX_STEPS} is the most.")
    chosen = _chosen(definition, sources)
    steps: list[RunStep] = []
    for number, step in enumerate(definition.steps, 1):
        steps += _resolved(step, f"steps[{number}]", chosen, bool(definition.sources), defaults)
    if len(steps) > MAX_RUN_STEPS:
        raise FieldError(
            "sources", f"sources: a run would have {len(steps):,} steps, one for each crawl of each source;"
            f" {MAX_RUN_STEPS:,} is the most.", "Make several definitions of it.",
        )  # fmt: skip
    tolerance = definition.error_tolerance
    if tolerance is not None:
        check_among("error_tolerance.failure_action", tolerance.failure_action, tuple(FailureAction))
        if not 0 <= tolerance.max_child_failures <= _MOST_FAILURES:
            field = "error_tolerance.max_child_failures"
            said = quoted(tolerance.max_child_failures)
            raise FieldError(field, f"{field} is {said}; it must be between 0 and {_MOST_FAILURES:,}.")
    return RunConfig(
        definition=definition.name,
        steps=tuple(steps),
        timeout_ms=checked("timeout", lambda: parse_duration(definition.timeout)) if definition.timeout else None,
        tolerance=tolerance,
        pre_jobs=definition.pre_jobs,
        post_jobs=definition.post_jobs,
        max_attempts=defaults.max_attempts,
        defaults=msgspec.structs.replace(defaults, seeds=()),
        sources=definition.sources,
    )


def check_definition(definition: Definition, sources: Mapping[int, Source], defaults: CrawlConfig) -> None:
    """Refuse a definition that could not run, or not as it is meant. Whether others exist that it names is not asked.

    Args:
        definition: what is to be saved.
        sources: those that it names, by id.
        defaults: what a crawl starts with by the settings.

    Raises:
        FieldError: naming the field.
    """
    if not definition.name.strip():
        raise FieldError("name", "name is empty.", "Give it one, like Nightly docs.")
    if len(definition.name) > MAX_NAME:
        raise FieldError("name", f"name has {len(definition.name)} characters; {MAX_NAME} is the most.")
    check_among("type", definition.type, tuple(DefinitionType))
    if definition.schedule:
        check_schedule(definition.schedule)
    for number, step in enumerate(definition.steps, 1):
        check_step_shape(step, number)
    for field in ("sources", "pre_jobs", "post_jobs"):
        _check_once(field, getattr(definition, field))
    # One that is switched off now need not be so when it runs.
    switched_on = {key: msgspec.structs.replace(source, enabled=True) for key, source in sources.items()}
    plan_run(definition, switched_on, defaults)


def check_name_free(name: str, others: Mapping[int, str]) -> None:
    """Refuse a name that nobody could tell from that of another definition.

    Args:
        name: of a definition.
        others: the names of the other ones, by their ids.

    Raises:
        FieldError: one of them has it.
    """
    for other_id, other in others.items():
        if other.casefold() == name.casefold():
            said = f"name: there is a definition “{other}” already, number {other_id}."
            raise FieldError("name", said, "Give it another name.")


def _check_once(field: str, ids: Sequence[int]) -> None:
    for number, each in enumerate(ids, 1):
        if each in ids[: number - 1]:
            raise FieldError(f"{field}[{number}]", f"{field}[{number}] is there already: {each}.")


def _chosen(definition: Definition, sources: Mapping[int, Source]) -> list[tuple[int, Source]]:
    """Return the sources of *definition* that are switched on, each with its place in the list."""
    chosen = []
    for number, source_id in enumerate(definition.sources, 1):
        source = sources.get(source_id)
        if source is None:
            raise FieldError(f"sources[{number}]", f"sources[{number}]: there is no source {source_id}.")
        if source.enabled:
            chosen.append((number, source))
    return chosen


def _resolved(
    step: Step, where: str, sources: list[tuple[int, Source]], has_sources: bool, defaults: CrawlConfig
) -> list[RunStep]:
    if step.action not in tuple(Action):
        return [RunStep(name=step.name, action=step.action, on_error=step.on_error, config=step.config)]
    options = parse(step.action, step.config, f"{where}.config")
    if not isinstance(options, CrawlOptions):
        return [RunStep(name=step.name, action=step.action, on_error=step.on_error, config=step.config)]
    if not sources and (has_sources or not options.start_urls):
        if has_sources:
            raise FieldError("sources", f"{where}: all sources of the definition are switched off.")
        raise FieldError(
            f"{where}.config.start_urls",
            f"{where}.config.start_urls is missing: there is no source to begin at either.",
            "Name a source, or where to start.",
        )
    parts = _parts(options, where, sources)
    return [
        RunStep(
            name=step.name if len(parts) == 1 or source is None else f"{step.name}: {source.name}",
            action=step.action,
            on_error=step.on_error,
            config=step.config,
            crawl=_crawl(options, where, number, source, seeds, defaults),
            source_id=None if source is None else source.id,
        )
        for number, source, seeds in parts
    ]


def _parts(
    options: CrawlOptions, where: str, sources: list[tuple[int, Source]]
) -> list[tuple[int, Source | None, tuple[str, ...]]]:
    """Return what a step crawls: for which source (with its place in the list), from where on."""
    starts = tuple(urls.seed(text) for text in options.start_urls)
    homes = [
        (number, source, checked(f"sources[{number}].base_url", partial(urls.seed, source.base_url)))
        for number, source in sources
    ]
    if not starts:
        return [(number, source, (home,)) for number, source, home in homes]
    if not homes:
        return [(0, None, starts)]
    if len(homes) == 1:
        return [(homes[0][0], homes[0][1], starts)]
    # Each source gets the addresses of its site; where several share one, the nearest folder above decides.
    by_source: dict[int, list[str]] = {}
    for start in starts:
        fitting = [(number, home) for number, _, home in homes if urls.host_of(home) == urls.host_of(start)]
        nearest = max(fitting, key=lambda each: (_shared(each[1], start), -each[0]), default=(0, ""))
        by_source.setdefault(nearest[0], []).append(start)
    parts: list[tuple[int, Source | None, tuple[str, ...]]] = [
        (number, source, tuple(by_source[number])) for number, source, _ in homes if number in by_source
    ]
    if 0 in by_source:
        parts.append((0, None, tuple(by_source[0])))
    return parts


def _shared(home: str, start: str) -> int:
    """Return how deep the folder of *home* lies when *start* lies below it, else -1."""
    folder = urls.path_of(home).partition("?")[0]
    folder = folder[: folder.rindex("/") + 1]
    return folder.count("/") if urls.path_of(start).startswith(folder) else -1


def _crawl(
    options: CrawlOptions,
    where: str,
    number: int,
    source: Source | None,
    seeds: tuple[str, ...],
    defaults: CrawlConfig,
) -> CrawlConfig:
    rules = source.rules if source is not None else _NO_RULES
    identity = Identity(urls.origin_of(seeds[0]), defaults.aliases, defaults.tracking_parameters)
    config = msgspec.structs.replace(
        defaults,
        seeds=tuple(dict.fromkeys(identity.of(url) for url in seeds)),
        scope=options.scope or rules.scope or defaults.scope,
        include=_first(options.include_patterns, rules.include or None, defaults.include),
        exclude=_first(options.exclude_patterns, rules.exclude or None, defaults.exclude),
        max_depth=_first(options.max_depth, rules.depth, defaults.max_depth),
        max_pages=_first(options.max_pages, rules.max_pages, defaults.max_pages),
        per_host=_first(options.concurrency, rules.per_host, defaults.per_host),
        delay_ms=_first(
            None if options.delay is None else round(options.delay * 1000), rules.delay_ms, defaults.delay_ms
        ),
        obey_robots=_first(None, rules.obey_robots, defaults.obey_robots),
        follow_links=_first(options.follow_links, None, defaults.follow_links),
    )
    # The options were checked each by its name: what is left makes no sense in the source.
    return checked(where if source is None else f"sources[{number}] (“{source.name}”)", config.checked)


def _first(option: T | None, rule: T | None, default: T) -> T:
    if option is not None:
        return option
    return default if rule is None else rule
