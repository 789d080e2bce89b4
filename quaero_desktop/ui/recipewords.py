"""Definitions and sources in plain words, as the window writes them."""

from msgspec import UNSET

from quaero_desktop.domain.credentials import Credential, CredentialKind
from quaero_desktop.domain.definitions import (
    Action,
    Definition,
    DefinitionType,
    FailureAction,
    OnError,
    RunConfig,
    RunStep,
    Step,
    StoredDefinition,
)
from quaero_desktop.domain.jobs import Cause, Job, Status
from quaero_desktop.domain.setupwords import SetupLine, SetupPart, in_words
from quaero_desktop.domain.sources import NewSource, Source
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.format import NOTHING, clean, count_of, duration, relative

ACTIONS: dict[str, str] = {
    Action.CRAWL: "Crawl",
    Action.TRANSFORM: "Extract again",
    Action.SUMMARISE: "Summarise",
    Action.CORPUS_SUMMARY: "Sum up",
    Action.REINDEX: "Renew the search index",
    Action.CLEANUP: "Clean up",
}
"""What each action is called."""

ABOUT_ACTIONS: dict[str, str] = {
    Action.CRAWL: "Collect pages from web addresses or sources",
    Action.TRANSFORM: "Make the text of stored pages anew, without fetching them",
    Action.SUMMARISE: "A short summary of each document",
    Action.CORPUS_SUMMARY: "One summary and keywords of all that was collected",
    Action.REINDEX: "Build the full-text index of the library anew",
    Action.CLEANUP: "Delete old jobs and their logs; documents stay",
}
"""What each action does, in a sentence."""

ON_ERROR: dict[str, str] = {
    OnError.FAIL: "Stop: what follows is skipped",
    OnError.CONTINUE: "Go on with the next step",
    OnError.RETRY: "Try again, up to three times",
}
"""What follows when a step fails."""

FAILURE_ACTIONS: dict[str, str] = {
    FailureAction.STOP_ALL: "stop the run",
    FailureAction.MARK_WARNING: "go on, with a warning",
    FailureAction.CONTINUE: "go on",
}
"""What follows when more fails than is tolerated."""

KINDS: dict[str, str] = {
    CredentialKind.COOKIES: "cookies",
    CredentialKind.BEARER: "token",
    CredentialKind.BASIC: "user name and password",
    CredentialKind.HEADER: "header of its own",
}
"""How a secret is shown to a site."""

SCOPES: dict[str, str] = {
    "host": "this site",
    "prefix": "below its folder",
    "domain": "the whole domain",
}


def action_words(action: str) -> str:
    """Return what an action is called; one that nobody knows as it is."""
    return ACTIONS.get(action) or f"“{clean(action, 40)}”"


def does(definition: Definition) -> str:
    """Return what a definition does, like ``Crawl, summarise, clean up``."""
    words: list[str] = []
    for step in definition.steps:
        word = action_words(step.action)
        if not words or words[-1] != word:
            words.append(word)
    if not words:
        return "Nothing yet"
    return ", ".join([words[0], *(word[:1].lower() + word[1:] for word in words[1:])])


def next_run(stored: StoredDefinition, moment: int | None, now: int) -> str:
    """Return when a definition runs next, or why it does not by itself.

    Args:
        stored: the definition.
        moment: when its schedule comes next, in milliseconds UTC; None for never.
        now: milliseconds UTC.
    """
    if not stored.definition.enabled:
        return "switched off"
    if not stored.definition.schedule:
        return "at each start" if stored.definition.auto_start else "by hand"
    if stored.schedule_paused:
        return "‖ paused"
    if moment is None:
        return NOTHING
    return in_a_while(moment, now)


def in_a_while(moment: int, now: int) -> str:
    """Return how far ahead a moment is, like ``in 3 h 5 m``: no seconds where nobody counts them."""
    left = moment - now
    if left < 60_000:
        return "in less than a minute" if left > 0 else relative(moment, now)
    if left < 3_600_000:
        return f"in {left // 60_000} min"
    return f"in {duration(left // 60_000 * 60)}"


def tolerance_words(definition: Definition) -> str:
    """Return what happens when parts fail."""
    tolerance = definition.error_tolerance
    if tolerance is None:
        return "any number of pages may fail"
    what = FAILURE_ACTIONS.get(tolerance.failure_action) or clean(tolerance.failure_action)
    return f"when more than {count_of(tolerance.max_child_failures, 'page')} failed: {what}"


def step_details(step: Step | RunStep) -> str:
    """Return what of a step is worth a second line: where a crawl begins, how old what is cleaned up must be."""
    config = step.config
    parts: list[str] = []
    match step.action:
        case Action.CRAWL:
            starts = config.get("start_urls") or ()
            if starts:
                first = clean(str(starts[0]), 80).partition("://")[2] or clean(str(starts[0]), 80)
                parts.append(first if len(starts) == 1 else f"{first} and {len(starts) - 1} more")
            if (depth := config.get("max_depth")) is not None:
                parts.append(f"{depth} links deep")
            if most := config.get("max_pages"):
                parts.append(f"at most {most:,} pages" if isinstance(most, int) else "")
        case Action.SUMMARISE | Action.CORPUS_SUMMARY:
            if sentences := config.get("sentences"):
                parts.append(f"{sentences} sentences")
            if config.get("method") in ("model", "auto"):
                parts.append("by the language model")
        case Action.CLEANUP:
            statuses = config.get("status") or ()
            kinds = " and ".join(statuses) if isinstance(statuses, list | tuple) else str(statuses)
            parts.append(f"{kinds or 'all'} jobs older than {age_words(str(config.get('older_than', '')))}")
    return " · ".join(clean(part) for part in parts if part)


def age_words(age: str) -> str:
    """Return an age like ``30d`` as ``30 days``; anything else as it is."""
    number, unit = age.strip()[:-1].strip(), age.strip()[-1:].lower()
    nouns = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
    return count_of(int(number), nouns[unit]) if unit in nouns and number.isdecimal() else clean(age) or "?"


def run_in_words(run: RunConfig) -> tuple[SetupPart, ...]:
    """Return what a run of a definition was asked to do, for the setup of its root."""
    lines = [SetupLine("Definition", clean(run.definition))]
    if run.timeout_ms is not None:
        lines.append(SetupLine("Takes at most", duration(run.timeout_ms / 1000)))
    if run.tolerance is not None:
        words = FAILURE_ACTIONS.get(run.tolerance.failure_action, run.tolerance.failure_action)
        lines.append(
            SetupLine("Errors", f"more than {count_of(run.tolerance.max_child_failures, 'failed page')}: {words}")
        )
    for name, ids in (("Runs before", run.pre_jobs), ("Runs after", run.post_jobs)):
        if ids:
            lines.append(SetupLine(name, count_of(len(ids), "definition")))
    parts = [SetupPart("Run", tuple(lines))]
    for number, step in enumerate(run.steps, 1):
        own = [SetupLine("Does", action_words(step.action))]
        if details := step_details(step):
            own.append(SetupLine("How", details))
        own.append(SetupLine("If it fails", ON_ERROR.get(step.on_error, clean(step.on_error))))
        if step.crawl is not None:
            own += [line for part in in_words(step.crawl) for line in part.lines]
        parts.append(SetupPart(f"{number}. {clean(step.name)}", tuple(own)))
    return tuple(parts)


def waits_for_sign_in(root: Job) -> bool:
    """Return whether a root is paused until its person signs in to the site again."""
    return root.status == Status.PAUSED and root.cause == Cause.SIGN_IN


def credential_words(credential: Credential | None) -> str:
    """Return how a source signs in, with the tail of the secret, like ``cookies …a3f9``."""
    if credential is None:
        return NOTHING
    tail = f" …{clean(credential.tail, 8)}" if credential.tail else ""
    return f"{KINDS.get(credential.kind, credential.kind)}{tail}"


def site_of(source: Source) -> str:
    """Return the address of a source without what all have in common."""
    return clean(source.base_url.partition("://")[2].rstrip("/") or source.base_url)


def as_definition(request: CrawlRequest, name: str) -> Definition:
    """Return a definition that crawls what was asked for.

    Args:
        request: what was asked for.
        name: what it is called where the request says nothing.
    """
    said = {
        "start_urls": list(request.urls),
        "scope": request.scope,
        "max_depth": request.depth,
        # A step cannot say "no limit" where its source has one.
        "max_pages": None if request.max_pages is UNSET else request.max_pages,
        "include_patterns": None if request.include is None else list(request.include),
        "exclude_patterns": None if request.exclude is None else list(request.exclude),
        "concurrency": request.per_host,
        "delay": request.delay_seconds,
    }
    return Definition(
        name=request.name or name,
        type=DefinitionType.CRAWLER,
        sources=() if request.source_id is None else (request.source_id,),
        steps=(
            Step(
                name=ACTIONS[Action.CRAWL],
                action=Action.CRAWL,
                config={key: value for key, value in said.items() if value is not None},
            ),
        ),
    )


def as_new(source: Source, *, credential_id: int | None = None, enabled: bool | None = None) -> NewSource:
    """Return a source as a person would say it, with something changed.

    Args:
        source: as it is.
        credential_id: another credential; None keeps the one that it has.
        enabled: whether it is switched on; None leaves that as it is.
    """
    own = source.credential.id if source.credential is not None else None
    return NewSource(
        base_url=source.base_url,
        name=source.name,
        enabled=source.enabled if enabled is None else enabled,
        rules=source.rules,
        credential_id=own if credential_id is None else credential_id,
    )
