"""The links of a page: absolute, canonical, each once."""

from typing import NamedTuple

from lxml import etree

from quaero_desktop.domain.urls import MAX_URL_LENGTH, join

_FOLLOWED_LINK_RELATIONS = frozenset({"next", "prev", "previous"})


class Links(NamedTuple):
    """What a page points to.

    Attributes:
        base: the absolute URL that its relative links start from.
        found: canonical http(s) URLs in the page's order, without duplicates, ``nofollow`` ones left out.
        others: how many of its distinct links are not followed: another scheme, no URL at all, or ``nofollow``.
    """

    base: str
    found: tuple[str, ...]
    others: int


class Resolver(dict[str, str | None]):
    """The canonical URL of each ``href`` of one page, None where it is empty, does not parse or is not http(s).

    A dictionary that fills itself: joining costs 2 us a link; fragments cut and duplicates removed before it, 0.3 us
    (measured on the Python manual).

    Args:
        base: the absolute URL that relative links start from.
    """

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def __missing__(self, href: str) -> str | None:
        cut = href.partition("#")[0].strip()
        if cut != href:
            url = self[cut] if cut else None
        else:
            # A longer one is data in a link, and takes time to refuse.
            url = join(self.base, href) if 0 < len(href) <= MAX_URL_LENGTH else None
            if url is not None and len(url) > MAX_URL_LENGTH:
                url = None
        self[href] = url
        return url


def base_of(root: etree._Element, url: str) -> str:
    """Return what relative links start from: the first ``<base href>`` of the page, else its own *url*."""
    for element in root.iter("base"):
        if href := element.get("href"):
            return join(url, href.strip()) or url
    return url


def collect(root: etree._Element, resolve: Resolver) -> Links:
    """Return the links of the page: ``a``, ``area``, ``link rel=next|prev``, ``iframe`` and ``frame``."""
    found: dict[str, None] = {}
    others: set[str] = set()
    for element in root.iter("a", "area", "link", "iframe", "frame"):
        href = element.get("href") or element.get("src")
        if not href or href.startswith("#"):
            continue
        relation = element.get("rel")
        if relation is not None or element.tag == "link":
            relations = (relation or "").lower().split()
            if element.tag == "link" and _FOLLOWED_LINK_RELATIONS.isdisjoint(relations):
                continue
            if "nofollow" in relations:
                others.add(href)
                continue
        url = resolve[href]
        if url is not None:
            found[url] = None
        else:
            others.add(href)
    return Links(resolve.base, tuple(found), len(others))
