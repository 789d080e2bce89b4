"""No secret gets out: known ones are found in every spelling, unknown ones by where they stand (J8)."""

import base64
import json
import re
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quaero_desktop.infra.redact import MASK, Redactor, mask, redact, redact_url

SECRET = "s3cr3t-Value.9x"


FRAGMENTS = st.one_of(
    st.sampled_from(
        ["token", "Cookie", "password", "sig", "Bearer ", "x-api-key", "https://", "%3A%2F%2F", "%26", "%3D"]
    ),
    st.sampled_from("abc9=:,;?&/@#'\"\\ \n{}•"),
)
NOISE = st.lists(FRAGMENTS, max_size=10).map("".join)
PLACES = st.sampled_from(
    [
        "https://me:{}@host/",
        "https://host/?token={}&x=1",
        "Cookie: a={}",
        '"password": "{}"',
        "('authorization', b'Bearer {}')",
    ]
)


class TestMask:
    def test_the_last_four_characters_are_shown(self):
        assert mask("abcdefgh") == "••••efgh"

    @pytest.mark.parametrize("secret", ["", "a", "abcdefg"])
    def test_of_a_short_one_nothing(self, secret):
        assert mask(secret) == "••••"


class TestSuspectedSecrets:
    @pytest.mark.parametrize(
        "text",
        [
            f"GET https://me:{SECRET}@host/page",
            f"https://{SECRET}@host",
            f"https://me:pa@ss{SECRET}@host/x",
            f"https://me:a/{SECRET}@host/x",
            rf'{{"url": "https:\/\/me:{SECRET}@host\/"}}',
            f"https://host/login?next=https%3A%2F%2Fme%3A{SECRET}%40other%2Fx",
            f"https://host/a?x=1&access_token={SECRET}",
            f"https://host/a?api_key={SECRET}#top",
            f"https://host/a?X-Amz-Signature={SECRET}&x=1",
            f"https://host/a?sig={SECRET}",
            f"https://host/a?q=1;key={SECRET}",
            f"https://host/a;jsessionid={SECRET}?x=1",
            f"https://host/a#id_token={SECRET}",
            f"https://host/go?url=https%3A%2F%2Fother%2F%3Ftoken%3D{SECRET}%26x%3D1",
            f"https://host/go?url=https%3A%2F%2Fother%2F%3Fx%3D1%26sig%3D{SECRET}",
            f"user=me&password={SECRET}&go=1",
            f"the password: {SECRET} was refused",
            f"Authorization: Bearer {SECRET}",
            f"authorization: Basic {base64.b64encode(SECRET.encode()).decode()} {SECRET}",
            f'Authorization: Digest username="me", response="{SECRET}"',
            f"Cookie: theme=dark; sid={SECRET}",
            f"Set-Cookie: sid={SECRET}; HttpOnly",
            f"X-Api-Key: {SECRET}",
            f"x-auth-token={SECRET}",
            f"{{'Authorization': 'Bearer {SECRET}'}}",
            f"{{'Cookie': \"it's={SECRET}\"}}",
            f"[(b'authorization', b'Bearer {SECRET}'), (b'accept', b'*/*')]",
            f"Headers({{'x-api-key': '{SECRET}'}})",
            f'{{"password":"{SECRET}"}}',
            f'{{"client_secret" : "a\\"{SECRET}"}}',
            json.dumps(json.dumps({"token": f'x"{SECRET}'})),
            f"Credential(token='{SECRET}')",
            f"curl -H 'Authorization: Bearer {SECRET}'",
            f"sent Bearer {SECRET} to it",
            f"cut off: {{'password': 'x{SECRET}",
            f"line one\nCookie: a={SECRET}\nline three",
        ],
    )
    def test_they_are_found_by_where_they_stand(self, text):
        redacted = redact(text)
        assert SECRET not in redacted
        assert base64.b64encode(SECRET.encode()).decode() not in redacted
        assert MASK in redacted

    @pytest.mark.parametrize(
        "text",
        [
            "Stored https://docs.python.org/3/library/secrets.html as document 5",
            "fetched https://host:8080/@user/post@2x.png in 12 ms",
            "mail me@host or see https://host/path",
            "basic information about tokens and cookies",
            "max_tokens=5 workers=3 path=/a/b?x=1&page=2#top",
            "https://host/search?q=monkey=banana",
            "The digest of the page changed",
            "KeyError: 'auth'",
            "",
        ],
    )
    def test_what_is_none_stays(self, text):
        assert redact(text) == text

    def test_what_stands_around_them_stays(self):
        assert redact(f"GET https://me:{SECRET}@host/a?token={SECRET}&page=2 failed") == (
            "GET https://••••@host/a?token=••••&page=2 failed"
        )
        assert (
            redact(f"{{'Cookie': 'a={SECRET}', 'Accept': 'text/html'}}") == "{'Cookie': '••••', 'Accept': 'text/html'}"
        )
        assert redact(f'password="" then token={SECRET}') == 'password="" then token=••••'
        assert redact(f"token=x://a:{SECRET}@host&page=2") == "token=••••&page=2"
        assert redact(f"one\nCookie: a={SECRET}\nthree") == "one\nCookie: ••••\nthree"

    def test_an_address_keeps_all_but_its_secrets(self):
        assert redact_url(f"https://me:x@host:8443/a?page=2&token={SECRET}&sig=1#x") == (
            "https://••••@host:8443/a?page=2&token=••••&sig=••••"
        )
        plain = "https://host/cookie:recipes?authors=2&q=a%3Db"
        assert redact_url(plain) == plain

    @given(before=NOISE, place=PLACES, after=NOISE)
    def test_they_are_found_in_any_noise(self, before, place, after):
        assert SECRET not in redact(f"{before} {place.format(SECRET)} {after}")

    @pytest.mark.parametrize(
        "text",
        [
            "a" * 100_000,
            "://a:" * 20_000 + "@",
            "token" * 20_000,
            "password = '" * 9_000,
            "cookie " * 15_000,
            "%3A%2F%2F%40" * 9_000,
        ],
        ids=["word", "user part", "name", "quote", "header", "encoded"],
    )
    def test_hostile_text_takes_no_time(self, text):
        start = time.process_time()
        redact(text)
        assert time.process_time() - start < 2


# What a person or a server may choose as a secret; the bullet is our own mask.
SECRETS = st.text(st.characters(exclude_characters="•", exclude_categories=["Cs"]), min_size=1, max_size=40)
AROUND = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


class TestKnownSecrets:
    def test_they_are_masked_wherever_they_stand(self):
        redactor = Redactor()
        redactor.add(SECRET)
        assert redactor.scrub(f"sent {SECRET}, got 401") == f"sent {MASK}e.9x, got 401"

    def test_nothing_known_and_nothing_suspected_leaves_the_text(self):
        text = "Stored 12 pages of https://docs.python.org/3/"
        assert Redactor().scrub(text) == text

    @given(secret=SECRETS, before=AROUND, after=AROUND)
    def test_none_gets_out_in_any_spelling(self, secret, before, after):
        redactor = Redactor()
        redactor.add(secret)
        for spelling in (
            secret,
            quote(secret),
            quote(secret, safe=""),
            quote_plus(secret),
            re.sub("%..", lambda escape: escape[0].lower(), quote(secret, safe="")),
            json.dumps(secret)[1:-1],
            repr(secret)[1:-1],
        ):
            scrubbed = redactor.scrub(before + spelling + after)
            assert spelling not in scrubbed
            assert secret not in scrubbed

    @given(
        secrets=st.lists(st.text("abA1/", min_size=1, max_size=12), min_size=1, max_size=4),
        text=st.text("abA1/", max_size=60),
    )
    def test_not_even_those_that_overlap(self, secrets, text):
        redactor = Redactor()
        for secret in secrets:
            redactor.add(secret)
        scrubbed = redactor.scrub(text)
        assert not any(secret in scrubbed for secret in secrets)

    def test_a_secret_that_is_used_twice_stays_known_until_both_are_gone(self):
        redactor = Redactor()
        redactor.add(SECRET)
        redactor.add(SECRET)
        redactor.remove(SECRET)
        assert SECRET not in redactor.scrub(SECRET)
        redactor.remove(SECRET)
        redactor.remove(SECRET)
        assert redactor.scrub(SECRET) == SECRET
        redactor.add(SECRET)
        assert SECRET not in redactor.scrub(SECRET)

    def test_an_empty_one_is_none(self):
        redactor = Redactor()
        redactor.add("")
        assert redactor.scrub("text") == "text"

    @given(secret=SECRETS)
    def test_a_mask_shows_four_characters_at_most(self, secret):
        assume(len(secret) > 4)
        assert secret not in mask(secret)
        assert len(mask(secret)) <= len(MASK) + 4
