"""How far a crawl goes: the hosts, folders or domains that its seeds span."""

import functools
import re
from typing import Any, Literal

from quaero_desktop.domain import urls

ScopeKind = Literal["host", "prefix", "domain"]

_PORT = re.compile(r":\d+\Z")
_NAMED = 3
"""So many hosts or folders of a scope are named before "and 2 more"."""


class Extent:
    """What the seeds of a crawl span.

    Args:
        kind: ``host``: the seeds' hosts, each with its port; http and https are one host when both use their default
            ports. ``prefix``: what lies below the seeds' folders there. ``domain``: all hosts of the seeds' registered
            domains at the same port; see :func:`site_of`.
        roots: the seeds and where they redirected to, canonical.
    """

    def __init__(self, kind: ScopeKind, roots: tuple[str, ...]) -> None:
        self._kind = kind
        self._sites: frozenset[str] = frozenset()
        self._prefixes: tuple[str, ...] = ()
        match kind:
            case "host":
                self._sites = frozenset(origin for url in roots for origin in _both_schemes(urls.origin_of(url)))
                named = [urls.host_of(url) for url in roots]
            case "prefix":
                folders = _folders(roots)
                self._prefixes = tuple(prefix for folder in folders for prefix in _both_schemes(folder))
                named = [folder.partition("//")[2] for folder in folders]
            case _:
                named = [site_of(urls.host_of(url)) for url in roots]
                self._sites = frozenset(named)
        self.name = f"{kind}: {_list(named)}"

    def holds(self, url: str) -> bool:
        """Return whether the canonical *url* belongs to the crawl."""
        if self._kind == "host":
            return url[: url.index("/", 8)] in self._sites
        if self._kind == "prefix":
            return url.startswith(self._prefixes)
        return site_of(url[url.index("//") + 2 : url.index("/", 8)]) in self._sites


@functools.lru_cache(maxsize=4096)
def site_of(host: str) -> str:
    """Return the registered domain of a canonical ``host[:port]``, with the port.

    By the public suffix list (https://publicsuffix.org/), so the site of ``docs.python.org`` is ``python.org``, that of
    ``a.shop.co.uk`` is ``shop.co.uk``, and each user of ``github.io`` has a site of their own. A host without a
    registered domain (an address, a name without a dot, a public suffix itself) is its own site.
    """
    port = _PORT.search(host)
    name = host[: port.start()] if port else host
    if name.startswith("[") or name.rpartition(".")[2].isdigit():
        return host
    domain = _public_suffixes().privatesuffix(name.removesuffix("."))
    if not domain:
        return host
    return domain + port[0] if port else str(domain)


@functools.cache
def _public_suffixes() -> Any:
    # Imported by need: only this scope asks, and reading the bundled list takes 0.1 s.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def _both_schemes(start: str) -> tuple[str, ...]:
    """Return *start* (an origin, or one and a folder) for http and for https, if its port is the default of both."""
    scheme, _, rest = start.partition("://")
    if _PORT.search(rest.partition("/")[0]):
        return (start,)
    return (start, f"{'http' if scheme == 'https' else 'https'}://{rest}")


def _folders(roots: tuple[str, ...]) -> list[str]:
    """Return the folders of *roots*, leaving out those below another one."""
    pages = {url.partition("?")[0] for url in roots}
    # With /docs and /docs/ the server has said that it is a folder: it sent the crawler from the one to the other.
    folders = {f"{page}/" if f"{page}/" in pages else page[: page.rindex("/") + 1] for page in pages}
    kept: list[str] = []
    for folder in sorted(folders):
        if not folder.startswith(tuple(kept)):
            kept.append(folder)
    return kept


def _list(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
