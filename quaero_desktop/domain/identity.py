"""When two URLs are one page: tracking parameters, aliases of a site, and what a page's ``rel=canonical`` is worth.

:mod:`quaero_desktop.domain.urls` knows one spelling for each URL. Here is what only a crawl can decide on top of it.
"""

import re
from collections.abc import Iterable

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import UsageError

TRACKING_PARAMETERS = tuple(
    """
    utm_* gclid gclsrc dclid gbraid wbraid gad_source gad_campaignid srsltid _ga _gl
    fbclid fb_action_ids fb_action_types fb_source fb_ref
    msclkid twclid ttclid li_fat_id igshid igsh epik rdt_cid sccid ref_src ref_url
    yclid ymclid ysclid _openstat
    mc_cid mc_eid mkt_tok _hsenc _hsmi __hssc __hstc __hsfp hsctatracking vero_id vero_conv oly_anon_id oly_enc_id
    ml_subscriber ml_subscriber_hash _branch_match_id _branch_referrer
    mtm_* pk_campaign pk_kwd pk_keyword pk_source pk_medium pk_content pk_cid
    ef_id s_kwcid s_cid irclickid irgwc cjevent wt_mc wt_zmc guccounter guce_referrer guce_referrer_sig
    """.split()
)
"""Query parameters that tell who sent the visitor and never what is shown.

Line by line: Google Ads and Analytics, Facebook, other advertisers and social sites, Yandex, mail campaigns, Branch,
Matomo, and shops' affiliates. Each is documented by its maker and belongs to nobody else. Left out on purpose are words
that sites use for contents too, like ``ref``, ``source``, ``sid``, ``id``, ``feature``, ``si`` and ``spm``.
"""

PARAMETER_NAME = r"[A-Za-z0-9_.~:$-]+\*?"
"""A regular expression for the name of a query parameter, with a ``*`` after it or not."""

_INDEX_FILE = re.compile(r"/(?:index|default)\.(?:x?html?|php\d?|aspx?|jsp|cgi)$")
_SESSION_SEGMENT = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;]*")
_BESIDE_THE_POINT = frozenset(
    """
    sid phpsessid jsessionid sessionid session_id cfid cftoken zenid oscsid
    print printable printer printview replytocom share nb amp highlight hilit
    sort sortby sort_by order orderby order_by dir direction
    ref referer referrer source from redirect redirected noredirect _ cb cachebuster timestamp
    """.split()
)
"""Parameters that do not choose what a page is about, when the page itself names its address without them.

A list of those that do not matter and not of those that do: there are sites whose every ``?id=7`` names one address as
canonical by mistake, and they must lose nothing.
"""


def check_parameter_name(name: str) -> None:
    """Refuse what is no name of a query parameter, with a ``*`` after it or not.

    Raises:
        UsageError: naming it.
    """
    if not re.fullmatch(PARAMETER_NAME, name):
        raise UsageError(
            f"“{name[:100]}” is not the name of a tracking parameter.",
            "Give names like gclid, or beginnings like utm_*.",
        )


def alias_origin(text: str) -> str:
    """Return the origin (``scheme://host[:port]``) that a person typed as another name of a site.

    Raises:
        UsageError: it is no web address, or has a path.
    """
    url = urls.seed(text)
    origin = urls.origin_of(url)
    if url != origin + "/":
        raise UsageError(f"“{text[:200]}” has more than a host; an alias is a whole site.", f"Give {origin}.")
    return origin


class Identity:
    """Gives each page of one crawl one URL.

    Args:
        home: the origin that the aliases stand for.
        aliases: origins that mean the same site.
        tracking: names of query parameters to drop, in any letter case; ``utm_*`` means all that begin with ``utm_``.
    """

    def __init__(self, home: str, aliases: Iterable[str] = (), tracking: Iterable[str] = ()) -> None:
        names = [name.lower() for name in tracking]
        self._home = home
        self._aliases = tuple(f"{alias}/" for alias in aliases if alias != home)
        self._names = frozenset(name for name in names if not name.endswith("*"))
        self._beginnings = tuple(name[:-1] for name in names if name.endswith("*"))

    def of(self, url: str) -> str:
        """Return the URL under which the page at the canonical *url* is known to this crawl; idempotent.

        What is left of the query keeps its order and spelling byte for byte.
        """
        if "?" in url:
            url = self._without_tracking(url)
        if self._aliases and url.startswith(self._aliases):
            url = self._home + urls.path_of(url)
        return url

    def _without_tracking(self, url: str) -> str:
        page, _, query = url.partition("?")
        parameters = query.split("&")
        kept = [parameter for parameter in parameters if not self._is_tracking(parameter)]
        if len(kept) == len(parameters):
            return url
        rest = "&".join(kept)
        return f"{page}?{rest}" if rest else page

    def _is_tracking(self, parameter: str) -> bool:
        name = parameter.partition("=")[0].lower()
        return name in self._names or name.startswith(self._beginnings)


def is_other_spelling(url: str, canonical: str) -> bool:
    """Return whether *canonical*, which the page at *url* names, may be believed to be that page and no other.

    That is so when the two differ in nothing but scheme, ``www.``, a trailing slash, the name of an index file, letter
    case of the path, the order of parameters, and parameters that choose no content (sessions, sort order, print
    views). A page that names quite another address is not believed: too many do by mistake, and it would be lost.

    Args:
        url: where the page was found, canonical.
        canonical: what its ``rel=canonical`` says, canonical.
    """
    return url != canonical and _bones(url) == _bones(canonical)


def _bones(url: str) -> tuple[str, str, list[str]]:
    path, _, query = urls.path_of(url).partition("?")
    path = _SESSION_SEGMENT.sub("", path.lower())
    path = _INDEX_FILE.sub("/", path).removesuffix("/")
    parameters = [
        parameter
        for parameter in query.split("&")
        if parameter and parameter.partition("=")[0].lower() not in _BESIDE_THE_POINT
    ]
    return urls.host_of(url).removeprefix("www."), path, sorted(parameters)
