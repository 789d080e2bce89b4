"""The import of a legacy Quaero database: what will come, what came, and what is left out and why (O2)."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import msgspec

from quaero_desktop.domain.errors import KnownError


class Kind(StrEnum):
    """What can come from a legacy database, in the order in which it comes."""

    CREDENTIALS = "credentials"
    SOURCES = "sources"
    DEFINITIONS = "definitions"
    DOCUMENTS = "documents"
    JOBS = "jobs"
    LOGS = "logs"
    SEEN_URLS = "seen_urls"


class LegacyFileError(KnownError):
    """The file that was to be imported cannot be: it is missing, damaged, locked, or no Quaero database."""


class LeftOut(msgspec.Struct, frozen=True, gc=False):
    """A row, or a part of one, that does not come.

    Attributes:
        table: of the legacy database.
        id: the row; of log lines and seen URLs their job.
        reason: one sentence; what stands after a colon is about this row alone.
    """

    table: str
    id: str
    reason: str

    @property
    def why(self) -> str:
        """The reason as it is the same for many rows."""
        return self.reason.partition(": ")[0]


class Reason(msgspec.Struct, frozen=True):
    """How often something of a table is left out for one reason, with the first few ids."""

    table: str
    why: str
    count: int
    examples: tuple[str, ...]


_EXAMPLES = 5


def reasons(left_out: Iterable[LeftOut]) -> tuple[Reason, ...]:
    """Return what is left out by table and reason, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[str]] = {}
    for each in left_out:
        key = (each.table, each.why)
        counts[key] += 1
        known = examples.setdefault(key, [])
        if len(known) < _EXAMPLES:
            known.append(each.id)
    return tuple(
        Reason(table, why, number, tuple(examples[table, why])) for (table, why), number in counts.most_common()
    )


class ImportPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What an import of a file would do now.

    Attributes:
        file: the legacy database.
        coming: how many of each kind would come that the library does not have yet. Of seen URLs most have a job
            already, and only the others come as pages of their crawl.
        present: how many of each kind the library has from an import before.
        left_out: what would not come, or only in part.
        secrets: how many credentials bring a secret that no keyring has yet.
        secrets_kept: whether a keyring can keep those.
        scheduled: the names of the definitions that will run by a schedule.
    """

    file: Path
    coming: dict[str, int]
    present: dict[str, int]
    left_out: tuple[LeftOut, ...] = ()
    secrets: int = 0
    secrets_kept: bool = True
    scheduled: tuple[str, ...] = ()

    @property
    def brings_anything(self) -> bool:
        """Whether the library, or the keyring, would have more afterwards."""
        return any(self.coming.values()) or (self.secrets > 0 and self.secrets_kept)


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did.

    Attributes:
        file: the legacy database.
        imported: how many of each kind came.
        present: how many of each kind the library had from an import before.
        left_out: what did not come, or only in part.
        secrets: how many secrets of credentials were taken over.
    """

    file: Path
    imported: dict[str, int]
    present: dict[str, int]
    left_out: tuple[LeftOut, ...] = ()
    secrets: int = 0


class ImportProgress(msgspec.Struct, frozen=True):
    """How far an import is: *done* of *total* rows, and which *kind* comes just now; None while the file is read."""

    done: int
    total: int
    kind: Kind | None = None
