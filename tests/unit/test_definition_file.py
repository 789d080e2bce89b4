"""J4: a definition as a TOML file: what is wrong is told with its line, and what was written comes back."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain.definitionfile import Names, lines_of, parse, render
from quaero_desktop.domain.definitions import Definition, ErrorTolerance, Step
from quaero_desktop.domain.errors import FieldError

NAMES = Names(sources={1: "Docs", 2: "Wiki", 3: "Wiki"}, definitions={4: "Before", 5: "Nach größer"})
NIGHTLY = dedent(
    """\
    # Every night.
    name = "Nightly"
    type = "crawler"
    schedule = "0 3 * * *"
    timeout = "10m"
    sources = ["docs", 2]
    pre_jobs = ["Before"]
    post_jobs = ["NACH GRÖSSER"]

    [error_tolerance]
    max_child_failures = 20

    [[steps]]
    name = "Fetch"
    action = "crawl"
    on_error = "retry"
    [steps.config]
    include_patterns = [
        "/3/",
        "/tutorial/",
    ]
    max_depth = 3

    [[steps]]
    action = "corpus_summary"
    """
)


def test_a_file_is_read():
    assert parse(NIGHTLY, NAMES) == Definition(
        name="Nightly",
        type="crawler",
        schedule="0 3 * * *",
        timeout="10m",
        sources=(1, 2),
        pre_jobs=(4,),
        post_jobs=(5,),
        error_tolerance=ErrorTolerance(max_child_failures=20),
        steps=(
            Step(
                name="Fetch",
                action="crawl",
                on_error="retry",
                config={"include_patterns": ["/3/", "/tutorial/"], "max_depth": 3},
            ),
            Step(name="Corpus summary", action="corpus_summary"),
        ),
    )


def test_what_other_systems_write_is_read_too():
    assert parse("\ufeff" + NIGHTLY.replace("\n", "\r\n"), NAMES) == parse(NIGHTLY, NAMES)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('type = "crawler"', 'tpye = "crawler"', "Line 3: tpye: there is no such field; did you mean type?"),
        ('type = "crawler"', "type = 7", "Line 3: type must be a text, not 7."),
        ('timeout = "10m"', 'enabled = "yes"', "Line 5: enabled must be true or false, not “yes”."),
        ('"docs", 2', '"docs", "dosc"', "Line 6: sources[2]: there is no source “dosc”."),
        ('"docs", 2', '"docs", 9', "Line 6: sources[2]: there is no source 9."),
        ('"docs", 2', '"wiki"', "Line 6: sources[1]: 2 sources are called “wiki”."),
        ('"docs", 2', "true", "Line 6: sources[1] must be the name or the number of a source, not true."),
        ('["docs", 2]', '"docs"', "Line 6: sources must be a list of names or numbers, not “docs”."),
        ('"Before"', '"Befor"', "Line 7: pre_jobs[1]: there is no definition “Befor”."),
        (
            "max_child_failures = 20", "max_failures = 20",
            "Line 11: error_tolerance.max_failures: there is no such field; did you mean max_child_failures?",
        ),
        (
            "max_child_failures = 20", "", "Line 10: error_tolerance.max_child_failures is missing: how many may fail.",
        ),
        ("max_child_failures = 20", "max_child_failures = true", "Line 11: error_tolerance.max_child_failures must be"),
        (
            'on_error = "retry"',
            "onerror = 1",
            "Line 16: steps[1].onerror: there is no such field; did you mean on_error?",
        ),
        ('on_error = "retry"', 'schedule = "x"', "Line 16: steps[1].schedule: a step has no schedule."),
        (
            'action = "corpus_summary"', 'action = "corpus_summary"\nconfig = 5',
            "Line 26: steps[2].config must be a section, [steps.config], not 5.",
        ),
        ('type = "crawler"', '"a[b.c" = 1', "Line 3: a[b.c: there is no such field"),
        ('action = "corpus_summary"', 'name = "x"', "Line 24: steps[2].action is missing: what the step does."),
        ('name = "Nightly"', "", "name is missing."),
        ("10m", '10m"""', "Line 5: this is not valid TOML"),
        ('action = "corpus_summary"\n', 'action = "', "Line 25: this is not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(before, after, said):
    assert before in NIGHTLY
    with pytest.raises(FieldError) as refused:
        parse(NIGHTLY.replace(before, after, 1), NAMES)
    assert refused.value.message.startswith(said)


def test_no_steps_are_told():
    with pytest.raises(FieldError, match=r"^steps is missing"):
        parse('name = "x"', NAMES)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "x" * 300_000, "a.b" * 2000 + " = 1", "\x00", "name = '\ud800'"])
def test_nonsense_is_refused_politely(text):
    with pytest.raises(FieldError):
        parse(text, NAMES)


def test_the_line_of_each_field():
    lines = lines_of(NIGHTLY)
    assert {place: lines[place] for place in (
        "name", "sources", "error_tolerance", "steps[1]", "steps[1].action", "steps[1].config",
        "steps[1].config.include_patterns", "steps[1].config.max_depth", "steps[2]", "steps[2].action",
    )} == {
        "name": 2, "sources": 6, "error_tolerance": 10, "steps[1]": 13, "steps[1].action": 15, "steps[1].config": 17,
        "steps[1].config.include_patterns": 18, "steps[1].config.max_depth": 22, "steps[2]": 24, "steps[2].action": 25,
    }  # fmt: skip


def test_the_lines_of_steps_that_are_written_inline():
    lines = lines_of('name = "x"\nsteps = [\n  {action = "crawl", config = {max_depth = 1}},\n]\ntype = """\n\n"""\n')
    assert (lines["steps[1].config.max_depth"], lines["type"]) == (2, 5)


def test_a_definition_is_written_for_people():
    text = render(parse(NIGHTLY, NAMES), NAMES)
    assert 'schedule = "0 3 * * *" # every day at 03:00' in text
    assert 'sources = ["Docs", 2]' in text  # there are two of the name Wiki
    assert "[[steps]]" in text
    assert "[steps.config]" in text
    assert parse(text, NAMES) == parse(NIGHTLY, NAMES)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.floats(allow_nan=False),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=6,
)
STEPS = st.builds(
    Step,
    name=TEXT,
    action=TEXT,
    on_error=TEXT,
    config=st.dictionaries(TEXT, VALUES, max_size=4),
)
DEFINITIONS = st.builds(
    Definition,
    name=TEXT,
    type=TEXT,
    description=TEXT,
    schedule=TEXT | st.just("*/15 * * * *"),
    timeout=TEXT,
    enabled=st.booleans(),
    auto_start=st.booleans(),
    sources=st.lists(st.sampled_from([1, 2, 3]), unique=True).map(tuple),
    pre_jobs=st.lists(st.sampled_from([4, 5]), unique=True).map(tuple),
    post_jobs=st.lists(st.sampled_from([4, 5]), unique=True).map(tuple),
    error_tolerance=st.none() | st.builds(ErrorTolerance, max_child_failures=st.integers(0, 1000), failure_action=TEXT),
    steps=st.lists(STEPS, min_size=1, max_size=3).map(tuple),
)


@given(DEFINITIONS)
def test_what_is_written_comes_back(definition):
    """Whatever an old row may hold."""
    assert parse(render(definition, NAMES), NAMES) == definition


@given(st.dictionaries(st.integers(1, 9), TEXT, min_size=1, max_size=5))
def test_sources_come_back_whatever_they_are_called(sources):
    definition = Definition(name="x", sources=tuple(sources), steps=(Step(name="a", action="crawl"),))
    names = Names(sources=sources)
    assert parse(render(definition, names), names) == definition
