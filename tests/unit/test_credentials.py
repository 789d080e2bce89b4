"""Secrets: what people paste, and who is shown what (J8)."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain import secrets
from quaero_desktop.domain.credentials import Credential, CredentialKind
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.pasting import read
from quaero_desktop.domain.secrets import Basic, Bearer, Cookie, Cookies, Header, Secret, decode

NOW = 1_700_000_000_000
SITE = "https://wiki.site.test"
LATER = NOW // 1000 + 3600
BEFORE = NOW // 1000 - 1
TOKEN = "s3cr3t-Token.9x"


def credential(origin: str = SITE, kind: CredentialKind = CredentialKind.COOKIES) -> Credential:
    return Credential(id=1, name="wiki", origin=origin, kind=kind, kept=True, tail="")


def shown(text: str, url: str = SITE + "/", *, origin: str = SITE, **options) -> dict[str, str]:
    """Return the headers that a pasted text leads to."""
    pasted = read(text, now=NOW, origin=origin, **options)
    assert pasted.origin
    return secrets.headers_for(credential(pasted.origin, pasted.kind), decode(pasted.secret.reveal()), url, NOW)


def jar(*lines: str) -> str:
    return "# Netscape HTTP Cookie File\n" + "\n".join(lines) + "\n"


class TestPasting:
    @pytest.mark.parametrize(
        ("text", "options", "headers"),
        [
            ("sid=abc; theme=dark", {}, {"Cookie": "sid=abc; theme=dark"}),
            ("Cookie: sid=abc; theme=dark", {}, {"Cookie": "sid=abc; theme=dark"}),
            ("sid=a=b==", {"kind": CredentialKind.COOKIES}, {"Cookie": "sid=a=b=="}),
            (f"Authorization: Bearer {TOKEN}", {}, {"Authorization": f"Bearer {TOKEN}"}),
            (f"Bearer {TOKEN}", {}, {"Authorization": f"Bearer {TOKEN}"}),
            (TOKEN, {"kind": CredentialKind.BEARER}, {"Authorization": f"Bearer {TOKEN}"}),
            ("123:abc-def", {"kind": CredentialKind.BEARER}, {"Authorization": "Bearer 123:abc-def"}),
            ("me:pass:word", {"kind": CredentialKind.BASIC}, {"Authorization": "Basic bWU6cGFzczp3b3Jk"}),
            ("my-name:pass: word", {"kind": CredentialKind.BASIC}, {"Authorization": "Basic bXktbmFtZTpwYXNzOiB3b3Jk"}),
            ("me\npassword\n", {"kind": CredentialKind.BASIC}, {"Authorization": "Basic bWU6cGFzc3dvcmQ="}),
            ("Authorization: Basic bWU6cGFzcw==", {}, {"Authorization": "Basic bWU6cGFzcw=="}),
            ("Basic bWU6cGFzcw==", {"kind": CredentialKind.BASIC}, {"Authorization": "Basic bWU6cGFzcw=="}),
            (f"X-Api-Key: {TOKEN}", {}, {"X-Api-Key": TOKEN}),
            (f"Authorization: Token {TOKEN}", {}, {"Authorization": f"Token {TOKEN}"}),
        ],
    )
    def test_a_secret_is_understood(self, text, options, headers):
        assert shown(text, **options) == headers

    def test_headers_of_a_whole_request_are_understood(self):
        text = (
            "GET /a HTTP/1.1\nHost: wiki.site.test\nUser-Agent: Mozilla/5.0\nAccept: */*\nsec-fetch-mode: navigate\n"
            "Cookie: sid=abc\n"
        )
        assert shown(text) == {"Cookie": "sid=abc"}

    def test_of_cookies_and_a_token_the_token_counts_unless_cookies_are_wanted(self):
        text = f"cookie: sid=abc\nauthorization: Bearer {TOKEN}"
        assert shown(text) == {"Authorization": f"Bearer {TOKEN}"}
        assert shown(text, kind=CredentialKind.COOKIES) == {"Cookie": "sid=abc"}

    @pytest.mark.parametrize(
        ("text", "options", "sentence"),
        [
            ("", {}, "empty"),
            ("  \n", {}, "empty"),
            ("hello there", {}, "cannot be told"),
            ("hello there", {"kind": CredentialKind.COOKIES}, "no list of cookies"),
            ("two words", {"kind": CredentialKind.BEARER}, "no blanks"),
            ("no-colon", {"kind": CredentialKind.BASIC}, "user name or the password is missing"),
            (TOKEN, {"kind": CredentialKind.HEADER}, "with its name"),
            ("Accept: text/html", {}, "no secret"),
            ("X-One: a\nX-Two: b", {}, "more than one header"),
            ("Cookie: sid=a\x00b", {}, "control character"),
            ("Authorization: Basic %%%", {}, "cannot be read"),
            ("sid=abc", {"kind": CredentialKind.BEARER, "text": "Cookie: sid=abc"}, "no secret of the kind bearer"),
            ("x" * 5_000_001, {}, "too long"),
            ("sid=" + "x" * 70_000, {}, "too long"),
        ],
    )
    def test_what_is_no_secret_is_refused_without_repeating_it(self, text, options, sentence):
        text = options.pop("text", text)
        with pytest.raises(UsageError) as raised:
            read(text, now=NOW, origin=SITE, **options)
        assert sentence in raised.value.message
        assert not text.strip() or text[:40] not in f"{raised.value.message} {raised.value.hint}"

    @given(st.text(), st.sampled_from([None, *CredentialKind]))
    def test_whatever_is_pasted_no_header_gets_a_second_line(self, text, kind):
        try:
            headers = shown(text, kind=kind)
        except UsageError:
            return
        for name, value in headers.items():
            assert not set("\r\n\x00") & set(name + value)
            name.encode("ascii")
            value.encode()


class TestCookiesFile:
    def test_only_the_cookies_of_the_site_are_kept(self):
        text = jar(
            "wiki.site.test\tFALSE\t/\tTRUE\t0\tsid\tabc",
            f"#HttpOnly_.site.test\tTRUE\t/\tTRUE\t{LATER}\tsso\tdef",
            "site.test\tFALSE\t/\tTRUE\t0\tother\tno",
            "bank.test\tFALSE\t/\tTRUE\t0\tmoney\tno",
            "evil-site.test\tTRUE\t/\tTRUE\t0\tx\tno",
            f"wiki.site.test\tFALSE\t/\tTRUE\t{BEFORE}\told\tno",
        )
        pasted = read(text, now=NOW, origin=SITE)
        assert pasted.names == ("sid", "sso")
        assert pasted.left_out == 4
        assert shown(text) == {"Cookie": "sid=abc; sso=def"}
        assert "money" not in pasted.secret.reveal()

    def test_a_secure_cookie_is_not_for_plain_http(self):
        text = jar("wiki.site.test\tFALSE\t/\tTRUE\t0\tsid\tabc", "wiki.site.test\tFALSE\t/\tFALSE\t0\tplain\tyes")
        assert shown(text, "http://wiki.site.test/", origin="http://wiki.site.test") == {"Cookie": "plain=yes"}

    def test_a_cookie_goes_where_its_path_says_the_longest_first(self):
        text = jar(
            "wiki.site.test\tFALSE\t/\tFALSE\t0\ta\t1",
            "wiki.site.test\tFALSE\t/docs\tFALSE\t0\tb\t2",
            "wiki.site.test\tFALSE\t/admin/\tFALSE\t0\tc\t3",
        )
        assert shown(text, SITE + "/") == {"Cookie": "a=1"}
        assert shown(text, SITE + "/docs?x=/admin/") == {"Cookie": "b=2; a=1"}
        assert shown(text, SITE + "/docs/page") == {"Cookie": "b=2; a=1"}
        assert shown(text, SITE + "/docsearch") == {"Cookie": "a=1"}

    def test_a_cookie_is_not_sent_after_it_expired(self):
        pasted = read(jar(f"wiki.site.test\tFALSE\t/\tTRUE\t{LATER}\tsid\tabc"), now=NOW, origin=SITE)
        material = decode(pasted.secret.reveal())
        after = LATER * 1000
        assert secrets.headers_for(credential(), material, SITE + "/", after - 1) == {"Cookie": "sid=abc"}
        assert secrets.headers_for(credential(), material, SITE + "/", after) == {}
        assert secrets.has_expired(material, after)
        assert not secrets.has_expired(material, after - 1)

    def test_json_of_a_browsers_extension_is_understood(self):
        text = json.dumps(
            [
                {"name": "sid", "value": "abc", "domain": ".site.test", "path": "/", "expirationDate": LATER + 0.5},
                {"name": "x", "value": "y", "domain": "bank.test", "hostOnly": True, "sameSite": "lax"},
            ]
        )
        assert shown(text) == {"Cookie": "sid=abc"}

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (jar("bank.test\tFALSE\t/\tTRUE\t0\tmoney\tno"), "None of the cookies is for https://wiki.site.test"),
            (jar(f"wiki.site.test\tFALSE\t/\tTRUE\t{BEFORE}\tsid\tabc"), "have expired"),
            (jar("a\tb\tc\td\te\tf\tg\th"), "Line 2 of the cookies.txt"),
            (jar("wiki.site.test\tFALSE\t/\tTRUE\tsoon\tsid\tabc"), "Line 2 of the cookies.txt"),
            ('[{"name": "sid"}]', "no list of cookies as JSON"),
        ],
    )
    def test_why_a_file_is_refused(self, text, sentence):
        with pytest.raises(UsageError, match=sentence):
            read(text, now=NOW, origin=SITE)

    def test_an_address_in_numbers_is_nobodys_subdomain(self):
        text = jar(".0.0.1\tTRUE\t/\tFALSE\t0\tsid\tabc")
        with pytest.raises(UsageError, match="None of the cookies"):
            read(text, now=NOW, origin="http://127.0.0.1:8080")


class TestCurl:
    def test_the_command_says_which_site_it_is_for(self):
        text = f"curl 'https://Wiki.Site.test/page?x=1' \\\n  -H 'accept: */*' \\\n  -b 'sid={TOKEN}' --compressed"
        pasted = read(text, now=NOW)
        assert (pasted.origin, pasted.kind, pasted.tail) == (SITE, CredentialKind.COOKIES, TOKEN[-4:])
        assert shown(text) == {"Cookie": f"sid={TOKEN}"}

    def test_a_command_for_another_site_is_refused(self):
        with pytest.raises(UsageError, match=r"for https://bank\.test, and not for https://wiki\.site\.test"):
            read("curl 'https://bank.test/' -b 'sid=abc'", now=NOW, origin=SITE)

    @pytest.mark.parametrize(
        ("command", "headers"),
        [
            (f'curl "{SITE}/" -H "Authorization: Bearer {TOKEN}"', {"Authorization": f"Bearer {TOKEN}"}),
            (f"curl -u me:pass {SITE}/", {"Authorization": "Basic " + base64.b64encode(b"me:pass").decode()}),
            (f"curl --oauth2-bearer {TOKEN} --url {SITE}/", {"Authorization": f"Bearer {TOKEN}"}),
            (f"curl.exe {SITE}/ -H'X-Api-Key: {TOKEN}' -X GET", {"X-Api-Key": TOKEN}),
            (f"curl {SITE}/ --header='X-Api-Key: {TOKEN}'", {"X-Api-Key": TOKEN}),
            (f"curl '{SITE}/' -b $'sid=it\\'s\\u0021'", {"Cookie": "sid=it's!"}),
            (f"curl {SITE}/ \\\r\n  -b a=1", {"Cookie": "a=1"}),
            (
                f'curl ^"{SITE}/?a=b^%^20c^&d=e^" ^\n  -H ^"cookie: sid=^\\^"abc^\\^"; x=2^"',
                {"Cookie": 'sid="abc"; x=2'},
            ),
            (f'curl ^"{SITE}/^" ^\r\n  -b ^"sid=50^%^25^" ^\r\n  --compressed', {"Cookie": "sid=50%25"}),
        ],
    )
    def test_the_quoting_of_each_shell(self, command, headers):
        assert shown(command, origin="") == headers

    @pytest.mark.parametrize(
        ("command", "sentence"),
        [
            (f"curl '{SITE}/", "cut off"),
            (f"curl {SITE}/ -H", "ends after -H"),
            ("curl -H 'Cookie: a=1'", "names no address"),
            (f"curl {SITE}/", "no secret"),
            (f"curl {SITE}/ -b cookies.txt", "a file of cookies"),
            ("curl ftp://site.test/ -b a=1", "not a web address"),
        ],
    )
    def test_why_a_command_is_refused(self, command, sentence):
        with pytest.raises(UsageError, match=sentence):
            read(command, now=NOW)


class TestBinding:
    """A secret is bound to one origin: scheme, host and port."""

    MATERIALS = (
        Cookies(cookies=(Cookie(name="sid", value="abc"),)),
        Bearer(token=TOKEN),
        Basic(user="me", password="password"),
        Header(name="X-Api-Key", value=TOKEN),
    )

    @pytest.mark.parametrize("material", MATERIALS, ids=lambda each: type(each).__name__)
    @pytest.mark.parametrize(
        "url",
        [
            "http://wiki.site.test/",
            "https://wiki.site.test:8443/",
            "https://site.test/",
            "https://www.wiki.site.test/",
            "https://wiki.site.test.evil.test/",
            "https://wiki.site.testing/",
            "https://evil.test/https://wiki.site.test/",
        ],
    )
    def test_it_is_shown_to_nobody_else(self, material, url):
        assert secrets.headers_for(credential(), material, url, NOW) == {}

    @pytest.mark.parametrize("material", MATERIALS, ids=lambda each: type(each).__name__)
    def test_it_is_shown_to_its_site(self, material):
        assert len(secrets.headers_for(credential(), material, SITE + "/a/b?c", NOW)) == 1


class TestMasking:
    def test_nothing_but_reveal_shows_a_secret(self):
        pasted = read(f"Bearer {TOKEN}", now=NOW, origin=SITE)
        for shown in (pasted, pasted.secret, Secret(TOKEN), *TestBinding.MATERIALS):
            for text in (repr(shown), str(shown), f"{shown}", f"{shown!r}"):
                assert TOKEN not in text
                assert "password" not in text.lower()
                assert "abc" not in text
        assert Secret(TOKEN).reveal() == TOKEN

    @pytest.mark.parametrize(
        ("text", "tail"),
        [(f"Bearer {TOKEN}", "n.9x"), ("a=1; session=abcdefgh; b=zz", "efgh"), ("sid=short", ""), ("me:1234567", "")],
    )
    def test_the_last_four_characters_are_shown_of_what_is_long_enough(self, text, tail):
        kind = CredentialKind.BASIC if ":" in text else None
        assert read(text, now=NOW, origin=SITE, kind=kind).tail == tail

    def test_a_cookie_that_is_a_word_is_no_secret(self):
        material = decode(read("sid=0123456789abcdef; theme=dark; lang=english", now=NOW, origin=SITE).secret.reveal())
        parts = secrets.parts(material)
        assert "0123456789abcdef" in parts
        assert "dark" not in parts
        assert "english" not in parts

    def test_a_password_counts_in_each_form(self):
        parts = secrets.parts(Basic(user="me", password="hunter22"))
        assert {"hunter22", "me:hunter22", base64.b64encode(b"me:hunter22").decode()} <= set(parts)

    def test_what_is_kept_can_be_read_again_or_says_nothing(self):
        pasted = read(f"Bearer {TOKEN}", now=NOW, origin=SITE)
        assert decode(pasted.secret.reveal()) == Bearer(token=TOKEN)
        with pytest.raises(UsageError) as raised:
            decode(f"broken {TOKEN}")
        assert TOKEN not in raised.value.message + str(raised.value.__cause__)
