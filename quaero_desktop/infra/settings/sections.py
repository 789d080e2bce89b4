"""All settings, by section: their types, bounds and defaults, and what each of them means."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quaero_desktop.domain.crawl import ScopeKind
from quaero_desktop.domain.identity import PARAMETER_NAME, TRACKING_PARAMETERS

LogLevel = Literal["debug", "info", "warn", "error"]
ThemeName = Literal["system", "light", "dark"]

# What an HTTP header can carry without an encoding; \Z because $ also matches before a line feed.
_HEADER_TEXT = r"\A[\x20-\x7e]*\Z"
# A path that means the same folder wherever Quaero is started: from the root, a drive, a server or one's home.
_FULL_PATH = r"\A(?:(?:[/\\]|~(?:[/\\]|\Z)|[A-Za-z]:[/\\])[^\x00-\x1f\x7f]*)?\Z"


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Workers and retries."""

    num_workers: Annotated[int, Meta(ge=1, le=64, description="How many pages are worked on at the same time.")] = 5
    lease_seconds: Annotated[
        float,
        Meta(ge=1, le=3600, description="How long a worker may be silent before its page is given to another one."),
    ] = 60.0
    max_attempts: Annotated[
        int, Meta(ge=1, le=100, description="How often a page is tried before it is set aside as failed.")
    ] = 4
    backoff_base_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="The wait after the first failure; it doubles with each further one.")
    ] = 2.0
    backoff_max_seconds: Annotated[
        float, Meta(ge=0, le=86_400, description="The longest wait between two tries, unless the server asks for more.")
    ] = 300.0
    stop_grace_seconds: Annotated[
        float, Meta(ge=0, le=60, description="How long pages under way may go on when Quaero is asked to stop.")
    ] = 1.5


class CrawlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a new crawl starts with."""

    max_depth: Annotated[int, Meta(ge=0, le=1000, description="The most links to follow from the first page.")] = 5
    per_host: Annotated[int, Meta(ge=1, le=64, description="The most requests under way at one host.")] = 2
    delay_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="The least time between the starts of two requests at one host.")
    ] = 0.25
    local_delay_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="The same for servers on this very computer.")
    ] = 0.0
    host_failures: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="How many failures of one host in a row pause a crawl; a page that does not exist is none."
            " 0 for any number.",
        ),
    ] = 10
    obey_robots: Annotated[bool, Meta(description="Whether robots.txt decides what may be fetched.")] = True
    scope: Annotated[
        ScopeKind,
        Meta(description="How far a crawl goes: the same host, below the first page's folder, or its whole domain."),
    ] = "host"
    tracking_parameters: Annotated[
        tuple[Annotated[str, Meta(max_length=100, pattern=rf"\A{PARAMETER_NAME}\Z")], ...],
        Meta(
            max_length=1000,
            description="Query parameters that are dropped from every address, since they tell who sent the visitor and"
            " not what is shown; utm_* means all that begin with utm_. What is written here replaces the whole list.",
        ),
    ] = TRACKING_PARAMETERS


class FetchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one request, and who we say we are."""

    user_agent: Annotated[
        str,
        Meta(
            max_length=300,
            pattern=_HEADER_TEXT,
            description="What Quaero calls itself to servers; empty for its own name.",
        ),
    ] = ""
    contact: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=_HEADER_TEXT,
            description="An e-mail or web address that is added to that name, so that a site's owner can reach you.",
        ),
    ] = ""
    total_seconds: Annotated[
        float, Meta(ge=1, le=3600, description="The most time for one page, from the request to the last byte.")
    ] = 60.0
    connect_seconds: Annotated[
        float, Meta(ge=0.1, le=600, description="The most time to reach a server; never more than total_seconds.")
    ] = 15.0
    max_bytes: Annotated[
        int, Meta(ge=1024, le=1_000_000_000, description="The largest page, in bytes after decompression.")
    ] = 10_000_000
    max_ratio: Annotated[
        int, Meta(ge=2, le=100_000, description="The most bytes that one compressed byte may become.")
    ] = 200


class ParseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The processes that turn pages into text."""

    processes: Annotated[int, Meta(ge=0, le=64, description="How many there are; 0 for one per processor core.")] = 0
    timeout_seconds: Annotated[
        float, Meta(ge=0.1, le=600, description="The most time for one page; then its process is ended.")
    ] = 20.0
    memory_mb: Annotated[int, Meta(ge=128, le=65_536, description="The most memory of one process, in megabytes.")] = (
        1024
    )


class SummariesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Summaries of documents. They are made on this computer; nothing is sent anywhere unless an endpoint is set."""

    endpoint: Annotated[
        str,
        Meta(
            max_length=500,
            pattern=r"\A(?:https?://[!-.0->A-Z\[-~]+(?:/[!-\"$->A-~]*)?)?\Z",
            description="Where a language model of yours answers as OpenAI does (llama.cpp, Ollama and others do);"
            " empty for none. The text of documents is sent there, and only there.",
            extra={"expected": "the http or https address of a server without a password in it, or empty"},
        ),
    ] = ""
    model: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=_HEADER_TEXT,
            description="Which model to ask there; empty for the first that the server offers.",
        ),
    ] = ""
    context_tokens: Annotated[
        int,
        Meta(
            ge=1024,
            le=1_000_000,
            description="How much the model can read at a time, in tokens of some four letters; of a longer document it"
            " gets the beginning and what the other parts begin with.",
        ),
    ] = 4096
    timeout_seconds: Annotated[float, Meta(ge=1, le=3600, description="The most time for one answer of the model.")] = (
        120.0
    )
    sentences: Annotated[int, Meta(ge=1, le=50, description="The most sentences of a summary.")] = 3
    at_once: Annotated[
        int, Meta(ge=1, le=16, description="How many documents the model is asked about at the same time.")
    ] = 1


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The library."""

    library: Annotated[
        str,
        Meta(
            max_length=4000,
            pattern=_FULL_PATH,
            description="The folder of the library, where --library and QUAERO_LIBRARY name none; empty for the usual.",
            extra={"expected": "the full path of a folder"},
        ),
    ] = ""
    allow_network_folder: Annotated[
        bool, Meta(description="Whether a library may be in a network or cloud folder, where databases get damaged.")
    ] = False
    keep_backups: Annotated[int, Meta(ge=1, le=1000, description="How many backups are kept.")] = 5
    log_retention_days: Annotated[
        int, Meta(ge=0, le=36_500, description="How long the logs of ended jobs are kept, in days; 0 keeps them.")
    ] = 30
    job_retention_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="How long ended jobs are kept, in days; 0 keeps them. Documents stay, and so do jobs that were"
            " imported.",
        ),
    ] = 0


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Diagnostics."""

    level: Annotated[LogLevel, Meta(description="The least important messages that are written.")] = "info"


class WindowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the window looks."""

    theme: Annotated[ThemeName, Meta(description="Light or dark; system for whatever the desktop uses.")] = "system"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, by section. Each field of a section is one key of ``settings.toml``."""

    queue: QueueSettings = msgspec.field(default_factory=QueueSettings)
    crawl: CrawlSettings = msgspec.field(default_factory=CrawlSettings)
    fetch: FetchSettings = msgspec.field(default_factory=FetchSettings)
    parse: ParseSettings = msgspec.field(default_factory=ParseSettings)
    summaries: SummariesSettings = msgspec.field(default_factory=SummariesSettings)
    storage: StorageSettings = msgspec.field(default_factory=StorageSettings)
    log: LogSettings = msgspec.field(default_factory=LogSettings)
    window: WindowSettings = msgspec.field(default_factory=WindowSettings)
