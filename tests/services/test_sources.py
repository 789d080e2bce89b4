"""Sources and credentials: kept, changed, used and deleted; the secret itself lies in the keyring (J5, J8, X5)."""

from typing import Any

import msgspec
import pytest

from quaero_desktop.domain.credentials import CredentialKind, NewCredential
from quaero_desktop.domain.definitions import Definition, Step
from quaero_desktop.domain.errors import FieldError, NotAllowedError, NotFoundError, SecretError, UsageError
from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.secrets import Bearer, decode
from quaero_desktop.domain.sources import NewSource, SourceRules
from quaero_desktop.infra.secrets import SERVICE
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.support import fake_keyring
from tests.support.crawling import crawl, engine_of, library, page, rows, site
from tests.support.fake_keyring import FakeKeyring
from tests.support.recording_server import answering, response

SITE = "https://wiki.site.test"
TOKEN = "s3cr3t-Token.9x"
ANOTHER = "an0ther-Token.8y"


@pytest.fixture
def keyring(monkeypatch) -> FakeKeyring:
    return fake_keyring.use(monkeypatch)


async def add(services: Services, secret: str = f"Bearer {TOKEN}", **known: Any) -> int:
    return await services.credentials.add(NewCredential(**{"name": "Wiki", "origin": SITE, **known}), secret)


def everything(services: Services) -> bytes:
    """Return all that lies in the folder of a library."""
    return b"".join(path.read_bytes() for path in services.files.folder.rglob("*") if path.is_file())


class TestCredentials:
    async def test_the_secret_goes_to_the_keyring_and_the_library_has_a_reference(self, services, keyring):
        credential = await services.credentials.get(await add(services, login_url="wiki.site.test/login"))
        assert msgspec.to_builtins(credential) | {"reference": "", "created_at": 0, "updated_at": 0} == {
            "id": 1,
            "name": "Wiki",
            "origin": SITE,
            "kind": "bearer",
            "kept": True,
            "tail": "n.9x",
            "login_url": SITE + "/login",
            "created_at": 0,
            "updated_at": 0,
            "reference": "",
        }
        [(where, kept)] = keyring.entries.items()
        assert where == (SERVICE, credential.reference)
        assert decode(kept) == Bearer(token=TOKEN)
        assert TOKEN.encode() not in everything(services)

    async def test_two_libraries_share_a_keyring_and_no_secret(self, services, keyring, tmp_path):
        await add(services)
        async with library(tmp_path / "other") as other:
            await add(other, f"Bearer {ANOTHER}")
            assert len(keyring.entries) == 2
            await other.credentials.delete(1)
        [kept] = keyring.entries.values()
        assert decode(kept) == Bearer(token=TOKEN)

    async def test_without_a_keyring_it_is_asked_for_at_each_start(self, tmp_path):
        async with library(tmp_path / "library") as services:
            assert not await services.credentials.kept()
            assert "only in memory" in await services.credentials.place()
            credential = await services.credentials.get(await add(services))
            assert (credential.kept, credential.reference) == (False, None)
            assert services.secrets.get(credential.key) is not None
            await services.sources.add(NewSource(base_url=SITE, credential_id=1))
            job = await services.jobs.start_crawl(CrawlRequest(urls=(), source_id=1))
            assert await services.credentials.missing() == ()
        async with library(tmp_path / "library") as services:
            [missing] = await services.credentials.missing()
            assert missing.name == "Wiki"
            assert await services.credentials.missing([job]) == (missing,)
            await services.credentials.provide(1, TOKEN)
            assert await services.credentials.missing() == ()

    async def test_once_there_is_a_keyring_the_next_secret_is_kept_there(self, services, monkeypatch, keyring):
        keyring.trouble = RuntimeError("locked")
        await add(services)
        assert not (await services.credentials.get(1)).kept
        keyring.trouble = None
        await services.credentials.provide(1, ANOTHER)
        credential = await services.credentials.get(1)
        assert (credential.kept, credential.tail) == (True, "n.8y")
        assert services.secrets.get("memory:1") is None

    async def test_a_new_secret_takes_the_place_of_the_old_one(self, services, keyring):
        await add(services)
        before = await services.credentials.get(1)
        await services.credentials.update(1, NewCredential(name="The wiki"), f"Bearer {ANOTHER}")
        after = await services.credentials.get(1)
        assert (after.name, after.origin, after.tail, after.created_at) == ("The wiki", SITE, "n.8y", before.created_at)
        [((_, reference), kept)] = keyring.entries.items()
        assert reference == after.reference != before.reference
        assert decode(kept) == Bearer(token=ANOTHER)

    async def test_what_is_known_can_be_changed_without_the_secret_but_never_where_it_is_sent(self, services, keyring):
        await add(services)
        kept = dict(keyring.entries)
        await services.credentials.update(1, NewCredential(name="The wiki", login_url=SITE + "/in"))
        assert (await services.credentials.get(1)).login_url == SITE + "/in"
        with pytest.raises(FieldError, match=r"bound to https://wiki\.site\.test") as raised:
            await services.credentials.update(1, NewCredential(name="x", origin="https://bank.test"))
        assert raised.value.field == "origin"
        with pytest.raises(FieldError, match="of the kind bearer"):
            await services.credentials.update(1, NewCredential(name="x", kind=CredentialKind.COOKIES))
        assert keyring.entries == kept
        await services.credentials.update(1, NewCredential(name="x", origin="https://bank.test"), f"Bearer {ANOTHER}")
        assert (await services.credentials.get(1)).origin == "https://bank.test"

    @pytest.mark.parametrize(
        ("new", "secret", "field"),
        [
            ({"name": " "}, f"Bearer {TOKEN}", "name"),
            ({"name": "x" * 201}, f"Bearer {TOKEN}", "name"),
            ({"origin": "ftp://site.test"}, f"Bearer {TOKEN}", "origin"),
            ({"origin": ""}, f"Bearer {TOKEN}", "origin"),
            ({"login_url": "no url"}, f"Bearer {TOKEN}", "login_url"),
            ({"name": "Wiki"}, f"Bearer {TOKEN}", "name"),
        ],
    )
    async def test_what_makes_no_sense_is_named_and_leaves_nothing_behind(self, services, keyring, new, secret, field):
        await add(services)
        kept = dict(keyring.entries)
        with pytest.raises(FieldError) as raised:
            await add(services, secret, **{"name": "Other", **new})
        assert raised.value.field == field
        assert keyring.entries == kept
        assert len(await services.credentials.list()) == 1

    async def test_a_secret_for_another_site_is_refused(self, services, keyring):
        with pytest.raises(UsageError, match=r"for https://bank\.test"):
            await add(services, f"curl 'https://bank.test/' -b 'sid={TOKEN}'")
        assert keyring.entries == {}
        await add(services, f"curl '{SITE}/page' -b 'sid={TOKEN}'", origin="")
        assert (await services.credentials.get(1)).origin == SITE

    async def test_deleting_takes_the_secret_along_and_sources_go_on_without(self, services, keyring):
        await add(services)
        await services.sources.add(NewSource(base_url=SITE, credential_id=1))
        await services.credentials.delete(1)
        assert keyring.entries == {}
        assert (await services.sources.get(1)).credential is None
        await services.credentials.delete(1)
        with pytest.raises(NotFoundError):
            await services.credentials.get(1)

    async def test_when_the_keyring_does_not_delete_the_person_is_told(self, services, keyring):
        await add(services)
        keyring.trouble = RuntimeError("locked")
        with pytest.raises(SecretError):
            await services.credentials.delete(1)
        assert await services.credentials.list() == ()


class TestTrying:
    """``credentials test``."""

    @pytest.mark.parametrize(
        ("with_it", "without", "ok"),
        [
            (page(), response(b"", status="401 Unauthorized"), True),
            (page(), page(), None),
            (response(b"", status="403 Forbidden"), response(b"", status="403 Forbidden"), False),
            (response(b"", status="302 Found", Location="/login"), page(), False),
            (response(b"", status="500 Internal Server Error"), page(), None),
        ],
    )
    async def test_the_site_is_asked_with_and_without(self, services, server, with_it, without, ok):
        async def answer(exchange):
            await exchange.send(with_it if exchange.header("Authorization") else without)

        server.behaviour = answer
        await add(services, origin=server.origin)
        result = await services.credentials.test(1)
        assert result.ok is ok
        assert result.url == server.url("/")
        assert TOKEN not in result.message

    async def test_it_begins_where_the_source_does(self, services, server):
        server.behaviour = answering(page())
        await add(services, origin=server.origin)
        await services.sources.add(NewSource(base_url=server.url("/docs/"), credential_id=1))
        assert (await services.credentials.test(1)).url == server.url("/docs/")
        assert set(server.targets) == {"/docs/"}

    async def test_no_other_site_is_asked(self, services, server):
        await add(services)
        with pytest.raises(UsageError, match="shown to nobody else"):
            await services.credentials.test(1, server.url("/"))
        assert server.exchanges == []

    async def test_without_the_secret_it_cannot_be_tried(self, services, keyring):
        await add(services)
        keyring.entries.clear()
        services.secrets.close()
        with pytest.raises(SecretError, match="not at hand") as caught:
            await services.credentials.test(1)
        assert caught.value.hint == "Give it with: quaero credentials edit 1"

    async def test_without_a_keyring_the_advice_is_not_to_store_it(self, tmp_path):
        async with library(tmp_path / "library") as services:
            await add(services)
        async with library(tmp_path / "library") as services:
            with pytest.raises(SecretError, match="not at hand") as caught:
                await services.credentials.test(1)
        assert "QUAERO_SECRETS" in caught.value.hint


class TestSources:
    async def test_a_source_is_kept_with_its_rules_and_its_credential(self, services, keyring):
        await add(services)
        rules = SourceRules(scope="prefix", include=("/docs/",), exclude=("*.pdf",), depth=3, delay_ms=500)
        number = await services.sources.add(
            NewSource(base_url="wiki.site.test/docs", name=" The\twiki ", rules=rules, credential_id=1)
        )
        source = await services.sources.get(number)
        assert (source.name, source.base_url, source.rules) == ("The wiki", SITE + "/docs", rules)
        assert source.credential == await services.credentials.get(1)
        assert (source.enabled, source.automatic, source.documents) == (True, False, 0)
        await services.sources.update(number, NewSource(base_url=SITE, enabled=False))
        changed = await services.sources.get(number)
        assert (changed.name, changed.rules, changed.credential) == ("wiki.site.test", SourceRules(), None)
        assert not changed.enabled

    @pytest.mark.parametrize(
        ("new", "field"),
        [
            (NewSource(base_url=""), "base_url"),
            (NewSource(base_url="file:///etc/passwd"), "base_url"),
            (NewSource(base_url=SITE, name="x" * 201), "name"),
            (NewSource(base_url=SITE, rules=SourceRules(include=("re:(",))), "rules.include"),
            (NewSource(base_url=SITE, rules=SourceRules(exclude=(" ",))), "rules.exclude"),
            (NewSource(base_url=SITE, rules=SourceRules(depth=-1)), "rules.depth"),
            (NewSource(base_url=SITE, rules=SourceRules(max_pages=0)), "rules.max_pages"),
            (NewSource(base_url=SITE, rules=SourceRules(per_host=0)), "rules.per_host"),
            (NewSource(base_url=SITE, rules=SourceRules(delay_ms=-1)), "rules.delay_ms"),
            (NewSource(base_url=SITE, rules=SourceRules(delay_ms=86_400_001)), "rules.delay_ms"),
            (NewSource(base_url=SITE, rules=SourceRules(scope="planet")), "rules.scope"),  # type: ignore[arg-type]
            (NewSource(base_url=SITE, credential_id=7), "credential_id"),
        ],
    )
    async def test_what_makes_no_sense_is_named_by_its_field(self, services, new, field):
        with pytest.raises(FieldError) as raised:
            await services.sources.add(new)
        assert raised.value.field == field
        assert await services.sources.list() == ()

    async def test_those_of_people_come_before_those_of_crawls(self, services, server):
        server.behaviour = site({"/": page()})
        await crawl(services, server.url())
        await services.sources.add(NewSource(base_url=SITE, name="b"))
        await services.sources.add(NewSource(base_url=SITE, name="A"))
        listed = await services.sources.list()
        assert [source.name for source in listed] == ["A", "b", server.origin.removeprefix("http://")]
        assert [source.documents for source in listed] == [0, 0, 1]

    async def test_one_that_crawls_made_keeps_its_address(self, services, server):
        server.behaviour = site({"/": page()})
        await crawl(services, server.url())
        made = await services.sources.get(1)
        await services.sources.update(1, NewSource(base_url=made.start_url, name="Mine"))
        assert (await services.sources.get(1)).base_url == server.origin
        with pytest.raises(NotAllowedError, match="crawls made it"):
            await services.sources.update(1, NewSource(base_url=SITE))


class TestCrawling:
    async def test_a_crawl_takes_the_rules_of_its_source_where_it_says_nothing(self, services, server):
        rules = SourceRules(
            scope="prefix", include=("/a",), exclude=("/b",), depth=2, max_pages=7, per_host=1, delay_ms=10,
            obey_robots=False,
        )  # fmt: skip
        source_id = await services.sources.add(NewSource(base_url=server.url("/docs/"), name="Docs", rules=rules))
        job = await services.jobs.get(await services.jobs.start_crawl(CrawlRequest(urls=(), source_id=source_id)))
        assert job.name == "Docs"
        config = {name: job.payload[name] for name in ("seeds", "scope", "include", "exclude", "max_depth")}
        assert config == {
            "seeds": [server.url("/docs/")],
            "scope": "prefix",
            "include": ["/a"],
            "exclude": ["/b"],
            "max_depth": 2,
        }
        rest = {name: job.payload[name] for name in ("max_pages", "per_host", "delay_ms", "obey_robots")}
        assert rest == {"max_pages": 7, "per_host": 1, "delay_ms": 10, "obey_robots": False}

    async def test_what_a_crawl_says_itself_goes_first(self, services, server):
        rules = SourceRules(scope="prefix", include=("/a",), depth=2, delay_ms=10, obey_robots=False)
        source_id = await services.sources.add(NewSource(base_url=server.url("/docs/"), name="Docs", rules=rules))
        request = CrawlRequest(
            urls=(server.url("/else/"),), source_id=source_id, scope="host", include=("/c",), depth=0,
            delay_seconds=0, obey_robots=True,
        )  # fmt: skip
        job = await services.jobs.get(await services.jobs.start_crawl(request))
        said = {name: job.payload[name] for name in ("seeds", "scope", "include", "max_depth", "delay_ms")}
        assert said == {
            "seeds": [server.url("/else/")],
            "scope": "host",
            "include": ["/c"],
            "max_depth": 0,
            "delay_ms": 0,
        }
        assert job.payload["obey_robots"] is True

    async def test_a_source_that_is_switched_off_is_not_crawled(self, services):
        await services.sources.add(NewSource(base_url=SITE, name="Wiki", enabled=False))
        with pytest.raises(NotAllowedError, match="switched off"):
            await services.jobs.start_crawl(CrawlRequest(urls=(), source_id=1))
        with pytest.raises(NotFoundError):
            await services.jobs.start_crawl(CrawlRequest(urls=(), source_id=2))

    async def test_a_credential_given_to_a_source_that_runs_is_used_from_the_next_page_on(self, services, server):
        """Also where the source was made by the crawl itself."""
        asked: list[str | None] = []

        async def answer(exchange):
            if exchange.target == "/robots.txt":
                return await exchange.send(response(b"", status="404 Not Found"))
            asked.append(exchange.header("Authorization"))
            if exchange.target == "/2":
                # At rest until the credential is there.
                await add(services, origin=server.origin)
                await services.sources.update(1, NewSource(base_url=server.url(), credential_id=1))
            number = int(exchange.target[1:] or 0)
            return await exchange.send(page(f"/{number + 1}") if number < 4 else page())

        server.behaviour = answer
        job = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(),)))
        await engine_of(services).run(workers=1, until_idle=True)
        assert (await services.jobs.get(job)).status == Status.COMPLETED
        assert asked[:3] == [None, None, None]
        assert asked[-1] == f"Bearer {TOKEN}"


class TestDeleting:
    async def test_a_source_without_anything_goes(self, services):
        await services.sources.add(NewSource(base_url=SITE))
        await services.sources.delete(1)
        assert await services.sources.list() == ()
        with pytest.raises(NotFoundError):
            await services.sources.delete(1)

    async def test_documents_go_with_it_only_when_that_is_said(self, services, server, monkeypatch):
        monkeypatch.setattr("quaero_desktop.storage.sources.PART", 2)
        server.behaviour = site({"/": page(*(f"/{n}" for n in range(4)))} | {f"/{n}": page() for n in range(4)})
        await services.sources.add(NewSource(base_url=server.url(), name="Wiki"))
        crawled = await crawl(services, source_id=1)
        assert (await services.sources.get(1)).documents == 5
        with pytest.raises(NotAllowedError, match="5 documents"):
            await services.sources.delete(1)
        told: list[tuple[int, int]] = []
        plan = await services.sources.delete(1, documents=True, progress=lambda *done: told.append(done))
        assert (plan.documents, plan.jobs, plan.open_jobs) == (5, 1, 0)
        assert told == [(2, 5), (4, 5), (5, 5)]
        assert rows(services, "SELECT count(*) FROM documents") == [(0,)]
        assert (await services.library.search("words")).total_count == 0
        assert (await services.jobs.get(crawled.job.id)).source_id is None

    async def test_what_has_not_ended_keeps_its_source(self, services):
        await services.sources.add(NewSource(base_url=SITE, name="Wiki"))
        job = await services.jobs.start_crawl(CrawlRequest(urls=(), source_id=1))
        with pytest.raises(NotAllowedError, match="1 job of it has not ended"):
            await services.sources.delete(1, documents=True)
        await services.jobs.cancel(job)
        await services.sources.delete(1)

    async def test_a_definition_keeps_its_sources(self, services):
        await services.sources.add(NewSource(base_url=SITE, name="Wiki"))
        number = await services.definitions.save(
            Definition(name="Nightly", sources=(1,), steps=(Step(name="crawl", action="crawl"),))
        )
        assert (await services.sources.plan_deletion(1)).definitions == ("Nightly",)
        with pytest.raises(NotAllowedError, match="“Nightly” collects for it"):
            await services.sources.delete(1)
        await services.definitions.delete(number)
        await services.sources.delete(1)
