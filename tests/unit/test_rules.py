"""Include and exclude rules: plain words do what a person expects, and no rule can hang a crawl."""

import fnmatch
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quaero_desktop.domain import rules
from quaero_desktop.domain.errors import UsageError

SITE = "https://docs.test/3"


def fits(pattern: str, url: str) -> bool:
    return rules.compiled(pattern)(url, url.lower())


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        # words match anywhere
        (
            "/library/",
            ["/library/", "/library/json.html", "/de/library/x"],
            ["/library", "/library-2/", "/my-library/"],
        ),
        ("library", ["/library", "/my-library-2/x", "/?q=library"], ["/lib/rary"]),
        ("docs.test", ["", "/x"], []),
        ("?page=", ["/?page=2", "/x?page=2", "/x&page=2"], ["/x?pages", "/"]),
        # * is any text, ? one character
        ("/v?/", ["/v1/", "/v2/x"], ["/v/", "/v10/"]),
        ("*/old/*", ["/old/", "/old/x", "/a/old/b/c"], ["/old", "/older/x"]),
        ("*", ["", "/", "/x?y"], []),
        ("a*b*c", ["/a/b/c", "/abc", "/a/x/b/x/c", "/a/b/c?d"], ["/a/c", "/a/b/c/d"]),
        # after a * the rest is the end, of the path or of the URL
        ("*.pdf", ["/a.pdf", "/a.pdf?page=2", "/?file=a.pdf", "/A.PDF"], ["/a.pdf.html", "/a.pdfs", "/pdf", "/a.pd"]),
        ("/files/*.zip", ["/files/a.zip", "/x/files/a/b.zip?c"], ["/files/a.zip.html", "/a.zip"]),
        ("*/print", ["/a/print", "/a/print?x"], ["/a/printer", "/a/print/"]),
        ("*?action=*", ["/x?action=edit", "/x?a=b&action=edit"], ["/action/edit"]),
        # from the beginning
        ("https://docs.test/3/library/*", ["/library/", "/library/x"], ["/library", "/x/library/"]),
        ("https://docs.test/3/library", ["/library", "/library/x", "/library-2"], ["/x/https://docs.test/3/library"]),
        ("https://docs.test*/x", ["/x", "/y/x"], ["/x/y"]),
        ("http://docs.test/*", [], ["/", "/?u=http://docs.test/"]),
        ("https://*.test/*", ["/x"], []),
        # spellings that mean the same in a URL
        ("HTTPS://Docs.Test:443/3/", ["/x"], []),
        ("/größe/", ["/gr%C3%B6%C3%9Fe/"], ["/groesse/"]),
        ("/a b/", ["/a%20b/"], ["/a+b/"]),
        ("  /x/ ", ["/x/"], ["/y/"]),
        ("/LIBRARY/", ["/library/", "/Library/"], []),
        # what is special elsewhere is not here
        ("/a.b/", ["/a.b/"], ["/axb/"]),
        ("/(a|b)+[c]$^{2}", ["/(a|b)+[c]$^{2}"], ["/ac"]),
        ("/a\\b", ["/a\\b"], ["/ab"]),
        # regular expressions
        (r"re:/\d+/$", ["/12/", "/a/3/"], ["/12/x", "/12"]),
        ("re:^https://docs", ["/x"], []),
        ("re:/Library/", ["/Library/"], ["/library/"]),
        ("re:(?i)/Library/", ["/library/"], []),
    ],
)
def test_a_rule_fits_what_a_person_expects(pattern: str, fitting: list[str], others: list[str]):
    assert [path for path in fitting if not fits(pattern, SITE + path)] == []
    assert [path for path in others if fits(pattern, SITE + path)] == []


def test_a_host_in_another_script_is_found_by_how_it_is_read():
    assert fits("https://bücher.test/*", "https://xn--bcher-kva.test/x")
    assert fits("https://192.168.1*", "https://192.168.1.7/x")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("re:", "is empty"),
        ("a" * 1001, "longer than 1000"),
        ("/page#part", "can never match"),
        ("\ud800", "no text"),
        ("re:\ud800", "not a valid regular expression"),
        ("re:(", "not a valid regular expression: missing )"),
        ("re:[z-a]", "not a valid regular expression"),
        (r"re:(a)\1", "not a valid regular expression"),
        ("re:(?=a)", "not a valid regular expression"),
        ("re:a{1000}{1000}", "not a valid regular expression"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(pattern: str, said: str):
    with pytest.raises(UsageError, match=said.replace("(", r"\(").replace(")", r"\)")):
        rules.compiled(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *("re:(a+)+$", "re:(a|a)*b", "re:(.*)*x$", "re:(a*)*(a*)*$", "re:([a-z]+)*[0-9]$", "re:(.*a){20}$"),
        *("*" + "a*" * 300 + "b", "*".join("a" * 400) + "b", "*?" * 400 + "b", "a?a" * 300 + "*b", "*" + "a" * 999),
    ],
)
def test_no_rule_hangs_on_any_url(pattern: str):
    url = f"{SITE}/{'a' * 4000}!?{'a' * 70}"
    matches = rules.compiled(pattern)
    started = time.process_time()
    matches(url, url)
    # Hours where an expression is tried in all ways.
    assert time.process_time() - started < 2


LETTERS = st.text(st.sampled_from("ab/.*?"), max_size=8)


@given(LETTERS.filter(str.strip), st.text(st.sampled_from("ab/.?"), max_size=12))
@example("a*a*a", "aa")
@example("*a", "a?a")
@example("*?", "")
@example("*a", "?a?")
@example("b?*a", "b?a?")
def test_wildcards_agree_with_those_of_the_shell(pattern: str, rest: str):
    """The reference is fnmatch, given the same freedom at both ends."""
    url = f"https://h/{rest}"
    ends = [url, url.partition("?")[0]]
    candidates = ends if "*" in pattern and not pattern.endswith("*") else [url]
    shell = f"*{pattern}" if "*" in pattern else f"*{pattern}*"
    assert fits(pattern, url) == any(fnmatch.fnmatchcase(candidate, shell) for candidate in candidates)
