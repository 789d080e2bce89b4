"""Why a page failed and what can be done about it, in words."""

import pytest

from quaero_desktop.domain.advice import ADVICE, cause_sentence, skip_sentence
from quaero_desktop.domain.jobs import Cause, SkipReason


@pytest.mark.parametrize(
    ("cause", "code", "sentence"),
    [
        (Cause.HTTP_SERVER_ERROR, 503, "The server had a problem (503)"),
        (Cause.HTTP_SERVER_ERROR, None, "The server had a problem (5xx)"),
        (Cause.FORBIDDEN, 401, "The server does not let us in (401)"),
        (Cause.NOT_FOUND, 404, "The page does not exist (404)"),
        (Cause.PARSE, 200, "The page could not be read"),
        (Cause.DNS, None, "The name of the server could not be found"),
        ("from elsewhere", None, "From elsewhere"),
        (None, None, "No reason was recorded"),
    ],
)
def test_a_cause_is_a_sentence_with_the_code_that_came(cause: str | None, code: int | None, sentence: str) -> None:
    assert cause_sentence(cause, code) == sentence


def test_there_is_advice_for_whatever_can_go_wrong_by_itself() -> None:
    assert set(Cause) - set(ADVICE) == {Cause.CANCELLED, Cause.LIMIT}
    assert all(sentence.endswith(".") for sentence in ADVICE.values())


@pytest.mark.parametrize(
    ("reason", "rule", "sentence"),
    [
        (SkipReason.EXCLUDED, "exclude rule 2: */old/*", "excluded by rule 2: */old/*"),
        (SkipReason.NOT_INCLUDED, "no include rule matches: /a/, /b/", "no include rule matches: /a/, /b/"),
        (SkipReason.SCOPE, "host: docs.site.test", "outside the scope (host: docs.site.test)"),
        (SkipReason.ROBOTS, "robots.txt: Disallow: /private", "robots.txt: Disallow: /private"),
        (SkipReason.DEPTH, "deeper than 5", "too many links away (deeper than 5)"),
        (SkipReason.TOO_LONG, "", "the address is too long"),
        ("from elsewhere", "", "from elsewhere"),
    ],
)
def test_a_skip_says_which_rule_decided(reason: str, rule: str, sentence: str) -> None:
    assert skip_sentence(reason, rule) == sentence
