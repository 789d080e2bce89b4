"""What documents say in short: the questions and the answers of summarising."""

from typing import Final, Protocol

import msgspec

from quaero_desktop.domain.urls import path_of

EXTRACTIVE: Final = "extractive"
"""The method that takes sentences out of the text itself, with nothing but what is on this machine."""

DEFAULT_SENTENCES: Final = 3
DEFAULT_KEYWORDS: Final = 8
CORPUS_KEYWORDS: Final = 20


class SummaryInput(msgspec.Struct, frozen=True, kw_only=True, tag="document"):
    """A document to summarise. The answer is a pure function of this.

    Attributes:
        text: its markdown.
        title: its title, or empty.
        language: its language as a BCP 47 tag; empty to find it out.
        sentences: the most sentences of the summary.
        keywords: the most keywords.
        excerpt: how much of the running text is wanted beside, for a language model, in its tokens; 0 for none.
    """

    text: str
    title: str = ""
    language: str = ""
    sentences: int = DEFAULT_SENTENCES
    keywords: int = DEFAULT_KEYWORDS
    excerpt: int = 0


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """A document of a collection, as far as the summary of the whole needs it.

    Attributes:
        level: how deep its address is: 0 for the front page of a site.
    """

    title: str
    summary: str
    keywords: tuple[str, ...]
    language: str = ""
    level: int = 0


class CorpusInput(msgspec.Struct, frozen=True, kw_only=True, tag="corpus"):
    """A collection to summarise, from what its documents say in short.

    Attributes:
        documents: in the order of their ids.
        sentences, keywords: the most of each.
    """

    documents: tuple[Digest, ...]
    sentences: int = DEFAULT_SENTENCES
    keywords: int = CORPUS_KEYWORDS


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What something says in short.

    Attributes:
        text: whole sentences in their order, separated by blanks; empty when there is no running text.
        keywords: the most telling first; no two are forms of the same word.
        language: what the text was taken for; empty when nobody knows.
        excerpt: the running text without code and tables, as long as was asked for.
        is_cut: whether the running text is longer than that.
    """

    text: str = ""
    keywords: tuple[str, ...] = ()
    language: str = ""
    excerpt: str = ""
    is_cut: bool = False


class SummaryFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A summary that could not be made: it took too long, needed too much memory, or crashed.

    Attributes:
        cause: PARSE, PARSE_TIMEOUT or PARSE_CRASH.
    """

    cause: str
    message: str


class StoredSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The summary of a document as the library has it.

    Attributes:
        method: :data:`EXTRACTIVE`, or the name of the language model that wrote it.
        made_at: when, in milliseconds UTC.
        stale: whether the document has changed since.
    """

    summary: str
    keywords: tuple[str, ...]
    method: str
    made_at: int
    stale: bool = False


class DocumentText(msgspec.Struct, frozen=True):
    """A document with what a summary of it is made from.

    Attributes:
        summary: what it had been summarised as, or None.
    """

    id: int
    title: str
    url: str
    language: str
    content_hash: str
    markdown: str
    summary: StoredSummary | None = None


class CollectedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document of a collection.

    Attributes:
        digest: what it says in short; None when it has not been summarised as it is now.
        level: how deep its address is.
    """

    id: int
    digest: Digest | None
    level: int


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """The documents that a step of a run is about, or a sample of them.

    Attributes:
        documents: in the order of their ids.
        total: how many there are altogether.
    """

    documents: tuple[CollectedDocument, ...]
    total: int


class SummariesPort(Protocol):
    """Reads what summaries are made from."""

    async def text(self, document_id: int) -> DocumentText:
        """Return a document.

        Raises:
            NotFoundError: it is gone.
        """

    async def collection(self, root_id: int, step: int, most: int) -> Collection:
        """Return the documents that a step is about, or a sample of *most* of them."""


def level_of(url: str) -> int:
    """Return how deep an address lies: 0 for the front page of a site, also under the usual names of one."""
    path = path_of(url).partition("?")[0].strip("/")
    if not path:
        return 0
    *folders, last = path.split("/")
    return len(folders) + (last.partition(".")[0].lower() not in ("index", "home", "default", "main", "readme"))
