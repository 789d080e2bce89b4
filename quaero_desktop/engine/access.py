"""Signing in: shows a site the secret that it asks for, and finds out when the site no longer takes it (J5, J8).

The only part of the engine that knows secrets. It hands out headers for the one origin that a secret is bound to, and
for no other address.
"""

import asyncio
import itertools

import msgspec

from quaero_desktop.domain import secrets, signin
from quaero_desktop.domain.credentials import Credential
from quaero_desktop.domain.errors import KnownError, UsageError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.outcomes import Failed, SignInNeeded
from quaero_desktop.domain.pages import Fetched, FetchFailed, FetchResult, Redirected
from quaero_desktop.domain.ports import LedgerPort
from quaero_desktop.domain.urls import host_of, origin_of
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.engine.session import REMEMBERED, Session, Sign, Watch, sign_of
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.politeness import Politeness
from quaero_desktop.web.robots import Robots

CHECK_EVERY_SECONDS = 60.0
"""After this time a doubt is looked into anew. Within it, the first, second, fourth, eighth ... doubt is: one forbidden
page after the other is rare, and the more there are in a row, the more are lost should the session end among them."""

_MOST_ASKED = 5
_LONGEST_WAIT_MS = 120_000
_MOST_BYTES = 1_000_000
_LOOKED_AT = 1_000


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about a secret before a crawl relies on it.

    Attributes:
        outcome: what comes of the check, when the site does not take it.
        problem: a sentence about what a person should know.
        note: the end of a sentence about what is well.
    """

    outcome: SignInNeeded | None = None
    problem: str = ""
    note: str = ""


class Shown(msgspec.Struct, frozen=True):
    """The secret as one request shows it; false where the request shows none.

    Attributes:
        headers: what the request is sent with.
        spellings: the forms in which the answer must not be stored with it, the longest first.
    """

    headers: dict[str, str] = {}
    spellings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.headers)

    def __repr__(self) -> str:
        return f"Shown({secrets.MASK})"


class Access:
    """Shows secrets to their sites.

    Args:
        secrets: where they are.
        fetcher: asks a site whether a session is alive.
        robots: what may be asked for.
        politeness: when.
        ledger: knows the pages that a crawl stored before this process began.
        clock: time.
    """

    def __init__(
        self,
        secrets: SecretStore,
        fetcher: Fetcher,
        robots: Robots,
        politeness: Politeness,
        ledger: LedgerPort,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._secrets = secrets
        self._fetcher = fetcher
        self._robots = robots
        self._politeness = politeness
        self._clock = clock
        # By the name of the secret and its text: with another secret everything begins anew.
        self._watches: dict[str, tuple[str, Watch]] = {}

    async def missing(self, root: RootContext) -> SignInNeeded | None:
        """Return what comes of any job of a root whose secret is not at hand; None when there is nothing to wait for.

        To be asked before anything is fetched for the root.
        """
        credential = root.credential
        if credential is None:
            return None
        try:
            text = await self._secrets.fetch(credential.key)
            if text is None:
                where = "is not in the keyring of this computer" if credential.kept else "is kept nowhere"
                return SignInNeeded(
                    reason=f"Sign in: the secret of “{credential.name}” {where}, so it has to be given."
                )
            watch = self._watch(credential, text)
        except KnownError as error:
            return SignInNeeded(reason=f"Sign in: the secret of “{credential.name}” cannot be read. {error.message}")
        if secrets.has_expired(watch.material, self._clock.now_ms()):
            return SignInNeeded(reason=f"Sign in again: all cookies of “{credential.name}” have expired.")
        return None

    async def headers(self, root: RootContext, url: str) -> Shown | SignInNeeded:
        """Return how the secret of a root is shown to *url*: not at all unless that is at the origin it is bound to.

        Args:
            root: what is fetched for.
            url: the canonical URL that is asked for.

        Returns:
            What the request is sent with; or what :meth:`missing` returns, should the secret have gone meanwhile: a
            page must not be asked for without it then.
        """
        while True:
            if (needed := await self.missing(root)) is not None:
                return needed
            # Another one may have come while the keyring was asked for that of before.
            credential = root.credential
            if credential is None:
                return Shown()
            if (watch := self._known(credential)) is not None:
                sent = secrets.headers_for(credential, watch.material, url, self._clock.now_ms())
                return Shown(sent, watch.spellings)

    @staticmethod
    def cleaned(shown: Shown, answer: FetchResult) -> FetchResult:
        """Return an answer without the secret that it was asked with, should the site repeat it (J8)."""
        match answer:
            case Fetched(body=body, headers=headers):
                for spelling, encoding in itertools.product(shown.spellings, _encodings(body)):
                    if (said := spelling.encode(encoding, "replace")) in body:
                        body = body.replace(said, secrets.MASK.encode(encoding))
                kept = {name: value for name, value in headers.items() if not _holds(value, shown)}
                if body is not answer.body or len(kept) < len(headers):
                    return msgspec.structs.replace(answer, body=body, headers=kept)
            case Redirected(target=target, url=url, status=status, elapsed_ms=elapsed_ms) if _holds(target, shown):
                return FetchFailed(
                    url=url,
                    cause=Cause.BAD_REDIRECT,
                    message="The page redirects to an address that holds our secret, so it is not followed.",
                    status=status,
                    elapsed_ms=elapsed_ms,
                )
        return answer

    async def judged(self, root: RootContext, answer: FetchResult) -> SignInNeeded | Failed | None:
        """Return what comes of a page that was asked for with the secret, if that is not what came of its fetch.

        A page that looks as if the session had ended is doubted, and the session asked about at pages that are known to
        work: of a session that is alive one page may well be forbidden.

        Args:
            root: what it belongs to.
            answer: of the page, cleaned.
        """
        watch, credential = self._known(root.credential), root.credential
        if watch is None or credential is None:
            return None
        sign = sign_of(answer, credential)
        if sign in (Sign.IN, Sign.NOTHING):
            if sign is Sign.IN and isinstance(answer, Fetched) and answer.body:
                watch.note(answer.url)
            return None
        state = await self._state(root, credential, watch, answer)
        if sign is Sign.FORM:
            assert isinstance(answer, Fetched)
            if state is not Session.ALIVE and watch.is_same_form(answer):
                state = Session.DEAD
            if state is not Session.DEAD:
                return None
        if state is Session.OPEN and not _is_forbidden(answer) and answer.url not in watch.blamed:
            # Somebody who lets the crawl go on with the same secret knows better: then it is this page.
            watch.blamed.add(answer.url)
            state = Session.DEAD
        if state is Session.DEAD:
            return SignInNeeded(reason=_reason(credential, watch, answer))
        return Failed(
            cause=Cause.FORBIDDEN,
            message=_refusal(answer, state),
            status=answer.status,
            retryable=state is Session.UNKNOWN,
            elapsed_ms=answer.elapsed_ms,
        )

    async def begin(self, root: RootContext) -> Beginning:
        """Ask the site of a root whether it takes the secret, before the crawl relies on it (J5)."""
        watch, credential = self._known(root.credential), root.credential
        if watch is None or credential is None:
            return Beginning()
        name = f"“{credential.name}”"
        if not any(origin_of(seed) == credential.origin for seed in root.config.seeds):
            return Beginning(problem=f"The credential {name} is for {credential.origin}, and this starts elsewhere.")
        match await self._state(root, credential, watch, None):
            case Session.DEAD:
                return Beginning(outcome=SignInNeeded(reason=_reason(credential, watch, None)))
            case Session.ALIVE:
                return Beginning(note=f"{host_of(credential.origin + '/')} lets us in with {name}")
            case Session.OPEN:
                return Beginning(note=f"it starts where anybody may look, so {name} could not be tried out")
            case _:
                return Beginning()

    # The session.

    async def _state(
        self, root: RootContext, credential: Credential, watch: Watch, doubted: FetchResult | None
    ) -> Session:
        """Return whether a session is alive; it is asked about when :data:`CHECK_EVERY_SECONDS` says."""
        came = self._clock.monotonic()
        async with watch.lock:
            if self._is_to_be_asked(watch, came, is_doubt=doubted is not None) or watch.state is None:
                watch.state = await self._asked(root, credential, watch, doubted)
                watch.checked_at = self._clock.monotonic()
            return watch.state

    def _is_to_be_asked(self, watch: Watch, came: float, *, is_doubt: bool) -> bool:
        # Whoever doubted while the first one asked learns what that one was told.
        if watch.checked_at > came:
            return False
        now = self._clock.monotonic()
        if not is_doubt:
            return watch.state is Session.DEAD or now - watch.checked_at >= CHECK_EVERY_SECONDS
        if now - watch.doubted_since >= CHECK_EVERY_SECONDS:
            watch.doubts, watch.doubted_since = 0, now
        watch.doubts += 1
        return watch.state is Session.DEAD or watch.doubts.bit_count() == 1

    async def _asked(
        self, root: RootContext, credential: Credential, watch: Watch, doubted: FetchResult | None
    ) -> Session:
        seeds = [url for url in root.config.seeds if origin_of(url) == credential.origin]
        is_open = is_refused = False
        asked = 0
        if not seeds and not watch.worked and doubted is not None:
            seeds = [doubted.url]
        first = [watch.witness] if watch.witness is not None else []
        if not first:
            # Of an earlier process, or with another secret: worth asking for, but no page that surely works.
            seeds += await self._ledger.pages_stored(root.id, credential.origin, REMEMBERED)
        pages = dict.fromkeys([*first, *reversed(watch.worked), *seeds])
        for url in pages:
            if asked == _MOST_ASKED:
                break
            worked = url in watch.worked or url == watch.witness
            if not worked and doubted is not None and url == doubted.url:
                # There is no better page than the one that is doubted, and its answer is known.
                answer: FetchResult | None = doubted
            elif await self._is_allowed(root, url):
                asked += 1
                answer = await self._ask(root, url, secrets.headers_for(credential, watch.material, url, self._now))
            else:
                continue
            match None if answer is None else sign_of(answer, credential):
                case Sign.OUT if worked:
                    return Session.DEAD
                case Sign.FORM if worked:
                    return Session.DEAD
                case Sign.OUT:
                    is_refused = True
                case Sign.FORM if answer is not None:
                    # Nobody knows whether it always has that form: it counts when the secret makes no difference.
                    without = await self._ask(root, url, {})
                    if isinstance(answer, Fetched) and isinstance(without, Fetched):
                        is_refused |= signin.are_alike(answer.body, without.body)
                case Sign.IN if url == watch.witness:
                    return Session.ALIVE
                case Sign.IN:
                    without = await self._ask(root, url, {})
                    if without is not None and sign_of(without, credential) in (Sign.OUT, Sign.FORM):
                        watch.note(url)
                        watch.witness = url
                        return Session.ALIVE
                    is_open = True
                case _:
                    pass
        if is_refused:
            return Session.DEAD
        return Session.OPEN if is_open else Session.UNKNOWN

    @property
    def _now(self) -> int:
        return self._clock.now_ms()

    async def _is_allowed(self, root: RootContext, url: str) -> bool:
        if not root.config.obey_robots:
            return True
        private = await root.allows_private(url, self._fetcher.is_private)
        rules = await self._robots.rules(origin_of(url), allow_private=private)
        return rules.allows(url)[0]

    async def _ask(self, root: RootContext, url: str, headers: dict[str, str]) -> FetchResult | None:
        """Return the answer to a request at its turn; None when that is too far away."""
        while (wait := self._politeness.go_on(root.id, origin_of(url), waited=False)) is not None:
            if wait > _LONGEST_WAIT_MS:
                return None
            await asyncio.sleep(wait / 1000)
        private = await root.allows_private(url, self._fetcher.is_private)
        return await self._fetcher.fetch(url, headers, cut_at=_MOST_BYTES, allow_private=private)

    def _watch(self, credential: Credential, text: str) -> Watch:
        known = self._watches.get(credential.key)
        if known is None or known[0] != text:
            known = self._watches[credential.key] = (text, Watch(text))
        return known[1]

    def _known(self, credential: Credential | None) -> Watch | None:
        text = None if credential is None else self._secrets.known(credential.key)
        if credential is None or text is None:
            return None
        try:
            return self._watch(credential, text)
        except UsageError:
            return None


def _is_forbidden(answer: FetchResult) -> bool:
    """Return whether an answer refuses a page whoever asks, as far as its status means what the standard says."""
    return isinstance(answer, FetchFailed) and answer.status == 403


def _encodings(body: bytes) -> tuple[str, ...]:
    """Return the encodings that a page may be in: in UTF-16 every second byte of its markup is zero."""
    first, second = body[:_LOOKED_AT:2].count(0), body[1:_LOOKED_AT:2].count(0)
    if not first and not second:
        return ("utf-8",)
    return ("utf-8", "utf-16-be" if first > second else "utf-16-le")


def _holds(text: str, shown: Shown) -> bool:
    return any(spelling in text for spelling in shown.spellings)


def _reason(credential: Credential, watch: Watch, answer: FetchResult | None) -> str:
    """Return why a root pauses; it names the credential, by which it is found again."""
    site = host_of(credential.origin + "/")
    no_longer = "no longer lets us in" if watch.worked else "does not let us in"
    match answer:
        case FetchFailed(status=status):
            how = f" ({status})"
        case Redirected():
            how = " (it sends us to its login page)"
        case Fetched():
            how = " (it shows its login page)"
        case None:
            how = ""
    return f"Sign in again: {site} {no_longer} with “{credential.name}”{how}."


def _refusal(answer: FetchResult, state: Session) -> str:
    if state is Session.UNKNOWN:
        return "The server does not let us in, and it could not be found out whether we are signed in."
    if isinstance(answer, Redirected):
        return "The server wants another sign-in for this page, though we are signed in."
    return f"The server does not let us in ({answer.status})."
