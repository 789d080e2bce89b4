"""The session of a secret at its site: what an answer says about it, and what is known of it so far (J5, J8)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum, auto

from quaero_desktop.domain import secrets, signin
from quaero_desktop.domain.credentials import Credential, CredentialKind
from quaero_desktop.domain.pages import Fetched, FetchFailed, FetchResult, Redirected
from quaero_desktop.domain.secrets import Material
from quaero_desktop.infra import redact

REMEMBERED = 4
"""So many pages are known that work with a secret."""
_SAME_FORMS = 3
"""So many pages that are the same form for a password are a login page that stands in their place."""


class Session(Enum):
    """What asking a site said about a secret."""

    ALIVE = auto()  # it lets us in with it, and does not without
    OPEN = auto()  # all that could be asked for is shown to anybody
    DEAD = auto()
    UNKNOWN = auto()  # it does not answer, or there is nothing to ask for


class Sign(Enum):
    """What one answer says."""

    IN = auto()
    OUT = auto()
    FORM = auto()  # a page with a field for a password
    NOTHING = auto()


class Watch:
    """What is known of one secret.

    Attributes:
        material: the secret.
        spellings: the forms in which it must not be stored, the longest first.
        worked: pages that were shown with it, and asked for no password; the newest last.
        witness: one of them that is shown to nobody else.
        state, checked_at: what the last check said, and when it ended, by the clock that is never set.
        doubts, doubted_since: how many pages were doubted since then.
        blamed: pages for which a crawl paused although it could not be told whether the session had ended.
        form: the page with a field for a password that came last, and how many URLs in a row were that.
    """

    def __init__(self, text: str) -> None:
        self.material: Material = secrets.decode(text)
        parts = {form for part in secrets.telling_parts(text) for form in redact.spellings(part)}
        self.spellings = tuple(sorted(parts, key=len, reverse=True))
        self.worked: deque[str] = deque(maxlen=REMEMBERED)
        self.witness: str | None = None
        self.lock = asyncio.Lock()
        self.state: Session | None = None
        self.checked_at = float("-inf")
        self.blamed: set[str] = set()
        self.doubts = 0
        self.doubted_since = float("-inf")
        self.form: tuple[bytes, str] = (b"", "")
        self.forms = 0

    def note(self, url: str) -> None:
        """Note a page that works, and keep the oldest of them as well: the first pages of a site are its steadiest."""
        if url in self.worked:
            return
        if len(self.worked) == REMEMBERED:
            del self.worked[1]
        self.worked.append(url)

    def is_same_form(self, answer: Fetched) -> bool:
        """Return whether a page with a field for a password is one more of the same at different addresses."""
        body, url = self.form
        if not body or not signin.are_alike(body, answer.body):
            self.forms = 1
        elif url != answer.url:
            self.forms += 1
        self.form = answer.body[: signin.COMPARED], answer.url
        return self.forms >= _SAME_FORMS


def sign_of(answer: FetchResult, credential: Credential) -> Sign:
    """Return what an answer says about the session it was asked for with."""
    match answer:
        case FetchFailed(status=401 | 403):
            return Sign.OUT
        case Redirected(url=url, target=target):
            return Sign.OUT if signin.leads_to_login(url, target, credential.login_url) else Sign.IN
        case Fetched(body=body) if credential.kind == CredentialKind.COOKIES and signin.asks_for_password(body):
            # Behind a gate of the server's own (the other kinds) pages may have a form of the application's.
            return Sign.FORM
        case Fetched():
            return Sign.IN
        case _:
            return Sign.NOTHING


async def try_out(
    fetch: Callable[[str, dict[str, str]], Awaitable[FetchResult]],
    credential: Credential,
    text: str,
    url: str,
    now: int,
) -> tuple[Session, FetchResult]:
    """Ask a site for one page with a secret, and without, for a person who wants to know whether it works.

    Args:
        fetch: fetches a URL with some headers.
        credential: whose secret it is.
        text: the secret as it is kept.
        url: a canonical URL at its origin.
        now: in milliseconds UTC.

    Returns:
        Whether the site takes it, and its answer to the request with the secret.
    """
    answer = await fetch(url, secrets.headers_for(credential, secrets.decode(text), url, now))
    sign = sign_of(answer, credential)
    if sign is Sign.OUT:
        return Session.DEAD, answer
    if sign is Sign.NOTHING:
        return Session.UNKNOWN, answer
    without = await fetch(url, {})
    is_refused = sign_of(without, credential) in (Sign.OUT, Sign.FORM)
    if sign is Sign.FORM:
        alike = (
            isinstance(answer, Fetched) and isinstance(without, Fetched) and signin.are_alike(answer.body, without.body)
        )
        return Session.DEAD if alike else Session.UNKNOWN, answer
    return Session.ALIVE if is_refused else Session.OPEN, answer
