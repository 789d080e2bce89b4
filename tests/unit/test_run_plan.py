"""J3, J4: what a run of a definition will do is resolved when it begins; what makes no sense is named by its place."""

from typing import Any

import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import (
    Definition,
    ErrorTolerance,
    OnError,
    RunStep,
    Step,
    find_circle,
    parse_duration,
)
from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.runplan import check_definition, plan_run
from quaero_desktop.domain.sources import Source, SourceRules
from quaero_desktop.domain.stepoptions import CleanupOptions, parse

DEFAULTS = CrawlConfig(seeds=(), max_depth=5, per_host=2, max_attempts=7, obey_robots=True)
DOCS = Source(id=1, name="Docs", base_url="https://docs.quaero.org/3/")
WIKI = Source(
    id=2,
    name="Wiki",
    base_url="wiki.quaero.org",
    rules=SourceRules(
        scope="prefix", include=("/en/",), exclude=("*.pdf",), depth=2, max_pages=50, per_host=1, delay_ms=900,
        obey_robots=False,
    ),
)  # fmt: skip
SOURCES = {1: DOCS, 2: WIKI}


def crawl(name: str = "Crawl", **config: Any) -> Step:
    return Step(name=name, action="crawl", config=config)


def definition(*steps: Step, **fields: Any) -> Definition:
    return Definition(
        name=fields.pop("name", "Nightly"), steps=steps or (crawl(start_urls=["docs.quaero.org"]),), **fields
    )


def planned(given: Definition) -> tuple[RunStep, ...]:
    return plan_run(given, SOURCES, DEFAULTS).steps


def config_of(step: RunStep) -> CrawlConfig:
    assert step.crawl is not None
    return step.crawl


def refusal(given: Definition, sources: dict[int, Source] = SOURCES) -> FieldError:
    with pytest.raises(FieldError) as refused:
        check_definition(given, sources, DEFAULTS)
    assert refused.value.field.split("[")[0].split(".")[0] in refused.value.message.lower()
    return refused.value


# --- crawls -----------------------------------------------------------------------------------------------------------


def test_a_crawl_goes_by_its_options_then_by_its_source_then_by_the_settings():
    (step,) = planned(definition(crawl(max_depth=1, delay=0.5, scope="host"), sources=(2,)))
    config = config_of(step)
    assert (step.name, step.source_id, config.seeds) == ("Crawl", 2, ("https://wiki.quaero.org/",))
    assert (config.max_depth, config.delay_ms, config.scope) == (1, 500, "host")
    assert (config.include, config.exclude, config.max_pages, config.per_host) == (("/en/",), ("*.pdf",), 50, 1)
    assert (config.obey_robots, config.max_attempts) == (False, 7)


def test_an_empty_list_of_rules_takes_those_of_the_source_away():
    (step,) = planned(definition(crawl(exclude_patterns=[]), sources=(2,)))
    assert (config_of(step).exclude, config_of(step).include) == ((), ("/en/",))


def test_a_crawl_of_several_sources_is_a_step_for_each():
    steps = planned(definition(crawl(), Step(name="Tell", action="summarise"), sources=(1, 2)))
    assert [(step.name, step.source_id) for step in steps] == [("Crawl: Docs", 1), ("Crawl: Wiki", 2), ("Tell", None)]
    assert [config_of(step).max_depth for step in steps[:2]] == [5, 2]


def test_start_urls_are_crawled_for_the_one_source_whatever_their_site():
    (step,) = planned(definition(crawl(start_urls=["https://other.quaero.org/a?utm_source=x"]), sources=(2,)))
    assert (step.source_id, config_of(step).seeds) == (2, ("https://other.quaero.org/a",))
    assert config_of(step).per_host == 1


def test_start_urls_go_to_the_sources_of_their_sites_and_what_fits_none_to_one_that_is_made_for_it():
    near = Source(id=3, name="Tutorial", base_url="https://docs.quaero.org/3/tutorial/")
    starts = ["https://elsewhere.quaero.org/", "https://docs.quaero.org/3/tutorial/one", "https://docs.quaero.org/2/"]
    plan = plan_run(definition(crawl(start_urls=starts), sources=(1, 2, 3)), {**SOURCES, 3: near}, DEFAULTS)
    assert [(step.source_id, config_of(step).seeds) for step in plan.steps] == [
        (1, ("https://docs.quaero.org/2/",)),
        (3, ("https://docs.quaero.org/3/tutorial/one",)),
        (None, ("https://elsewhere.quaero.org/",)),
    ]


def test_a_crawl_without_a_source_makes_one():
    (step,) = planned(definition(crawl(start_urls=["docs.quaero.org", "https://docs.quaero.org/"])))
    assert (step.source_id, config_of(step).seeds) == (None, ("https://docs.quaero.org/",))


def test_a_source_that_is_switched_off_is_left_out():
    off = {1: DOCS, 2: Source(id=2, name="Wiki", base_url="wiki.quaero.org", enabled=False)}
    both = definition(crawl(), sources=(1, 2))
    assert [step.source_id for step in plan_run(both, off, DEFAULTS).steps] == [1]
    alone = definition(crawl(), sources=(2,))
    check_definition(alone, off, DEFAULTS)  # it may be switched on again until it runs
    with pytest.raises(FieldError, match="switched off"):
        plan_run(alone, off, DEFAULTS)


# --- the rest of the run ----------------------------------------------------------------------------------------------


def test_a_run_carries_all_that_it_needs():
    tolerance = ErrorTolerance(max_child_failures=3)
    given = definition(
        crawl(start_urls=["docs.quaero.org"]),
        Step(name="Clean", action="cleanup", on_error="continue", config={"older_than": "30d"}),
        timeout="1h30m", pre_jobs=(4,), post_jobs=(5,), error_tolerance=tolerance,
    )  # fmt: skip
    plan = plan_run(given, {}, DEFAULTS)
    assert (plan.definition, plan.timeout_ms, plan.tolerance) == ("Nightly", 5_400_000, tolerance)
    assert (plan.pre_jobs, plan.post_jobs, plan.max_attempts, plan.defaults) == ((4,), (5,), 7, DEFAULTS)
    assert [(step.on_error, step.config) for step in plan.steps[1:]] == [(OnError.CONTINUE, {"older_than": "30d"})]


def test_an_action_that_nobody_knows_any_more_is_left_to_fail_when_its_turn_comes():
    old = definition(Step(name="Old", action="embed", config={"model": "x"}))
    assert [step.action for step in planned(old)] == ["embed"]
    assert refusal(old).field == "steps[1].action"


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        (Definition(name="x"), "steps", "no steps"),
        (definition(*[crawl(start_urls=["a.de"])] * 101), "steps", "100 is the most"),
        (definition(name="  "), "name", "empty"),
        (definition(name="x" * 201), "name", "200 is the most"),
        (definition(type="crawlr"), "type", "did you mean crawler?"),
        (definition(schedule="daily"), "schedule", "daily"),
        (definition(timeout="soon"), "timeout", "no duration"),
        (definition(timeout="0s"), "timeout", "between"),
        (definition(sources=(1, 9)), "sources[2]", "no source 9"),
        (definition(sources=(1, 1)), "sources[2]", "already"),
        (definition(error_tolerance=ErrorTolerance(max_child_failures=-1)), "error_tolerance.max_child_failures", "0"),
        (
            definition(error_tolerance=ErrorTolerance(max_child_failures=2**5000)),
            "error_tolerance.max_child_failures", "a number that large",
        ),
        (
            definition(error_tolerance=ErrorTolerance(max_child_failures=1, failure_action="stop")),
            "error_tolerance.failure_action", "did you mean stop_all?",
        ),
        (definition(Step(name="", action="crawl")), "steps[1].name", "empty"),
        (definition(Step(name="x", action="cralw")), "steps[1].action", "did you mean crawl?"),
        (definition(Step(name="x", action="reindex", on_error="retyr")), "steps[1].on_error", "did you mean retry?"),
        (definition(crawl()), "steps[1].config.start_urls", "missing"),
        (definition(crawl(start_urls=["a.de", " "])), "steps[1].config.start_urls[2]", "empty"),
        (definition(crawl(start_urls="a.de")), "steps[1].config.start_urls", "a list of web addresses, not “a.de”"),
        (definition(crawl(max_depth="many")), "steps[1].config.max_depth", "a whole number from 0 to 1000"),
        (definition(crawl(max_depth=True)), "steps[1].config.max_depth", "not true"),
        (definition(crawl(max_pages=0)), "steps[1].config.max_pages", "from 1"),
        (definition(crawl(delay=-1)), "steps[1].config.delay", "0 to 86400"),
        (definition(crawl(delay=float("nan"))), "steps[1].config.delay", "0 to 86400"),
        (definition(crawl(scope="world")), "steps[1].config.scope", "host, prefix or domain"),
        (definition(crawl(max_dept=1)), "steps[1].config.max_dept", "did you mean max_depth?"),
        (definition(crawl(include_patterns=["re:("])), "steps[1].config.include_patterns[1]", "regular expression"),
        (definition(crawl(exclude_patterns=["a", ""])), "steps[1].config.exclude_patterns[2]", "empty"),
        (
            definition(crawl(start_urls=["a.de"]), Step(name="x", action="cleanup")),
            "steps[2].config.older_than", "missing",
        ),
        (
            definition(Step(name="x", action="cleanup", config={"older_than": "30 lightyears"})),
            "steps[1].config.older_than", "no age",
        ),
        (
            definition(Step(name="x", action="cleanup", config={"older_than": "3d", "status": "running"})),
            "steps[1].config.status", "has not ended",
        ),
        (definition(Step(name="x", action="reindex", config={"a": 1})), "steps[1].config.a", "no options"),
        (
            definition(Step(name="x", action="summarise", config={"sentences": 0})),
            "steps[1].config.sentences", "from 1 to 50",
        ),
        (
            definition(Step(name="x", action="corpus_summary", config={"method": "magic"})),
            "steps[1].config.method", "auto, extractive or model",
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_its_place(given, field, said):
    error = refusal(given)
    assert error.field == field
    assert said in error.message


def test_a_source_that_makes_no_sense_is_named():
    broken = {1: Source(id=1, name="Docs", base_url="https://[", rules=SourceRules())}
    assert refusal(definition(crawl(), sources=(1,)), broken).field == "sources[1].base_url"
    bad_rule = {1: Source(id=1, name="Docs", base_url="https://docs.quaero.org/", rules=SourceRules(exclude=("re:(",)))}
    error = refusal(definition(crawl(), sources=(1,)), bad_rule)
    assert "sources[1] (“Docs”)" in error.message


def test_too_many_crawls_of_too_many_sources_are_refused():
    many = {
        each: Source(id=each, name=f"No. {each}", base_url=f"https://s{each}.quaero.org/") for each in range(1, 502)
    }
    error = refusal(definition(crawl("One"), crawl("Two"), sources=tuple(many)), many)
    assert error.field == "sources"
    assert "1,002 steps" in error.message


def test_options_of_older_definitions_are_taken():
    (step,) = planned(definition(crawl(start_urls=["a.de"], refresh_source=True, wait_for_completion=False)))
    assert step.crawl is not None


def test_one_status_may_stand_alone():
    options = parse("cleanup", {"older_than": "30d", "status": "failed"})
    assert isinstance(options, CleanupOptions)
    assert (options.statuses, options.older_than_ms) == (("failed",), 30 * 86_400_000)


@pytest.mark.parametrize(("text", "milliseconds"), [("90s", 90_000), ("10m", 600_000), ("1d2h3m4s", 93_784_000)])
def test_durations(text, milliseconds):
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "1.5h", "366d1s", "9" * 5000 + "d", "\uff110m"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(FieldError) as refused:
        parse_duration(text)
    assert refused.value.field == "timeout"


@pytest.mark.parametrize(
    ("edges", "circle"),
    [
        ({1: (2,), 2: (3,)}, ()),
        ({1: (1,)}, (1, 1)),
        ({1: (2,), 2: (1,)}, (1, 2, 1)),
        ({1: (2, 4), 2: (3,), 3: (2,), 4: (5,), 5: (1,)}, (1, 4, 5, 1)),
        ({1: (2,), 2: (3,), 3: (2,)}, ()),  # a circle, but not one of 1
        ({each: (each + 1,) for each in range(1, 5000)} | {5000: (1,)}, (*range(1, 5001), 1)),
    ],
)
def test_a_circle_is_found_and_told(edges, circle):
    assert find_circle(1, edges) == circle
