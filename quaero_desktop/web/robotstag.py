"""The ``X-Robots-Tag`` header: what a server asks of crawlers about one answer.

Source: https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag#xrobotstag.
"""

from typing import NamedTuple

_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
"""Directives that have a colon of their own: what stands before it is no crawler's name."""


class RobotsTag(NamedTuple):
    """What is asked: not to store the page, not to follow its links."""

    noindex: bool = False
    nofollow: bool = False


NO_TAG = RobotsTag()


def robots_tag(value: str, agent: str) -> RobotsTag:
    """Return what ``X-Robots-Tag`` asks of us.

    Args:
        value: the header; the values of repeated ones, one a line.
        agent: our product token. ``name: noindex, nofollow`` is for that crawler alone, until the line ends or names
            another one; what stands before any name is for all.
    """
    if not value:
        return NO_TAG
    asked: set[str] = set()
    for line in value.lower().split("\n"):
        ours = True
        for part in line.split(","):
            name, colon, rest = part.partition(":")
            if colon and name.strip() not in _WITH_VALUE:
                ours = name.strip() == agent.lower()
                part = rest
            if ours:
                asked.add(part.strip())
    everything = "none" in asked
    return RobotsTag(everything or "noindex" in asked, everything or "nofollow" in asked)
