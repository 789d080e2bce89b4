"""New rules for a crawl under way, inside the ledger's transaction: what is queued and skipped is decided anew."""

import heapq
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import FOLLOW, CrawlConfig, CrawlScope, Verdict
from quaero_desktop.domain.jobs import JobType, SkipReason
from quaero_desktop.domain.outcomes import Discovered, Refusal
from quaero_desktop.domain.rulechange import RuleChange
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.jobs.discovery import Frontier, too_deep, too_many
from quaero_desktop.storage.queue import Queue

_LINK_RULES = frozenset({SkipReason.SCOPE, SkipReason.EXCLUDED, SkipReason.NOT_INCLUDED})
_RULES = (*sorted(_LINK_RULES), SkipReason.DEPTH, SkipReason.MAX_PAGES)
"""The reasons that another configuration may do away with; robots.txt, the page itself and traps say no to any."""
_AMONG_RULES = f"({', '.join(repr(str(reason)) for reason in _RULES)})"

_encode = msgspec.json.Encoder().encode


class Revision:
    """The pages and refused URLs of one root under its new configuration.

    The seeds are fetched whatever the rules say, as they are when a crawl starts; the limits hold for them too.

    Args:
        tx: the running transaction.
        queue: the messages of the root's pages.
        root_id: the root.
        config: its new configuration.
        step: the step of the root that they belong to.

    Attributes:
        scope: decides about links from now on.
    """

    def __init__(self, tx: Tx, queue: Queue, root_id: int, config: CrawlConfig, step: int = 0) -> None:
        self._tx = tx
        self._root_id = root_id
        self._config = config
        self._step = step
        self._frontier = Frontier(tx, queue, root_id, config, step)
        self._seeds = frozenset(config.seeds)
        # What a seed redirects to spans the scope, also where a rule keeps it from being a page.
        spanning = tx.execute(
            "SELECT url FROM jobs WHERE parent_id = :root AND type = :type AND depth = 0 AND url IS NOT NULL"
            " AND step = :step UNION SELECT url FROM skips WHERE root_id = :root AND depth = 0 AND step = :step",
            {"root": root_id, "type": JobType.CRAWLER_URL, "step": step},
        )
        self.scope = CrawlScope(config, tuple(dict.fromkeys((*config.seeds, *(url for (url,) in spanning)))))

    def apply(self) -> RuleChange:
        """Withdraw what is queued and does not fit any more, and queue what was skipped and fits now."""
        # In this order: what is withdrawn makes room.
        withdrawn = self._withdraw()
        return RuleChange(withdrawn, self._queue_again())

    def verdict(self, url: str, depth: int) -> Verdict:
        """Return what becomes of a page at that *depth*; the most pages are not part of it."""
        if url not in self._seeds and (verdict := self.scope.decide(url)).reason is not None:
            return verdict
        if depth > self._config.max_depth:
            return too_deep(self._config)
        return FOLLOW

    def _withdraw(self) -> int:
        rows = self._tx.execute(
            "SELECT j.id, j.url, j.depth, m.state = 'leased' FROM jobs j JOIN messages m ON m.job_id = j.id"
            " WHERE j.parent_id = ? AND j.status IN ('pending', 'running') AND j.type = ? AND j.url IS NOT NULL"
            " AND m.state <> 'dead' AND j.step = ?",
            (self._root_id, JobType.CRAWLER_URL, self._step),
        )
        withdrawn: list[tuple[int, Verdict]] = []
        running: list[tuple[int, Verdict]] = []
        kept: list[tuple[int, int]] = []
        for job_id, url, depth, is_running in rows:
            verdict = self.verdict(url, depth)
            if verdict.reason is not None:
                (running if is_running else withdrawn).append((job_id, verdict))
            elif not is_running:
                kept.append((depth, job_id))
        if self._config.max_pages is not None:
            excess = self._frontier.pages() - len(withdrawn) - self._config.max_pages
            withdrawn += [(job_id, too_many(self._config)) for _, job_id in heapq.nlargest(excess, kept)]
        self._mark(running)
        self.end([(job_id, verdict.reason, verdict.rule) for job_id, verdict in withdrawn])
        return len(withdrawn)

    def _mark(self, running: list[tuple[int, Verdict]]) -> None:
        """Note in the messages of pages under way that they are not to be tried once more, should they come back."""
        self._tx.execute(
            "UPDATE messages SET payload = json_remove(payload, '$.refused')"
            " WHERE root_id = ? AND iif(json_valid(payload), payload ->> '$.refused', NULL) IS NOT NULL"
            " AND (SELECT step FROM jobs WHERE jobs.id = job_id) = ?",
            (self._root_id, self._step),
        )
        self._tx.executemany(
            "UPDATE messages SET payload = json_set(payload, '$.refused', json(?))"
            " WHERE job_id = ? AND json_valid(payload)",
            [(_encode((verdict.reason, verdict.rule)).decode(), job_id) for job_id, verdict in running],
        )

    def end(self, rows: list[tuple[int, SkipReason | None, str]]) -> None:
        """Withdraw queued pages, each with its reason and rule."""
        changed = [{"job": job_id, "reason": reason, "rule": rule, **self._moment} for job_id, reason, rule in rows]
        # A delivery that never was, so that the end of this attempt stands among those that were.
        self._tx.executemany(
            "INSERT INTO attempts (job_id, attempt, delivery, started_at, ended_at, outcome, cause, error)"
            " SELECT j.id, j.attempt, m.delivery + 1, j.started_at, :now, 'skipped', :reason, :rule"
            " FROM messages m JOIN jobs j ON j.id = m.job_id WHERE m.job_id = :job",
            changed,
        )
        # What its message said is kept with the job, for when it is queued again.
        self._tx.executemany(
            "UPDATE jobs SET status = 'skipped', cause = :reason, error = :rule, completed_at = :now,"
            " revision = :revision,"
            " payload = (SELECT nullif(payload, '{}') FROM messages WHERE job_id = :job AND json_valid(payload))"
            " WHERE id = :job",
            changed,
        )
        self._tx.executemany("DELETE FROM messages WHERE job_id = :job", changed)

    def _queue_again(self) -> int:
        """Queue what fits now, the nearest first where there is no room for all; tell the others' reasons anew."""
        fitting: list[tuple[int, int, int | str, str, str]] = []
        refused: list[tuple[int | str, SkipReason | None, str]] = []
        rows = self._tx.execute(
            "SELECT depth, 0, id, url, cause, error FROM jobs WHERE parent_id = :root AND status = 'skipped'"
            " AND trashed_at IS NULL AND step = :step"
            f" AND type = :type AND url IS NOT NULL AND cause IN {_AMONG_RULES} UNION ALL"
            " SELECT depth, 1, url, url, reason, rule FROM skips"
            f" WHERE root_id = :root AND step = :step AND reason IN {_AMONG_RULES}",
            {"root": self._root_id, "type": JobType.CRAWLER_URL, "step": self._step},
        )
        for depth, kind, key, url, reason, rule in rows:
            verdict = self.verdict(url, depth)
            if verdict.reason is None:
                fitting.append((depth, kind, key, reason, rule))
            elif (verdict.reason, verdict.rule) != (reason, rule):
                refused.append((key, verdict.reason, verdict.rule))
        fitting.sort(key=lambda found: found[:3])
        room = len(fitting)
        if self._config.max_pages is not None:
            room = max(0, self._config.max_pages - self._frontier.pages())
            no_room = too_many(self._config)
            why = (no_room.reason, no_room.rule)
            refused += [(key, *why) for _, _, key, *known in fitting[room:] if tuple(known) != why]
        self._say_why(refused)
        urls: dict[int, list[str]] = {}
        for depth, _, key, *_ in fitting[:room]:
            if isinstance(key, int):
                self._frontier.queue_again(key)
            else:
                urls.setdefault(depth, []).append(key)
        for depth, found in urls.items():
            self._frontier.add_skipped(found, depth)
        return len(fitting[:room])

    def _say_why(self, refused: list[tuple[int | str, SkipReason | None, str]]) -> None:
        changed = [{"key": key, "reason": reason, "rule": rule, **self._moment} for key, reason, rule in refused]
        self._tx.executemany(
            "UPDATE jobs SET cause = :reason, error = :rule, revision = :revision WHERE id = :key",
            [row for row in changed if isinstance(row["key"], int)],
        )
        self._tx.executemany(
            "UPDATE skips SET reason = :reason, rule = :rule WHERE root_id = :root AND step = :step AND url = :key",
            [row for row in changed if isinstance(row["key"], str)],
        )

    @property
    def _moment(self) -> dict[str, Any]:
        return {"now": self._tx.now, "revision": self._tx.revision, "root": self._root_id, "step": self._step}


def decided_anew(scope: CrawlScope, depth: int, discovered: Discovered) -> tuple[Discovered, CrawlScope]:
    """Return what a page found under *scope*, whatever rules it was decided under, and the scope from then on.

    Who ran while the rules changed knew the old ones only.

    Args:
        scope: decides now.
        depth: of the page.
        discovered: what it found.
    """
    links = [*discovered.follow, *(refusal.url for refusal in discovered.refused if refusal.reason in _LINK_RULES)]
    if discovered.hops and depth == 0:
        # Where a seed redirects to is what the person meant.
        scope = CrawlScope(scope.config, tuple(dict.fromkeys((*scope.roots, *links))))
    follow = []
    refused = [refusal for refusal in discovered.refused if refusal.reason not in _LINK_RULES]
    for link in dict.fromkeys(links):
        verdict = scope.decide(link)
        if verdict.reason is None:
            follow.append(link)
        else:
            refused.append(Refusal(link, verdict.reason, verdict.rule))
    return msgspec.structs.replace(discovered, follow=tuple(follow), refused=tuple(refused)), scope
