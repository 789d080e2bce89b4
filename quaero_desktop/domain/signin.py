"""What a site does when it wants a sign-in, and what would end one.

All of it is a guess from how sites are built: whoever acts on it asks the site first (see the engine's ``Access``).
"""

import re

from quaero_desktop.domain import urls

_LOGIN_WORDS = frozenset(
    "login log-in log_in logon log-on signin sign-in sign_in dologin loginform login_form userlogin user-login"
    " user_login wp-login sso saml saml2 oauth oauth2 openid openid-connect authorize authenticate".split()
)
_LOGOUT_WORDS = frozenset(
    "logout log-out log_out logoff log-off log_off signout sign-out sign_out userlogout user-logout user_logout"
    " dologout end_session endsession".split()
)
_HOSTS = frozenset({"login", "signin", "sso", "auth", "accounts", "idp", "adfs"})
# Pages whose path is the same for everything say it here: ucp.php?mode=login, index.php?title=Special:UserLogin.
_SAYING = frozenset({"action", "mode", "do", "view", "op", "page", "route", "p", "title", "cmd", "task"})
_WORD = re.compile(r"[a-z0-9_-]+")
# None of these looks beyond the next "<": each byte is looked at once, however the page is made.
_INPUT = re.compile(rb"<input\b([^<>]*)", re.IGNORECASE)
_OF_PASSWORD = re.compile(rb"""\btype\s{0,20}=\s{0,20}["']?password\b""", re.IGNORECASE)
_SEARCHED = 1_000_000
_HIDDEN = re.compile(rb"<(/?)(?:script|style)\b[^<>]*", re.IGNORECASE)
_TAG = re.compile(rb"<[^<>]*>?")
_ALIKE = 0.8
COMPARED = 200_000
"""So many bytes of a page are compared with another one."""


def is_login(url: str, login_url: str = "") -> bool:
    """Return whether a canonical URL looks like a page for signing in.

    Args:
        url: for example where a redirect leads to.
        login_url: where signing in is known to be done, canonical; else empty.
    """
    if login_url and _same_page(url, login_url):
        return True
    # "/docs/auth" is about signing in, "/auth/…" is where it is done.
    return urls.path_of(url).startswith(("/auth/", "/auth?")) or _says(url, _LOGIN_WORDS)


def leads_to_login(url: str, target: str, login_url: str = "") -> bool:
    """Return whether a redirect from *url* to *target* looks like being sent to sign in."""
    # A page about signing in may well be moved.
    if is_login(url, login_url):
        return False
    host = urls.host_of(target)
    return is_login(target, login_url) or (host != urls.host_of(url) and host.partition(".")[0] in _HOSTS)


def ends_session(url: str) -> bool:
    """Return whether asking for a canonical URL probably ends the session: a link to sign out."""
    return _says(url, _LOGOUT_WORDS)


def asks_for_password(body: bytes) -> bool:
    """Return whether a page has a field for a password."""
    return any(_OF_PASSWORD.search(field[1]) for field in _INPUT.finditer(body, 0, _SEARCHED))


def are_alike(one: bytes, other: bytes) -> bool:
    """Return whether two pages show about the same words; what changes with each answer does not count."""
    left, right = _words(one), _words(other)
    if not left or not right:
        return left == right
    return len(left & right) >= _ALIKE * len(left | right)


def _words(body: bytes) -> frozenset[bytes]:
    first, *others = _HIDDEN.split(body[:COMPARED])
    # Of what follows, each text has before it whether a script ends there, or begins.
    seen = [first, *(text for end, text in zip(others[::2], others[1::2], strict=True) if end)]
    return frozenset(_TAG.sub(b" ", b" ".join(seen)).lower().split())


def _same_page(url: str, login_url: str) -> bool:
    if "?" in urls.path_of(login_url):
        return url.startswith(login_url)
    return url.partition("?")[0] == login_url


def _says(url: str, words: frozenset[str]) -> bool:
    path, _, query = urls.path_of(url).lower().partition("?")
    segments = path.split("/")
    if any(segment.partition(".")[0] in words for segment in segments):
        return True
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if name in _SAYING and not words.isdisjoint(_WORD.findall(value.replace("%3a", ":").replace("%2f", "/"))):
            return True
    return False
