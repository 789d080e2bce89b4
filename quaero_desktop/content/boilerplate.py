"""What generators and themes put around the text of a page, told by tags, roles, ids and classes.

Only names that mean one thing wherever they occur are here, so that this holds inside marked main content too;
:mod:`quaero_desktop.content.maincontent` is bolder where nothing is marked.
"""

from enum import Enum
from functools import lru_cache
from typing import cast

from lxml import etree


class Kind(Enum):
    """What a block is, when it is not simply content."""

    NOISE = "noise"
    ADMONITION = "admonition"
    TITLE = "title"


_NOISE = frozenset(
    # navigation of documentation generators
    "navheader navfooter sphinxsidebar sphinxsidebarwrapper related rst-footer-buttons rst-versions wy-nav-side"
    " wy-breadcrumbs wy-side-nav-search bd-sidebar bd-sidebar-primary bd-sidebar-secondary prev-next-area"
    " pagination-nav theme-doc-breadcrumbs theme-doc-toc-mobile theme-doc-toc-desktop theme-doc-footer"
    " theme-doc-version-badge md-sidebar md-source-file md-feedback md-tabs md-path subnav-outer nav-panel navpath"
    " mobile-nav nav-wide-wrapper nav-wrapper menu-bar vp-sidebar page-nav page-edit table-of-contents"
    " tableofcontents-nav mainmenu submenu searchmenu fancy_toc tagline desktoponly"
    # wikis
    " mw-editsection mw-jump-link mw-indicators navbox vertical-navbox navbar catlinks printfooter mw-hidden-catlinks"
    " noprint ambox mbox-small sistersitebox portalbox mw-references-wrap-nav page-metadata"
    # blogs, news, shops
    " footer breadcrumb breadcrumbs sidebar widget-area site-header site-footer page-footer post-navigation nav-links"
    " navigation paging pager pagination sharedaddy jp-relatedposts addtoany_share_save_container social-share"
    " share-buttons social-links post-share entry-footer comment-respond comments-area newsletter newsletter-signup"
    " related-posts related-articles recommended author-bio advertisement advert ad-container adsbygoogle promo"
    # consent and what only screen readers read
    " cookie-banner cookie-notice cookie-consent cookie-law-info-bar cc-window cc-banner gdpr consent-banner"
    " onetrust-consent-sdk skip-link skip-to-content sr-only visually-hidden screen-reader-text"
    # forums
    " post-menu-area topic-map post-signature signature username_container user-signature postprofile post-buttons"
    " js-post-menu votecell js-voting-container"
    # switches of the Python manual
    " version_switcher_placeholder language_switcher_placeholder inline-search menu-wrapper".split()
)

_NOISE_IDS = frozenset(
    "nav navbar navigation sidebar side-nav footer header-nav breadcrumbs breadcrumb toc comments disqus_thread"
    " cookie-banner cookie-notice cookie-consent onetrust-consent-sdk sphinxsidebar catlinks mw-navigation siteSub"
    " contentSub jump-to-nav mw-panel mw-head p-search related-posts searchbox menu nav-path side-nav side-nav-toc"
    " skip-link respond".split()
)

_NOISE_ROLES = frozenset("navigation search banner contentinfo menu menubar toolbar tablist dialog alertdialog".split())

_ADMONITIONS = frozenset(
    "admonition admonitionblock note tip warning caution important danger hint attention seealso markdown-alert"
    " theme-admonition callout custom-block notecard starlight-aside bs-callout alert".split()
)

_KEPT_ASIDES = frozenset("footnote footnote-list topic citation-list pullquote".split())

_TITLES = frozenset(("fancy_title",))

_PERMALINKS = frozenset("headerlink anchor hash-link header-anchor anchorjs-link heading-anchor heading-link".split())
_PERMALINK_SIGNS = frozenset(("", "¶", "#", "§", "🔗", "\u200b", "link", "Permalink"))
LONGEST_PERMALINK = 9
"""Characters of the longest text of a link that only gives an address."""

_HIDDEN_SPANS = frozenset(
    "mw-editsection mw-cite-backlink sr-only visually-hidden screen-reader-text linenos lineno lnt ln gutter katex-html"
    " navigation-text versionbadge".split()
)
_GUTTERS = frozenset("linenos gutter rouge-gutter lntd-gutter hljs-ln-numbers line-numbers blob-num".split())


@lru_cache(maxsize=4096)
def _by_class(names: str) -> Kind | None:
    words = names.split()
    if not _NOISE.isdisjoint(words):
        return Kind.NOISE
    if not _ADMONITIONS.isdisjoint(words):
        return Kind.ADMONITION
    if not _TITLES.isdisjoint(words):
        return Kind.TITLE
    return None


def kind_of(element: etree._Element) -> Kind | None:
    """Return what the block *element* is when it is not simply content."""
    kind = None
    shown = True
    for name, value in cast("list[tuple[str, str]]", element.items()):
        if name == "class":
            kind = _by_class(value)
            if kind is Kind.NOISE and not _KEPT_ASIDES.isdisjoint(value.split()):
                kind = None
            elif kind is Kind.NOISE and len(element) and element[0].get("class") == "sidebar-title":
                kind = Kind.ADMONITION  # reStructuredText's sidebar is a box in the text
        elif name == "id":
            if value in _NOISE_IDS:
                return Kind.NOISE
        elif name == "role":
            if value in _NOISE_ROLES:
                return Kind.NOISE
            if value == "tabpanel":
                return kind
        elif name in ("hidden", "aria-hidden"):
            shown = shown and value not in ("", "hidden", "true")
        elif name == "style":
            shown = shown and "display:none" not in value.replace(" ", "")[:200]
    # What a script would show on a click in a row of tabs is text of the page.
    if not shown and "tab" not in (element.get("class") or ""):
        return Kind.NOISE
    if kind is None and element.tag in ("aside", "footer"):
        return _by_place(element)
    return kind


def _by_place(element: etree._Element) -> Kind | None:
    words = (element.get("class") or "").split()
    if not _KEPT_ASIDES.isdisjoint(words) or any("footnote" in word for word in words):
        return None
    parent = element.getparent()
    # The footer of a quotation names who said it.
    return None if element.tag == "footer" and parent is not None and parent.tag == "blockquote" else Kind.NOISE


def is_permalink(element: etree._Element) -> bool:
    """Whether a link with a fragment only gives the address of the heading or the term that it stands in."""
    names = element.get("class")
    if names is not None and not _PERMALINKS.isdisjoint(names.split()):
        text = etree.tostring(element, method="text", encoding="unicode", with_tail=False)
        return len(text.strip()) <= LONGEST_PERMALINK
    return not len(element) and (element.text or "").strip() in _PERMALINK_SIGNS


@lru_cache(maxsize=1024)
def is_hidden_span(names: str) -> bool:
    """Whether a ``span`` with the classes *names* is no text of its paragraph."""
    return not _HIDDEN_SPANS.isdisjoint(names.split())


def is_gutter(cell: etree._Element) -> bool:
    """Whether a table's *cell* holds the line numbers of the code in the next one."""
    names = cell.get("class")
    return names is not None and not _GUTTERS.isdisjoint(names.split())


def is_decoration(image: etree._Element) -> bool:
    """Whether an *image* is part of the page's dress."""
    return "logo" in (image.get("class") or "").split() or image.get("role") == "presentation"


def empty(element: etree._Element) -> None:
    """Take all that is in *element*, and leave it where it is.

    Removing it would take the text after it along, and moving that text fails when it holds control characters.
    """
    element.clear(keep_tail=True)  # type: ignore[call-arg]  # lxml-stubs do not know it


def settle_in_code(element: etree._Element) -> None:
    """Make an element within a ``pre`` say what it shows: numbers and buttons nothing, a block a line of its own."""
    words = set((element.get("class") or "").split())
    if element.tag == "button" or not words.isdisjoint(_GUTTERS | _HIDDEN_SPANS | _PERMALINKS):
        empty(element)
        return
    is_line = element.tag == "div" or (element.tag == "td" and element.getnext() is None)
    if is_line and not (element.tail or "").startswith("\n") and next(element.iter("br"), None) is None:
        end_line(element)


def end_line(element: etree._Element) -> None:
    """End a line of code within *element*, by a break that has a line feed for its text."""
    line_break = element if element.tag == "br" else etree.SubElement(element, "br")
    line_break.text = "\n"


def without_signature_links(signature: str) -> str:
    """Return the text of a Sphinx signature without its permalink and its link to the source."""
    return signature.removesuffix("¶").rstrip().removesuffix("[source]").rstrip()
