"""What looks like a sign-in, and what would end one: only a doubt, but a good one."""

import time

import pytest

from quaero_desktop.domain import signin

SITE = "https://wiki.site.test"


@pytest.mark.parametrize(
    "target",
    [
        "/login",
        "/login?next=/docs/",
        "/users/sign_in",
        "/accounts/login/?next=/",
        "/login.action?os_destination=%2Fpages",
        "/wp-login.php?redirect_to=x",
        "/index.php?title=Special:UserLogin&returnto=Main",
        "/index.php?title=Special%3AUserLogin",
        "/ucp.php?mode=login",
        "/session/new/signin",
        "/realms/docs/protocol/openid-connect/auth",
        "/Account/LogOn",
        "/auth/redirect?to=/docs/page",
    ],
)
def test_a_redirect_to_a_login_page_is_noticed(target):
    assert signin.leads_to_login(SITE + "/docs/page", SITE + target)


@pytest.mark.parametrize(
    "target",
    [
        "/docs/page/",
        "/docs/auth/",
        "/docs/login-guide",
        "/blog/catalogin",
        "/blog?query=login",
        "/authors",
        "/docs/signing",
        "/",
    ],
)
def test_another_redirect_is_none(target):
    assert not signin.leads_to_login(SITE + "/docs/page", SITE + target)


def test_a_host_for_signing_in_is_noticed():
    assert signin.leads_to_login(SITE + "/a", "https://login.site.test/common/x")
    assert signin.leads_to_login(SITE + "/a", "https://sso.other.test/")
    assert not signin.leads_to_login("https://login.site.test/a", "https://login.site.test/b")
    assert not signin.leads_to_login(SITE + "/a", "https://docs.site.test/")


def test_a_page_about_signing_in_may_be_moved():
    assert not signin.leads_to_login(SITE + "/docs/oauth", SITE + "/docs/oauth/")


def test_where_signing_in_is_known_to_be_done_counts():
    assert signin.leads_to_login(SITE + "/a", SITE + "/welcome?back=/a", SITE + "/welcome")
    assert not signin.leads_to_login(SITE + "/a", SITE + "/welcome-all", SITE + "/welcome")
    assert signin.leads_to_login(SITE + "/a", SITE + "/?do=x&back=1", SITE + "/?do=x")


@pytest.mark.parametrize("path", ["/logout", "/users/sign_out", "/wp-login.php?action=logout", "/Logout.aspx?x=1"])
def test_a_link_to_sign_out_is_known(path):
    assert signin.ends_session(SITE + path)


@pytest.mark.parametrize("path", ["/login", "/docs/logout-guide", "/blog?query=logout", "/signs/outdoors", "/"])
def test_other_links_do_not_sign_out(path):
    assert not signin.ends_session(SITE + path)


@pytest.mark.parametrize(
    ("body", "asks"),
    [
        (b'<form><input name=p type="password"></form>', True),
        (b"<INPUT TYPE='Password'>", True),
        (b"<input type = password>", True),
        (b'<p>type="password"</p>', False),
        (b'<input type="text" placeholder="password">', False),
        (b"", False),
    ],
)
def test_a_field_for_a_password(body, asks):
    assert signin.asks_for_password(body) is asks


def test_pages_are_alike_whatever_changes_with_each_answer():
    form = "<title>Sign in</title><h1>Welcome to the wiki, please sign in to read its pages</h1>"
    one = (form + "<input type=hidden name=csrf value=123abc><script>x=1</script>").encode()
    other = (form + "<input type=hidden name=csrf value=999zzz><script>x=2</script>").encode()
    page = b"<title>Bees</title><p>A hive is a stack of boxes with frames that can be lifted out one by one.</p>"
    assert signin.are_alike(one, other)
    assert not signin.are_alike(one, page)
    assert signin.are_alike(b"", b"")
    assert not signin.are_alike(b"", page)


@pytest.mark.parametrize("piece", [b"<input ", b"<input type=", b"<script>", b"<!--", b"<", b"type=password "])
def test_no_page_makes_it_slow(piece):
    body = piece * (5_000_000 // len(piece))
    started = time.process_time()
    signin.asks_for_password(body)
    signin.are_alike(body, body[1:])
    assert time.process_time() - started < 2
