"""The rows of sources and credentials, and what roots need of them; never a secret (J8, X5)."""

import msgspec
import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.credentials import Credential, CredentialKind
from quaero_desktop.domain.definitions import Definition, Step
from quaero_desktop.domain.errors import FieldError, NotFoundError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.queue import Turns
from quaero_desktop.domain.sources import NewSource, SourceRules
from quaero_desktop.storage import credentials, documents, sources
from quaero_desktop.storage.database import Database

SITE = "https://wiki.site.test"
OTHER = "https://docs.site.test"


async def credential(library: Database, name: str = "Wiki", origin: str = SITE) -> Credential:
    number = await library.write(
        lambda tx: credentials.add(
            tx, name=name, origin=origin, kind=CredentialKind.COOKIES, tail="9x", reference=f"credential-{name}"
        )
    )
    return await library.read(lambda connection: credentials.get(connection, number))


async def source(library: Database, credential_id: int | None = None, base_url: str = SITE + "/") -> int:
    new = NewSource(base_url=base_url, name="Wiki", credential_id=credential_id)
    return await library.write(lambda tx: sources.add(tx, new))


def config(*seeds: str) -> CrawlConfig:
    return CrawlConfig(seeds=seeds or (SITE + "/",))


async def test_the_key_of_a_secret_says_whether_a_keyring_has_it(library):
    kept = await credential(library)
    assert (kept.kept, kept.key) == (True, "credential-Wiki")
    unkept = msgspec.structs.replace(kept, reference=None, kept=False)
    await library.write(lambda tx: credentials.change(tx, unkept))
    found = await library.read(lambda connection: credentials.get(connection, kept.id))
    assert (found.kept, found.key) == (False, "memory:1")


async def test_a_name_is_one_credentials(library):
    first, second = await credential(library), await credential(library, "Docs")
    with pytest.raises(FieldError, match="a credential “Wiki” already"):
        await credential(library)
    with pytest.raises(FieldError):
        await library.write(lambda tx: credentials.change(tx, msgspec.structs.replace(second, name="Wiki")))
    await library.write(lambda tx: credentials.change(tx, first))
    with pytest.raises(NotFoundError):
        await library.write(lambda tx: credentials.change(tx, msgspec.structs.replace(first, id=9)))


async def test_x5_a_credential_that_goes_leaves_its_sources_without_one(library):
    found = await credential(library)
    number = await source(library, found.id)
    assert await library.read(lambda connection: credentials.of_source(connection, number)) == found
    await library.write(lambda tx: credentials.delete(tx, found.id))
    assert await library.read(lambda connection: credentials.of_source(connection, number)) is None
    assert (await library.read(lambda connection: sources.get(connection, number))).credential is None


async def test_rules_that_cannot_be_read_hide_no_source(library):
    number = await source(library)
    await library.write(lambda tx: tx.execute('UPDATE sources SET rules = \'{"depth": "deep"}\''))
    assert (await library.read(lambda connection: sources.get(connection, number))).rules == SourceRules()


async def test_the_plan_of_a_crawl_names_the_credential_of_its_source(library, ledger):
    found = await credential(library)
    number = await source(library, found.id)
    root = await ledger.start(NewRoot(name="crawl", config=config(), source_id=number))
    assert (await ledger.plan(root)).credential == found
    other = await ledger.start(NewRoot(name="crawl", config=config()))
    assert (await ledger.plan(other)).credential is None
    # A crawl without a source takes the one that crawls made for where it starts.
    made = await library.write(lambda tx: documents.automatic_source(tx, SITE + "/"))
    new = NewSource(base_url=SITE + "/", name="Wiki", credential_id=found.id)
    await library.write(lambda tx: sources.change(tx, made, new))
    assert (await ledger.plan(other)).credential == found


async def test_a_root_whose_set_up_cannot_be_read_needs_what_its_source_has(library, ledger):
    found = await credential(library)
    number = await source(library, found.id)
    root = await ledger.start(NewRoot(name="crawl", config=config(), source_id=number))
    await library.write(lambda tx: tx.execute("UPDATE jobs SET config = '[]' WHERE id = ?", (root,)))
    assert await library.read(lambda connection: credentials.needed_by(connection, [root])) == (found,)


async def test_a_root_whose_source_has_no_credential_needs_none(library, ledger):
    root = await ledger.start(NewRoot(name="crawl", config=config(), source_id=await source(library)))
    assert await library.read(lambda connection: credentials.needed_by(connection, [root])) == ()


async def test_deleting_a_source_that_is_gone_is_a_success(library):
    number = await source(library)
    for _ in range(2):
        await library.write(lambda tx: sources.delete(tx, number))
    assert await library.read(lambda connection: connection.execute("SELECT * FROM sources").fetchall()) == []


async def test_what_open_roots_need_is_found_by_their_sources_and_steps(library, ledger):
    wiki, docs = await credential(library), await credential(library, "Docs", OTHER)
    first = await source(library, wiki.id)
    second = await source(library, docs.id, OTHER + "/")
    crawl = await ledger.start(NewRoot(name="crawl", config=config(), source_id=first))
    definition = Definition(name="Nightly", sources=(first, second), steps=(Step(name="crawl", action="crawl"),))
    body = msgspec.json.encode(definition).decode()
    await library.write(
        lambda tx: tx.execute(
            "INSERT INTO definitions (name, body, created_at, updated_at) VALUES ('Nightly', ?, 0, 0)", (body,)
        )
    )
    run = await ledger.start_run(1, config())

    async def needed_by(*roots: int) -> list[str]:
        return [each.name for each in await library.read(lambda connection: credentials.needed_by(connection, roots))]

    assert await needed_by(crawl) == ["Wiki"]
    assert await needed_by(run) == ["Wiki", "Docs"]
    assert await needed_by(99) == []
    assert [each.name for each in await library.read(credentials.needed)] == ["Wiki", "Docs"]
    plan = await library.read(lambda connection: sources.plan_deletion(connection, second))
    assert (plan.open_jobs, plan.definitions) == (1, ("Nightly",))
    await ledger.cancel(run)
    assert [each.name for each in await library.read(credentials.needed)] == ["Wiki"]


async def test_who_waits_for_a_sign_in_is_found_by_the_credential(library, ledger, clock):
    wiki, docs = await credential(library), await credential(library, "Docs", OTHER)
    root = await ledger.start(NewRoot(name="crawl", config=config(), source_id=await source(library, wiki.id)))
    paused = await ledger.start(NewRoot(name="crawl", config=config(), source_id=1))
    await ledger.pause(paused)
    received = await ledger.receive(1, Turns(now=clock.now_ms(), only=frozenset({root})))
    [assignment] = received.assignments
    await ledger.sign_in_needed(assignment.delivery.receipt, "Sign in again: it does not let us in with “Wiki”.")

    async def waiting(which: Credential) -> tuple[int, ...]:
        return await library.read(lambda connection: credentials.waiting_for(connection, which))

    assert await waiting(wiki) == (root,)
    assert await waiting(docs) == ()
    [(cause, tries)] = await library.read(
        lambda connection: connection.execute(
            "SELECT j.cause, m.tries FROM jobs j JOIN messages m ON m.root_id = j.id WHERE j.id = ?", (root,)
        ).fetchall()
    )
    assert (cause, tries) == (Cause.SIGN_IN, 0)
    await ledger.resume(root)
    assert await waiting(wiki) == ()
