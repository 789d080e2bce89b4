"""Crawls of a site that wants a sign-in: who is shown the secret, and what happens when the session ends (J5, J8)."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import truststore

from quaero_desktop.domain import secrets
from quaero_desktop.domain.credentials import CredentialKind, NewCredential
from quaero_desktop.domain.definitions import Definition, Step
from quaero_desktop.domain.jobs import Cause, Job, Status
from quaero_desktop.domain.pages import Fetched
from quaero_desktop.domain.sources import NewSource
from quaero_desktop.engine.access import Access, Shown
from quaero_desktop.services import engine
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.support.crawling import (
    NO_ROBOTS,
    ParserHere,
    engine_of,
    engine_running,
    library,
    page,
    pages_of,
    redirect,
    rows,
)
from tests.support.recording_server import Exchange, RecordingServer, response
from tests.support.waiting import until

SECRET = "s3cr3t-Session.9x"
NEW_SECRET = "n3w-Session.4711"
SELF_SIGNED = Path(__file__).parents[1] / "web" / "self_signed.pem"

PAGES = [f"/page/{number}" for number in range(10)]
FORM = "<form action=/login><label>Password <input type=password name=p></label><button>Sign in</button></form>"


def form(title: str = "Sign in to the wiki") -> bytes:
    text = "Please sign in with your name and your password to read the pages of this wiki."
    return response(f"<title>{title}</title><main><h1>{title}</h1><p>{text}</p>{FORM}</main>".encode())


class Site:
    """A wiki of ten pages that shows them to who has the session's cookie, or as the test says.

    Attributes:
        session: what opens it; None for nobody.
        answers: of paths that are not as the others.
        public: paths that anybody may see.
        refusal: what others get.
        until: how many pages the session lasts for.
    """

    def __init__(self, server: RecordingServer) -> None:
        self.server = server
        self.session: str | None = SECRET
        self.answers: dict[str, bytes] = {"/robots.txt": NO_ROBOTS, "/sitemap.xml": NO_ROBOTS}
        self.public: set[str] = {"/login"}
        self.refusal: Callable[[str], bytes] = lambda path: response(b"no", status="401 Unauthorized")
        self.until: int | None = None
        self.shown = 0
        self.links: Callable[[str], list[str]] = lambda path: PAGES if path == "/" else []
        server.behaviour = self.answer

    async def answer(self, exchange: Exchange) -> object:
        path = exchange.target
        known = self.session is not None and self.session in "".join(exchange.header_lines)
        if path in self.answers and (path in ("/robots.txt", "/sitemap.xml") or known or path in self.public):
            await exchange.send(self.answers[path])
        elif path in self.public or (known and not self._over()):
            await exchange.send(page(*self.links(path), title=f"Page {path}", text=f"All about {path} and its bees."))
        else:
            await exchange.send(self.refusal(path))
        return None

    def _over(self) -> bool:
        self.shown += 1
        return self.until is not None and self.shown > self.until

    def asked_with(self, secret: str = SECRET) -> list[str]:
        """Return the paths that came with a secret, in any header."""
        return [each.target for each in self.server.exchanges if secret in each.raw.decode("latin-1")]


@pytest.fixture
async def elsewhere() -> AsyncIterator[RecordingServer]:
    async with RecordingServer().running() as server:
        yield server


@pytest.fixture
def wiki(server) -> Site:
    return Site(server)


async def source_for(services: Services, server: RecordingServer, secret: str = "", **known: Any) -> int:
    """Add a source with a credential for its site and return it."""
    credential_id = await services.credentials.add(
        NewCredential(name="wiki", origin=server.origin, **known), secret or f"sid={SECRET}"
    )
    return await services.sources.add(NewSource(base_url=server.url("/"), name="Wiki", credential_id=credential_id))


async def crawled(services: Services, source_id: int, *urls: str, **request: Any) -> Job:
    """Crawl for a source until nothing more can be done."""
    job_id = await services.jobs.start_crawl(CrawlRequest(urls=urls, source_id=source_id, **request))
    return await went_on(services, job_id)


async def went_on(services: Services, job_id: int, *, resume: bool = False, workers: int = 2) -> Job:
    if resume:
        await services.jobs.resume(job_id)
    await engine_of(services).run(workers=workers, until_idle=True, only=frozenset({job_id}))
    return await services.jobs.get(job_id)


def documents(services: Services) -> list[str]:
    return [title for (title,) in rows(services, "SELECT title FROM documents ORDER BY title")]


# --- who is shown the secret ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "kind", "header"),
    [
        (f"sid={SECRET}; theme=dark", None, f"Cookie: sid={SECRET}; theme=dark"),
        (SECRET, CredentialKind.BEARER, f"Authorization: Bearer {SECRET}"),
        (f"X-Api-Key: {SECRET}", None, f"X-Api-Key: {SECRET}"),
    ],
)
async def test_a_site_is_shown_its_secret_and_opens(services, wiki, server, secret, kind, header):
    job = await crawled(services, await source_for(services, server, secret, kind=kind))
    assert (job.status, job.pages, job.warnings) == (Status.COMPLETED, 11, 0)
    assert len(documents(services)) == 11
    pages = [each for each in server.exchanges if each.target.startswith("/page/")]
    assert all(header in each.header_lines for each in pages)
    assert all(each.raw.count(SECRET.encode()) == 1 for each in pages)


async def test_robots_is_asked_for_without_the_secret_and_a_sitemap_of_the_site_with_it(services, wiki, server):
    wiki.answers["/robots.txt"] = response(f"Sitemap: {server.url('/map.xml')}".encode(), Content_Type="text/plain")
    urls = f"<url><loc>{server.url('/only-there')}</loc></url>"
    wiki.answers["/map.xml"] = response(f"<urlset>{urls}</urlset>".encode(), Content_Type="application/xml")
    job = await crawled(services, await source_for(services, server))
    assert job.status == Status.COMPLETED
    asked = wiki.asked_with()
    assert "/robots.txt" not in asked
    assert "/robots.txt" in server.targets
    assert "/map.xml" in asked
    assert "Page /only-there" in documents(services)


async def test_no_other_host_or_port_is_shown_the_secret(services, wiki, server, elsewhere):
    """Not by a link, a redirect, a sitemap, or a page that names another address as its own."""
    other = elsewhere.url
    wiki.links = lambda path: [other("/linked"), "/moved", "/named"] if path == "/" else []
    wiki.answers["/moved"] = redirect(other("/moved-there"))
    wiki.answers["/robots.txt"] = response(f"Sitemap: {other('/map.xml')}".encode(), Content_Type="text/plain")
    canonical = f'<link rel="canonical" href="{other("/named")}">'
    wiki.answers["/named"] = response(f"<title>N</title>{canonical}<main><p>Words to keep.</p></main>".encode())
    port = elsewhere.origin.rpartition(":")[2]
    source_id = await source_for(services, server)
    job = await crawled(services, source_id, server.url("/"), other("/seed"), f"http://localhost:{port}/seed")
    assert job.status == Status.COMPLETED
    assert {"/seed", "/linked", "/moved-there", "/map.xml"} <= set(elsewhere.targets)
    assert wiki.asked_with()
    for exchange in elsewhere.exchanges:
        assert SECRET not in exchange.raw.decode("latin-1")
        assert exchange.header("Cookie") is None


async def test_a_secret_of_https_is_not_shown_over_http(services, tmp_path, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    trusting = ssl.create_default_context(cafile=str(SELF_SIGNED))
    monkeypatch.setattr(truststore, "SSLContext", lambda _: trusting)
    async with RecordingServer(tls=context).running() as secure, RecordingServer().running() as plain:
        site, open_site = Site(secure), Site(plain)
        open_site.public = {"/", "/a", "/b"}
        site.links = lambda path: ["/moved", plain.url("/a")] if path == "/" else []
        site.answers["/moved"] = redirect(plain.url("/b"))
        source_id = await source_for(services, secure)
        job = await crawled(services, source_id, secure.url("/"), plain.url("/"))
        assert job.status == Status.COMPLETED
        assert site.asked_with()
        assert {"/", "/a", "/b"} <= set(plain.targets)
        assert open_site.asked_with() == []


async def test_a_link_to_sign_out_is_not_followed(services, wiki, server):
    wiki.links = lambda path: ["/page/1", "/logout", "/user?action=logout"] if path == "/" else []
    wiki.answers["/page/2"] = redirect("/users/sign_out")
    job = await crawled(services, await source_for(services, server), server.url("/"), server.url("/page/2"))
    assert job.status == Status.COMPLETED
    assert not {"/logout", "/user?action=logout", "/users/sign_out"} & set(server.targets)
    skips = await services.jobs.skips(job.id)
    assert {skip.rule for skip in skips.skips} == {"it would sign us out"}


# --- a secret that is not at hand -------------------------------------------------------------------------------------


async def test_without_its_secret_a_crawl_pauses_before_anything_is_fetched(services, wiki, server):
    source_id = await source_for(services, server)
    services.secrets.close()
    job = await crawled(services, source_id)
    assert (job.status, job.cause) == (Status.PAUSED, Cause.SIGN_IN)
    assert job.error == "Sign in: the secret of “wiki” is kept nowhere, so it has to be given."
    assert server.exchanges == []
    [missing] = await services.credentials.missing([job.id])
    assert await services.credentials.waiting(missing.id) == (job.id,)
    await services.credentials.provide(missing.id, f"sid={SECRET}")
    assert await services.credentials.missing([job.id]) == ()
    job = await went_on(services, job.id, resume=True)
    assert (job.status, job.pages, job.warnings) == (Status.COMPLETED, 11, 0)


async def test_cookies_that_have_expired_are_not_even_tried(services, wiki, server, monkeypatch):
    text = f"127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsid\t{SECRET}"
    source_id = await source_for(services, server, text)
    monkeypatch.setattr(secrets, "has_expired", lambda *_: True)
    job = await crawled(services, source_id)
    assert job.error == "Sign in again: all cookies of “wiki” have expired."
    assert server.exchanges == []


# --- a session that ends ----------------------------------------------------------------------------------------------

REFUSALS = {
    "401": (lambda path: response(b"no", status="401 Unauthorized"), "(401)"),
    "403": (lambda path: response(b"no", status="403 Forbidden"), "(403)"),
    "login page": (lambda path: redirect(f"/login?next={path}", "302 Found"), "(it sends us to its login page)"),
    "login host": (
        lambda path: redirect("http://login.site.test/authorize?x=1", "302 Found"),
        "(it sends us to its login page)",
    ),
    "form": (lambda path: form(), "(it shows its login page)"),
    "form with a message": (lambda path: form(f"Sign in to see {path}"), "(it shows its login page)"),
}


@pytest.mark.parametrize("form", REFUSALS)
async def test_when_the_session_ends_the_crawl_pauses_and_a_new_secret_lets_it_go_on(services, wiki, server, form):
    wiki.refusal, how = REFUSALS[form]
    wiki.until = 4
    source_id = await source_for(services, server)
    job = await crawled(services, source_id)
    assert (job.status, job.cause) == (Status.PAUSED, Cause.SIGN_IN)
    site = server.origin.removeprefix("http://")
    assert job.error == f"Sign in again: {site} no longer lets us in with “wiki” {how}."
    stored = documents(services)
    assert stored
    assert all(title.startswith("Page /") for title in stored)
    children = await pages_of(services, job.id)
    assert {each.status for each in children.values()} <= {Status.COMPLETED, Status.PENDING}
    tries = rows(services, "SELECT max(tries) FROM messages WHERE root_id = ?", job.id)
    assert tries[0][0] == 0
    wiki.session, wiki.until = NEW_SECRET, None
    await services.credentials.provide(1, f"sid={NEW_SECRET}")
    job = await went_on(services, job.id, resume=True)
    assert (job.status, job.pages, job.warnings) == (Status.COMPLETED, 11, 0)
    assert len(documents(services)) == 11


@pytest.mark.parametrize("form", REFUSALS)
async def test_a_session_that_is_dead_from_the_start_pauses_the_crawl_with_nothing_stored(services, wiki, server, form):
    wiki.refusal, _ = REFUSALS[form]
    wiki.session = None
    job = await crawled(services, await source_for(services, server))
    assert (job.status, job.cause) == (Status.PAUSED, Cause.SIGN_IN)
    assert "does not let us in with “wiki”" in (job.error or "")
    assert documents(services) == []
    job = await went_on(services, job.id, resume=True)
    assert job.status == Status.PAUSED


@pytest.mark.parametrize("form", ["401", "403", "login page", "login host"])
async def test_one_forbidden_page_of_a_session_that_is_alive_is_one_failed_page(services, wiki, server, form):
    refusal, _ = REFUSALS[form]
    wiki.answers |= {f"/page/{number}": refusal(f"/page/{number}") for number in (3, 5, 7)}
    wiki.refusal = refusal
    job = await crawled(services, await source_for(services, server))
    assert (job.status, job.warnings) == (Status.COMPLETED, 3)
    failed = [each for each in (await pages_of(services, job.id)).values() if each.status == Status.FAILED]
    assert {each.cause for each in failed} == {Cause.FORBIDDEN}
    assert len(documents(services)) == 8


async def test_the_more_pages_are_forbidden_the_rarer_the_session_is_asked_about(services, wiki, server):
    forbidden = {f"/page/{number}" for number in range(1, 9)}
    wiki.answers |= {path: response(b"no", status="403 Forbidden") for path in forbidden}
    source_id = await source_for(services, server)
    job = await went_on(
        services, await services.jobs.start_crawl(CrawlRequest(urls=(), source_id=source_id)), workers=1
    )
    assert job.warnings == 8
    # The page itself, with the secret and without for the check of the start; then with the first, second, fourth and
    # eighth forbidden page.
    assert 4 <= server.targets.count("/") <= 7
    assert all(server.targets.count(path) == 1 for path in forbidden)


async def test_a_page_with_a_field_for_a_password_is_stored_while_the_session_is_alive(services, wiki, server):
    settings = f"<title>Settings</title><main><p>Change the password of your account here.</p>{FORM}</main>"
    wiki.answers["/page/4"] = response(settings.encode())
    job = await crawled(services, await source_for(services, server))
    assert (job.status, job.warnings) == (Status.COMPLETED, 0)
    assert "Settings" in documents(services)


async def test_behind_a_gate_of_the_server_a_form_of_the_application_is_a_page(services, wiki, server):
    wiki.links = lambda path: PAGES
    links = "".join(f"<a href={path}>{path}</a>" for path in PAGES)
    wiki.answers |= dict.fromkeys(["/", *PAGES], response(f"<title>Staging</title><main>{links}{FORM}</main>".encode()))
    source_id = await source_for(services, server, SECRET, kind=CredentialKind.BEARER)
    job = await crawled(services, source_id)
    assert (job.status, documents(services)) == (Status.COMPLETED, ["Staging"] * 11)


async def test_a_site_whose_first_page_is_for_everybody(services, wiki, server):
    """What is shown to anybody proves nothing, so pages that worked with the secret are asked for."""
    wiki.public |= {"/"}
    wiki.until = 4
    job = await crawled(services, await source_for(services, server))
    assert (job.status, job.cause) == (Status.PAUSED, Cause.SIGN_IN)
    assert 3 <= len(documents(services)) <= 5
    lines = await services.jobs.logs(job.id, level="info", limit=None, children=True)
    assert any("anybody may look" in line.message for line in lines)


async def test_a_login_page_in_place_of_pages_is_noticed_where_nothing_else_can_be_asked(services, wiki, server):
    wiki.public |= {"/"}
    wiki.session = None
    wiki.refusal = lambda path: form()
    job = await crawled(services, await source_for(services, server))
    assert (job.status, job.cause) == (Status.PAUSED, Cause.SIGN_IN)
    assert len(documents(services)) <= 3


async def test_while_the_site_is_in_trouble_nobody_says_that_the_session_ended(services, wiki, server):
    wiki.until = 4
    broken = response(b"", status="500 Internal Server Error")
    wiki.refusal = lambda path: response(b"no", status="403 Forbidden") if path == "/page/9" else broken
    wiki.links = lambda path: [f"/page/{number}" for number in (1, 2, 3, 9)] if path == "/" else []
    job = await crawled(services, await source_for(services, server))
    assert job.status == Status.COMPLETED
    pages = await pages_of(services, job.id)
    assert pages["/page/9"].status == Status.FAILED


# --- the check of the start (J5) --------------------------------------------------------------------------------------


async def test_the_check_of_the_start_tells_whether_the_credential_works(services, wiki, server):
    job = await crawled(services, await source_for(services, server))
    [message] = [
        line.message
        for line in await services.jobs.logs(job.id, level="info", limit=None, children=True)
        if "lets us in" in line.message
    ]
    assert message.endswith("lets us in with “wiki”")


async def test_a_crawl_that_starts_elsewhere_is_told_so(services, wiki, server, elsewhere):
    Site(elsewhere).public = {"/"}
    job = await crawled(services, await source_for(services, server), elsewhere.url("/"), depth=0)
    lines = await services.jobs.logs(job.id, level="warn", limit=None, children=True)
    assert any("this starts elsewhere" in line.message for line in lines)


# --- nothing of it is stored (J8) -------------------------------------------------------------------------------------


async def test_a_page_that_repeats_the_secret_is_stored_without_it(services, wiki, server):
    echo = f"<title>You are {SECRET}</title><main><p>Your session is {SECRET}, so they say.</p></main>"
    wiki.answers["/page/1"] = response(echo.encode(), ETag=f'"{SECRET}"')
    wiki.answers["/page/2"] = redirect(f"/there?session={SECRET}")
    job = await crawled(services, await source_for(services, server))
    assert job.warnings == 1
    assert "You are ••••" in documents(services)
    for file in services.files.folder.iterdir():
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file.name
    dump = rows(services, "SELECT markdown || title || coalesce(etag, '') FROM documents")
    assert SECRET not in str(dump)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_secret_that_a_site_repeats_is_masked_in_whatever_encoding(encoding):
    body = f"<p>You are {SECRET}.</p>".encode(encoding)
    page = Fetched(
        url="https://wiki.site.test/", status=200, content_type="text/html", charset=encoding, headers={}, body=body,
        wire_bytes=len(body), elapsed_ms=1,
    )  # fmt: skip
    cleaned = Access.cleaned(Shown({"Cookie": f"sid={SECRET}"}, (SECRET,)), page)
    assert isinstance(cleaned, Fetched)
    assert cleaned.body.decode(encoding) == "<p>You are ••••.</p>"


@pytest.mark.parametrize("change", ["another secret", "no credential"])
async def test_a_page_is_stored_without_the_secret_it_was_asked_with_whatever_came_since(
    services, wiki, server, change
):
    """J8: a new secret, or none, while the site still answers to the old one."""
    source = await source_for(services, server)
    (credential,) = await services.credentials.list()
    asked, changed = asyncio.Event(), asyncio.Event()
    echo = page(title=f"You are {SECRET}", text=f"Your session is {SECRET}, so they say, and it lasts for a day.")

    async def answer(exchange: Exchange) -> None:
        if exchange.target == "/page/1" and not asked.is_set():
            asked.set()
            await changed.wait()
            await exchange.send(echo)
        else:
            await wiki.answer(exchange)

    server.behaviour = answer
    await services.jobs.start_crawl(CrawlRequest(urls=(), source_id=source))
    async with engine_running(services):
        await asyncio.wait_for(asked.wait(), 10)
        if change == "another secret":
            await services.credentials.provide(credential.id, f"sid={NEW_SECRET}")
        else:
            await services.credentials.delete(credential.id)
        changed.set()
        await until(lambda: bool(rows(services, "SELECT 1 FROM documents WHERE title LIKE 'You are%'")))
    assert SECRET not in str(rows(services, "SELECT * FROM documents"))


async def test_a_mistake_of_ours_that_names_the_secret_is_masked(services, wiki, server, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError(f"cannot send {SECRET}")

    source_id = await source_for(services, server)
    monkeypatch.setattr(secrets, "headers_for", fail)
    job = await crawled(services, source_id)
    assert job.status == Status.FAILED
    assert SECRET.encode() not in services.files.database.read_bytes()
    assert SECRET not in str(rows(services, "SELECT error FROM jobs")) + str(
        rows(services, "SELECT message FROM job_logs")
    )


# --- runs of definitions ----------------------------------------------------------------------------------------------


async def test_each_step_of_a_run_signs_in_at_its_own_site(services, wiki, server, elsewhere):
    other = Site(elsewhere)
    other.session, other.until = NEW_SECRET, 4
    first = await source_for(services, server)
    credential_id = await services.credentials.add(
        NewCredential(name="other", origin=elsewhere.origin), f"sid={NEW_SECRET}"
    )
    second = await services.sources.add(NewSource(base_url=elsewhere.url("/"), name="O", credential_id=credential_id))
    definition_id = await services.definitions.save(
        Definition(name="Nightly", sources=(first, second), steps=(Step(name="crawl", action="crawl"),))
    )
    job = await went_on(services, await services.definitions.run(definition_id))
    assert (job.status, job.cause) == (Status.PAUSED, Cause.SIGN_IN)
    assert "“other”" in (job.error or "")
    assert await services.credentials.waiting(credential_id) == (job.id,)
    other.session, other.until = "th1rd-Session.1234", None
    await services.credentials.provide(credential_id, "sid=th1rd-Session.1234")
    job = await went_on(services, job.id, resume=True)
    assert (job.status, job.warnings) == (Status.COMPLETED, 0)
    assert len(documents(services)) == 22
    assert wiki.asked_with(NEW_SECRET) == other.asked_with(SECRET) == []


# --- another process goes on ------------------------------------------------------------------------------------------


async def test_after_a_new_start_the_pages_that_were_stored_tell_whether_the_session_is_alive(
    tmp_path, monkeypatch, wiki, server
):
    """Where anybody may see the first page, nothing else could tell it."""
    monkeypatch.setattr(engine, "ParseRunner", ParserHere)
    wiki.public |= {"/"}
    async with library(tmp_path / "library") as services:
        source_id = await source_for(services, server)
        job = await services.jobs.start_crawl(CrawlRequest(urls=(), source_id=source_id))
        async with engine_running(services, workers=1):
            await until(lambda: len(documents(services)) >= 3)
        [(following,)] = rows(services, "SELECT url FROM jobs WHERE status = 'pending' AND parent_id = 1 LIMIT 1")
    # The page that comes first now is forbidden whoever asks.
    wiki.answers[following.removeprefix(server.origin)] = wiki.refusal("")
    async with library(tmp_path / "library") as services:
        await services.credentials.provide(1, f"sid={SECRET}")
        ended = await went_on(services, job)
        assert (ended.status, ended.warnings) == (Status.COMPLETED, 1)
        assert len(documents(services)) == 10


async def test_who_lets_a_crawl_go_on_with_the_same_secret_knows_better(services, wiki, server):
    wiki.public = {"/", *PAGES}
    wiki.answers["/page/4"] = wiki.refusal("")
    job = await crawled(services, await source_for(services, server))
    assert (job.status, job.cause) == (Status.PAUSED, Cause.SIGN_IN)
    job = await went_on(services, job.id, resume=True)
    assert (job.status, job.warnings) == (Status.COMPLETED, 1)
