"""A library in which text of others lies wherever it can come to lie."""

from typing import Any
from urllib.parse import quote

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import Definition
from quaero_desktop.domain.jobs import Cause, SkipReason
from quaero_desktop.domain.outcomes import Discovered, Failed, Recorded, Refusal, Summarised
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.services.compose import Services
from quaero_desktop.storage import summaries
from tests.support.outcomes import stored

SITE = "https://payload.test/"


def address(number: int, text: str) -> str:
    """Return a canonical URL whose path is a payload, as far as there is room."""
    return f"{SITE}{number}/{quote(text[:300], errors='replace', safe='')}"


async def fill(services: Services, texts: list[str]) -> dict[str, Any]:
    """Put each text wherever a text of others can come to lie."""
    ledger, database = services.jobs._ledger, services.jobs._database
    urls = [address(number, text) for number, text in enumerate(texts)]
    refused = [Refusal(f"{url}/refused", SkipReason.EXCLUDED, text) for url, text in zip(urls, texts, strict=True)]
    outcomes: dict[str, Any] = {
        SITE: Recorded(result={}, discovered=Discovered(follow=tuple(urls), refused=tuple(refused)), message="x")
    }
    for number, (url, text) in enumerate(zip(urls, texts, strict=True)):
        if number % 3:
            part = text[:5_000]
            page: dict[str, Any] = {"title": text, "description": text, "author": part, "headings": ((1, part),)}
            outcomes[url] = stored(url, f"{text}\n\nneedle {number}\n", **page)
        else:
            outcomes[url] = Failed(cause=Cause.EXECUTOR_ERROR, message=text[:100_000])
    root = await ledger.start(NewRoot(name=texts[7], config=CrawlConfig(seeds=(SITE,), exclude=())))
    while given := (await ledger.receive(50, NO_PACE)).assignments:
        for assignment in given:
            outcome = outcomes[assignment.job.url or ""]
            if isinstance(outcome, Failed):
                await ledger.fail(assignment.delivery.receipt, outcome)
            else:
                await ledger.complete(assignment.delivery.receipt, outcome)
    names = list(dict.fromkeys(text[:50_000] for text in texts))

    def others(tx: Any) -> list[int]:
        for text in texts:
            tx.execute(
                "INSERT INTO job_logs (job_id, root_id, at, level, message) VALUES (?, ?, 0, 2, ?)", (root, root, text)
            )
        documents = [row[0] for row in tx.execute("SELECT id FROM documents ORDER BY id").fetchall()]
        for document, text in zip(documents, texts, strict=False):
            # What a model writes is as foreign as a page.
            keywords = (text[:5000], "<b>keyword</b>")
            (content,) = tx.execute("SELECT content_hash FROM documents WHERE id = ?", (document,)).fetchone()
            said = Summarised(
                document_id=document, content_hash=content, method=text[:200], summary=text[:50_000], keywords=keywords
            )
            summaries.store(tx, said)
        for number, text in enumerate(names):
            tx.execute(
                "INSERT INTO credentials (name, origin, kind, tail, created_at, updated_at)"
                " VALUES (?, ?, 'bearer', ?, 0, 0)",
                (f"{text}{number}", SITE[:-1], text[:4]),
            )
            tx.execute(
                "INSERT INTO sources (name, base_url, credential_id, created_at, updated_at)"
                " VALUES (?, ?, last_insert_rowid(), 0, 0)",
                (text, address(number, text)),
            )
            body = msgspec.json.encode(Definition(name=text, description=text)).decode()
            tx.execute(
                "INSERT INTO definitions (name, body, created_at, updated_at) VALUES (?, ?, 0, 0)",
                (f"{text}{number}", body),
            )
        return documents

    documents = await database.write(others)
    # Roots with names of their own, as imported ones and definitions have.
    roots = [root]
    for text in texts:
        roots.append(await ledger.start(NewRoot(name=text[:200_000], config=CrawlConfig(seeds=(SITE + "x",)))))
        await ledger.cancel(roots[-1])
    return {"root": root, "roots": roots, "documents": documents}
