"""What is asked of a server about a page that the library has (D4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain.documents import KnownPage
from quaero_desktop.web.conditional import conditions

MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
MODIFIED_MS = 784_111_777_000
MINUTE_MS = 60_000


def known(etag: str | None = None, modified: str | None = None, fetched_at: int = MODIFIED_MS + MINUTE_MS) -> KnownPage:
    return KnownPage(document_id=1, etag=etag, last_modified=modified, fetched_at=fetched_at, extractor=1, links=())


@pytest.mark.parametrize("etag", ['"33a64df5"', 'W/"0815"', '""', '"a,b#!~"', "unquoted-64f2", "W/unquoted"])
def test_an_etag_goes_back_verbatim(etag):
    assert conditions(known(etag)) == {"If-None-Match": etag}


def test_with_an_etag_the_date_says_nothing():
    assert conditions(known('"1"', MODIFIED)) == {"If-None-Match": '"1"'}


@pytest.mark.parametrize(
    "modified",
    [MODIFIED, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 09:49:37 +0100"],
)
def test_a_date_goes_back_verbatim_in_each_format_of_http(modified):
    assert conditions(known(modified=modified)) == {"If-Modified-Since": modified}
    assert conditions(known(modified=modified, fetched_at=MODIFIED_MS + MINUTE_MS - 1)) == {}


@pytest.mark.parametrize("age_ms", [0, 1_000, 59_999, -10_000_000])
def test_a_page_fetched_within_a_minute_of_its_change_is_fetched_whole(age_ms):
    """It may have changed again in the same second; and a date that lies ahead says that the clocks differ."""
    assert conditions(known(modified=MODIFIED, fetched_at=MODIFIED_MS + age_ms)) == {}


@pytest.mark.parametrize(
    "etag",
    ["", "*", '"1", "2"', 'W/"1"\r\nCookie: x', '"1"\n', '"a"b"', '"\x00"', '"ä"', '"未"', " ", '"1" ', "a b"],
)
def test_what_is_no_etag_is_not_sent(etag):
    assert conditions(known(etag)) == {}
    assert conditions(known(etag, MODIFIED)) == {"If-Modified-Since": MODIFIED}


@pytest.mark.parametrize(
    "modified",
    ["", "yesterday", "0", MODIFIED + "\r\nCookie: x", MODIFIED + "\n", "Sun, 99 Nov 1994 08:49:37 GMT", "Mon, 未"],
)
def test_what_is_no_date_is_not_sent(modified):
    assert conditions(known(modified=modified)) == {}


@given(st.text(), st.text())
def test_whatever_a_server_sends_makes_at_most_one_line_of_a_header(etag, modified):
    for name, value in conditions(known(etag, modified)).items():
        assert value == (etag if name == "If-None-Match" else modified)
        assert value.isascii()
        assert value.isprintable()
