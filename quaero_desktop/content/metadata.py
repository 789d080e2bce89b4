"""What a page says about itself: title, description, language, author, date, canonical URL, wishes to robots."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote

from lxml import etree

from quaero_desktop.content.links import Resolver
from quaero_desktop.domain.text import single_line
from quaero_desktop.domain.urls import host_of, path_of

_TITLE_LIMIT = 500
_DESCRIPTION_LIMIT = 2_000
_AUTHOR_LIMIT = 200
_JSON_LD_LIMIT = 300_000
_JSON_LD_NODES = 2_000

_TITLES = ("og:title", "twitter:title", "dc.title", "dcterms.title")
_DESCRIPTIONS = ("description", "og:description", "dc.description", "dcterms.description", "twitter:description")
_AUTHORS = ("author", "article:author", "dc.creator", "dcterms.creator", "citation_author", "parsely-author", "byl")
_DATES = (
    "article:published_time", "datepublished", "dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date",
    "dcterms.date", "citation_publication_date", "citation_date", "parsely-pub-date", "pubdate", "publish-date",
    "publishdate", "publication_date", "date",
)  # fmt: skip
_DATED_TYPES = re.compile(r"Article|BlogPosting|Report|WebPage|Posting|QAPage|Question|VideoObject")

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,4}")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003fffd]")
_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")


class Metadata(NamedTuple):
    """See :class:`quaero_desktop.domain.pages.ParsedPage` for the meaning of each."""

    title: str
    description: str
    language: str
    author: str
    published: int | None
    canonical: str | None
    noindex: bool
    nofollow: bool


def read(root: etree._Element, resolve: Resolver, linked_author: str = "") -> Metadata:
    """Return what the page *root* says about itself; what it does not say is empty.

    Args:
        root: the whole page.
        resolve: makes the canonical URL absolute.
        linked_author: the text of a link to the author, the last to be believed.
    """
    metas: dict[str, str] = {}
    canonical = None
    title = ""
    written: list[str] = []
    times: list[etree._Element] = []
    for element in root.iter("meta", "title", "link", "script", "time"):
        tag = element.tag
        if tag == "meta":
            name = (
                element.get("name") or element.get("property") or element.get("itemprop") or element.get("http-equiv")
            )
            content = element.get("content")
            if name and content and name.lower() not in metas:
                metas[name.lower()] = content
        elif tag == "title":
            # A title inside an svg names a picture.
            if not title and (parent := element.getparent()) is not None and parent.tag != "svg":
                title = single_line(element.text or "", _TITLE_LIMIT)
        elif tag == "link":
            if (
                canonical is None
                and (element.get("rel") or "").lower() == "canonical"
                and (href := element.get("href"))
            ):
                canonical = resolve[href.partition("#")[0]]
        elif tag == "time":
            times.append(element)
        elif element.get("type") == "application/ld+json" and element.text:
            written.append(element.text)
    structured = _structured(written)
    robots = f"{metas.get('robots', '')},{metas.get('quaerodesktop', '')}".lower()
    asked = {word.strip() for word in robots.split(",")}
    return Metadata(
        title=title or _first(metas, _TITLES, _TITLE_LIMIT),
        description=_first(metas, _DESCRIPTIONS, _DESCRIPTION_LIMIT),
        language=_language(root, metas),
        author=_author(metas, structured) or linked_author,
        published=_published(times, metas, structured),
        canonical=canonical,
        noindex=not asked.isdisjoint(("noindex", "none")),
        nofollow=not asked.isdisjoint(("nofollow", "none")),
    )


def title_from_url(url: str) -> str:
    """Return the last segment of the path of a canonical *url* as a title, or its host."""
    path = path_of(url).partition("?")[0].rstrip("/")
    return single_line(unquote(path.rpartition("/")[2]), _TITLE_LIMIT) or host_of(url)


def language_of_text(text: str) -> str:
    """Return ``ja``, ``ko`` or ``zh`` when most letters of *text* are of that script, else an empty string."""
    sample = text[:8_000]
    if sample.isascii():
        return ""
    letters = len(sample) - sample.count(" ")
    kana, hangul, han = (len(script.findall(sample)) for script in (_KANA, _HANGUL, _HAN))
    if (kana + hangul + han) * 5 < letters:
        return ""
    if hangul > kana + han:
        return "ko"
    # Japanese prose is about half kana; Chinese has none but in quotations.
    return "ja" if kana * 8 > han else "zh"


def _first(metas: dict[str, str], names: tuple[str, ...], limit: int) -> str:
    for name in names:
        if name in metas and (line := single_line(metas[name], limit)):
            return line
    return ""


def _language(root: etree._Element, metas: dict[str, str]) -> str:
    html = root
    for claim in (
        html.get("lang"),
        html.get("xml:lang"),
        html.get("{http://www.w3.org/XML/1998/namespace}lang"),
        metas.get("content-language", "").partition(",")[0],
        metas.get("og:locale"),
        metas.get("dc.language"),
        next((body.get("lang") for body in root.iter("body")), None),
    ):
        tag = (claim or "").strip().lower().replace("_", "-")
        if _LANGUAGE.fullmatch(tag):
            return tag
    return ""


def _author(metas: dict[str, str], structured: list[dict[str, Any]]) -> str:
    for name in _AUTHORS:
        line = single_line(metas.get(name, ""), _AUTHOR_LIMIT)
        # Facebook's article:author is often the address of a profile.
        if line and "://" not in line:
            return line
    for item in structured:
        names = [entry.get("name") if isinstance(entry, dict) else entry for entry in _listed(item.get("author"))]
        if line := single_line(", ".join(name for name in names if isinstance(name, str)), _AUTHOR_LIMIT):
            return line
    return ""


def _published(times: list[etree._Element], metas: dict[str, str], structured: list[dict[str, Any]]) -> int | None:
    claims = [metas[name] for name in _DATES if name in metas]
    claims[1:1] = [str(item["datePublished"]) for item in structured if item.get("datePublished")]
    for element in times:
        if stamp := element.get("datetime"):
            if element.get("pubdate") is not None or element.get("itemprop") == "datePublished":
                claims.insert(0, stamp)
            else:
                claims.append(stamp)
            break
    return next((moment for claim in claims if (moment := milliseconds(claim)) is not None), None)


def milliseconds(text: str) -> int | None:
    """Return the moment that *text* names (ISO 8601, RFC 2822, a plain date) as milliseconds UTC, or None.

    A date without a time is its midnight, a time without a zone is UTC.
    """
    text = text.strip()[:64]
    moment = None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        if match := _DAY.match(text) or _COMPACT_DAY.fullmatch(text):
            try:
                moment = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
            except ValueError:
                return None
        elif "," in text or ":" in text:
            from email.utils import parsedate_to_datetime  # a tenth of the start of a process, and few pages need it

            try:
                moment = parsedate_to_datetime(text)
            except (ValueError, TypeError, IndexError, OverflowError):
                return None
    # Clocks that were never set say 1970; nothing on the web is older than 1990.
    if moment is None or not 1990 <= moment.year <= 2100:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _structured(scripts: list[str]) -> list[dict[str, Any]]:
    """The JSON-LD items of the page that may have an author and a date."""
    return [item for script in scripts for item in _items(script) if _DATED_TYPES.search(str(item.get("@type", "")))]


def _items(script: str) -> Iterator[dict[str, Any]]:
    if len(script) > _JSON_LD_LIMIT:
        return
    try:
        waiting = [json.loads(script)]
    except (ValueError, RecursionError):
        return
    for _ in range(_JSON_LD_NODES):
        if not waiting:
            return
        value = waiting.pop(0)
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            yield value
            waiting.extend(_listed(value.get("@graph")))
            waiting.extend(_listed(value.get("mainEntity")))
