"""Turning the links of a page into child jobs and skips, inside the ledger's transaction.

Here depth and page limits are enforced, and depth is kept at the shortest known path: when a later page offers a
shorter way, the pages behind it move closer too, and what was skipped for its depth comes back (J1).
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig, Verdict
from quaero_desktop.domain.definitions import NO_STEP
from quaero_desktop.domain.jobs import JobType, Phase, SkipReason, Status
from quaero_desktop.domain.outcomes import Discovered, SitemapFile
from quaero_desktop.domain.queue import NewMessage
from quaero_desktop.domain.urls import origin_of
from quaero_desktop.storage import documents
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import AMONG, json_list
from quaero_desktop.storage.jobs import joblog
from quaero_desktop.storage.queue import Queue

MAX_SITEMAPS = 1_000
"""The most sitemaps that are read for one root; with 50,000 URLs each it is more than anybody wants."""

SOON = 1
"""The priority of what tells where to go: it comes before the pages that wait."""

_encode = msgspec.json.Encoder().encode


class Frontier:
    """The edge of one root's crawl, for the length of one transaction.

    Args:
        tx: the running transaction.
        queue: where a message for each new page goes.
        root_id: the root.
        config: its configuration: depth and page limits.
        step: the step of the root that its pages belong to.
    """

    def __init__(self, tx: Tx, queue: Queue, root_id: int, config: CrawlConfig, step: int = NO_STEP) -> None:
        self._tx = tx
        self._queue = queue
        self._root_id = root_id
        self._config = config
        self._step = step
        self._pages_added = 0

    def add_seeds(self, urls: Iterable[str]) -> None:
        """Add the pages that the crawl starts from."""
        new = list(dict.fromkeys(urls))
        self._met(self._add(new, 0, None))

    def add_validation(self) -> None:
        """Add the job that checks what the crawl starts from (J5)."""
        name = "Check of the start"
        job_id = self._insert_job(JobType.VALIDATE, Phase.PRE, None, name, {})
        assert job_id is not None
        # No lane: it asks for nothing but robots.txt, which any page would.
        self._send(JobType.VALIDATE, job_id, None, {}, SOON)

    def add(self, found_on: int, depth: int, discovered: Discovered) -> int:
        """Add what a page links to, and return how many pages that adds.

        Args:
            found_on: the job of the page.
            depth: of the page: its shortest known distance from a seed.
            discovered: what was found on it.
        """
        below = depth if discovered.hops else depth + 1
        met = self._refuse(found_on, below, discovered)
        known = self._known(discovered.follow)
        new = [url for url in dict.fromkeys(discovered.follow) if url not in known]
        met += self._add(new, below, found_on, discovered.hops, discovered.modified)
        if discovered.modified:
            self._note_modified({known[url][0]: at for url, at in discovered.modified.items() if url in known})
        self._add_sitemaps(discovered.sitemaps)
        closer = [(job_id, below) for job_id, at_depth, _ in known.values() if at_depth > below]
        if closer:
            met += self._move_closer(closer)
        self._met(met)
        return self._pages_added

    def add_skipped(self, urls: Sequence[str], depth: int) -> None:
        """Add pages that had been refused, and are not by the rules of now."""
        self._met(self._add(list(urls), depth, None))

    def queue_again(self, job_id: int) -> None:
        """Queue a page that had been withdrawn, for a new attempt, with what its message said then."""
        url, payload = self._tx.execute("SELECT url, payload FROM jobs WHERE id = ?", (job_id,)).fetchone()
        self._tx.execute(
            "UPDATE jobs SET status = 'pending', attempt = attempt + 1, started_at = NULL, completed_at = NULL,"
            " cause = NULL, error = NULL, payload = NULL, revision = ? WHERE id = ?",
            (self._tx.revision, job_id),
        )
        again = msgspec.json.decode(payload, type=dict[str, Any]) if payload else {}
        self._send(JobType.CRAWLER_URL, job_id, url, again)

    def pages(self) -> int:
        """Return how many pages the crawl has, but for those that were withdrawn and so never fetched."""
        sql = (
            "SELECT coalesce(sum(n), 0) FROM child_counts"
            " WHERE parent_id = ? AND type = ? AND status <> 'skipped' AND step = ?"
        )
        return int(self._tx.value(sql, (self._root_id, JobType.CRAWLER_URL, self._step)))

    def _met(self, count: int) -> None:
        if count:
            self._tx.execute(
                "UPDATE root_progress SET discovered = discovered + ? WHERE root_id = ?", (count, self._root_id)
            )

    def _known(self, urls: Sequence[str]) -> dict[str, tuple[int, int, int | None]]:
        """Return id, depth and document of those *urls* that are pages of the crawl already."""
        if not urls:
            return {}
        # CROSS JOIN: SQLite keeps the order, one look-up for each URL, instead of reading all pages of the root.
        rows = self._tx.execute(
            "SELECT url, jobs.id, depth, document_id FROM json_each(?)"
            " CROSS JOIN jobs ON root_id = ? AND step = ? AND url = value",
            (json_list(urls), self._root_id, self._step),
        )
        return {row[0]: (row[1], row[2], row[3]) for row in rows}

    def _add(
        self,
        urls: list[str],
        depth: int,
        found_on: int | None,
        hops: int = 0,
        modified: Mapping[str, int] = MappingProxyType({}),
    ) -> int:
        """Make pages of *urls*, none of which is one, or skips where a limit says so.

        Returns:
            How many of them were never met before.
        """
        if not urls:
            return 0
        if depth > self._config.max_depth:
            return self._skip(urls, depth, found_on, too_deep(self._config))
        room = self._room()
        left_out = urls[room:] if room is not None else []
        if room is not None:
            urls = urls[:room]
        # A URL that was skipped before (too deep then, or out of scope before a redirect widened it) is not a new one.
        met_before = self._tx.execute(
            f"DELETE FROM skips WHERE root_id = ? AND step = ? AND url {AMONG}",
            (self._root_id, self._step, json_list(urls)),
        ).rowcount
        for url in urls:
            payload = {"hops": hops} if hops else {}
            if (moment := modified.get(url)) is not None:
                payload["modified"] = moment
            job_id = self._tx.execute(
                "INSERT INTO jobs (parent_id, root_id, type, status, step, url, depth, found_on, created_at, revision)"
                " VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?)",
                (
                    self._root_id,
                    self._root_id,
                    JobType.CRAWLER_URL,
                    self._step,
                    url,
                    depth,
                    found_on,
                    self._tx.now,
                    self._tx.revision,
                ),
            ).lastrowid
            self._send(JobType.CRAWLER_URL, job_id, url, payload)
        self._pages_added += len(urls)
        met = len(urls) - met_before
        if left_out:
            met += self._skip(left_out, depth, found_on, too_many(self._config))
        return met

    def _note_modified(self, moments: Mapping[int, int]) -> None:
        """Tell the pages that still wait when they last changed, as a sitemap says."""
        self._tx.executemany(
            "UPDATE messages SET payload = json_set(payload, '$.modified', ?) WHERE job_id = ?"
            " AND state IN ('ready', 'delayed') AND json_valid(payload)",
            [(moment, job_id) for job_id, moment in moments.items()],
        )

    def _add_sitemaps(self, files: Sequence[SitemapFile]) -> None:
        """Make jobs of those sitemaps whose URLs are neither a page nor a sitemap of the crawl yet."""
        if not files:
            return
        sql = "SELECT coalesce(sum(n), 0) FROM child_counts WHERE parent_id = ? AND type = ? AND step = ?"
        room = MAX_SITEMAPS - int(self._tx.value(sql, (self._root_id, JobType.SITEMAP, self._step)))
        for file in files:
            if room <= 0:
                return
            payload = {"level": file.level, "named": file.named, "hops": file.hops}
            job_id = self._insert_job(JobType.SITEMAP, Phase.PRE, file.url, None, payload)
            if job_id is None:
                continue
            room -= 1
            self._send(JobType.SITEMAP, job_id, file.url, payload, SOON)

    def _send(
        self, job_type: JobType, job_id: int | None, url: str | None, payload: dict[str, Any], priority: int = 0
    ) -> None:
        """Queue a job, in the lane of its URL's origin."""
        message = NewMessage(
            type=job_type,
            payload=payload,
            job_id=job_id,
            root_id=self._root_id,
            lane="" if url is None else origin_of(url),
            priority=priority,
        )
        self._queue.send(self._tx, message)

    def _insert_job(
        self, job_type: JobType, phase: Phase, url: str | None, name: str | None, payload: dict[str, Any]
    ) -> int | None:
        """Insert a job that is no page; return its id, or None when there is a job with that URL."""
        row = self._tx.one(
            "INSERT INTO jobs (parent_id, root_id, type, phase, status, step, url, name, payload, created_at, revision)"
            " VALUES (:root, :root, :type, :phase, 'pending', :step, :url, :name, :payload, :now, :revision)"
            " ON CONFLICT (root_id, step, url) DO NOTHING RETURNING id",
            {
                "root": self._root_id,
                "type": job_type,
                "phase": phase,
                "step": self._step,
                "url": url,
                "name": name,
                "payload": _encode(payload).decode() if payload else None,
                "now": self._tx.now,
                "revision": self._tx.revision,
            },
        )
        return None if row is None else int(row[0])

    def _room(self) -> int | None:
        """Return how many pages the crawl may still add; None for any number."""
        if self._config.max_pages is None:
            return None
        return max(0, self._config.max_pages - self.pages())

    def _skip(self, urls: Sequence[str], depth: int, found_on: int | None, verdict: Verdict) -> int:
        return self._insert_skips([(url, str(verdict.reason), verdict.rule) for url in urls], depth, found_on)

    def _refuse(self, found_on: int, depth: int, discovered: Discovered) -> int:
        if not discovered.refused:
            return 0
        rows = [(refusal.url, refusal.reason, refusal.rule) for refusal in discovered.refused]
        return self._insert_skips(rows, depth, found_on)

    def _insert_skips(self, rows: Sequence[tuple[str, str, str]], depth: int, found_on: int | None) -> int:
        before = self._skipped()
        self._tx.execute(
            "INSERT INTO skips (root_id, step, url, depth, reason, rule, found_on, found_at)"
            " SELECT :root, :step, value ->> 0, :depth, value ->> 1, value ->> 2, :found_on, :now FROM json_each(:rows)"
            " WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE root_id = :root AND step = :step AND url = value ->> 0)"
            # The shortest way there counts, should the rules change and let it in.
            " ON CONFLICT DO UPDATE SET depth = excluded.depth WHERE excluded.depth < skips.depth",
            {
                "root": self._root_id,
                "step": self._step,
                "depth": depth,
                "found_on": found_on,
                "now": self._tx.now,
                "rows": json_list(rows),
            },
        )
        return self._skipped() - before

    def _skipped(self) -> int:
        """Return how many URLs the crawl refused."""
        return int(self._tx.value("SELECT coalesce(sum(n), 0) FROM skip_counts WHERE root_id = ?", (self._root_id,)))

    def _move_closer(self, moves: list[tuple[int, int]]) -> int:
        """Lower the depth of jobs, and of the pages that they led to; return how many URLs were never met.

        A page that is still to be fetched needs nothing more: what it links to is placed when it is stored.
        """
        met = 0
        waiting = deque(moves)
        while waiting:
            job_id, depth = waiting.popleft()
            row = self._tx.one(
                "UPDATE jobs SET depth = ?, revision = ? WHERE id = ? AND depth > ?"
                " RETURNING document_id, coalesce(result ->> '$.redirect', result ->> '$.canonical'),"
                # In the trash nothing is queued.
                " iif(trashed_at IS NULL, status, NULL), cause",
                (depth, self._tx.revision, job_id, depth),
            )
            if row is None:
                continue
            document_id, redirect, status, cause = row
            if (status, cause) == (Status.SKIPPED, SkipReason.DEPTH) and depth <= self._config.max_depth:
                if self._room() != 0:
                    self.queue_again(job_id)
                else:
                    verdict = too_many(self._config)
                    sql = "UPDATE jobs SET cause = ?, error = ? WHERE id = ?"
                    self._tx.execute(sql, (verdict.reason, verdict.rule, job_id))
                continue
            links = documents.links_of(self._tx, document_id) if document_id is not None else []
            below = depth + 1
            if redirect is not None:
                links, below = [redirect], depth
            waiting.extend((known[0], below) for known in self._known(links).values() if known[1] > below)
            met += self._bring_back(links, below, job_id)
        return met

    def _bring_back(self, links: Sequence[str], depth: int, found_on: int) -> int:
        """Make pages of those *links* that had been too deep and are not any more."""
        if not links:
            return 0
        self._tx.execute(
            "UPDATE skips SET depth = :depth WHERE root_id = :root AND step = :step AND depth > :depth"
            " AND url IN (SELECT value FROM json_each(:links))",
            {"root": self._root_id, "step": self._step, "depth": depth, "links": json_list(links)},
        )
        rows: list[Any] = self._tx.execute(
            f"SELECT url FROM skips WHERE root_id = ? AND step = ? AND reason = ? AND url {AMONG}",
            (self._root_id, self._step, SkipReason.DEPTH, json_list(links)),
        ).fetchall()
        return self._add([url for (url,) in rows], depth, found_on)


def begin_crawl(
    tx: Tx, queue: Queue, root_id: int, config: CrawlConfig, step: int = NO_STEP, *, validated: bool = True
) -> None:
    """Queue what a crawl begins with: its seeds, and the job that checks them.

    Args:
        tx: the running transaction.
        queue: where the messages go.
        root_id: the root.
        config: its configuration, or that of its step.
        step: the step of the root that the crawl is; :data:`~quaero_desktop.domain.definitions.NO_STEP` for a root that
            is a crawl itself.
        validated: whether its start is to be checked.
    """
    frontier = Frontier(tx, queue, root_id, config, step)
    if validated:
        frontier.add_validation()
    frontier.add_seeds(config.seeds)
    if not config.obey_robots:
        message = "The rules of the sites for robots are not obeyed, as this crawl was told."
        joblog.write(tx, root_id, root_id, "warn", message)


def too_deep(config: CrawlConfig) -> Verdict:
    """Return what becomes of a page that is too many links away."""
    return Verdict(SkipReason.DEPTH, f"deeper than {config.max_depth}")


def too_many(config: CrawlConfig) -> Verdict:
    """Return what becomes of a page that there is no room for."""
    return Verdict(SkipReason.MAX_PAGES, f"no more than {config.max_pages} pages")
